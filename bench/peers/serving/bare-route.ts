// A bare Fastify route with the schema of a model and no model behind it: what HTTP, JSON and validation cost by themselves. Usage: bare-route.ts MODEL-DIR
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import fastify from 'fastify'
import { parseModelSchema, toOutputsSchema, toRowSchema } from '../../../src/watch/index.ts'

const file = join(process.argv[2]!, 'model.yaml')
const schema = parseModelSchema(readFileSync(file, 'utf8'), { file })
const app = fastify({ ajv: { customOptions: { coerceTypes: false, removeAdditional: false, strict: false } } })
const reply = {
  type: 'object',
  properties: {
    model: { type: 'string' },
    revision: { type: 'string' },
    prediction_id: { type: 'string' },
    outputs: toOutputsSchema(schema),
  },
}
const answer = {
  model: schema.name,
  revision: 'v1',
  prediction_id: '00000000-0000-4000-8000-000000000000',
  outputs: Object.fromEntries(schema.outputs.map(({ name }) => [name, 5.037782669067383])),
}
app.post(`/v1/models/${schema.name}/predict`, { schema: { body: toRowSchema(schema), response: { 200: reply } } }, async () => answer)
process.send?.({ kind: 'ready', url: await app.listen({ host: '127.0.0.1', port: 0 }) })
process.once('disconnect', () => process.exit())
process.once('SIGTERM', () => process.exit())
