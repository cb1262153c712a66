// A bare Fastify route with the same schema as the model's and no model behind it: what HTTP, JSON and validation cost by themselves.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import fastify from 'fastify'
import { parseModelSchema, toRowSchema } from '../../src/watch/index.ts'

const file = join(import.meta.dirname, '../../examples/weather/models/weather/model.yaml')
const schema = parseModelSchema(readFileSync(file, 'utf8'), { file })
const app = fastify({ ajv: { customOptions: { coerceTypes: false, removeAdditional: false } } })
const reply = {
  type: 'object',
  properties: {
    model: { type: 'string' },
    revision: { type: 'string' },
    prediction_id: { type: 'string' },
    outputs: { type: 'object', properties: { temp_max_tomorrow: { type: 'number' } } },
  },
}
app.post('/v1/models/weather/predict', { schema: { body: toRowSchema(schema), response: { 200: reply } } }, async () => ({
  model: 'weather',
  revision: 'v1',
  prediction_id: '00000000-0000-4000-8000-000000000000',
  outputs: { temp_max_tomorrow: 12.5 },
}))
process.send?.({ kind: 'ready', url: await app.listen({ host: '127.0.0.1', port: 0 }) })
process.once('disconnect', () => process.exit())
