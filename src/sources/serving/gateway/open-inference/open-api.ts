import type { ServedModel } from '../../models/contract.ts'
import { datatypeOf, datatypes } from './datatypes.ts'

/*
 * What the API page says about inference. The answer is described, not compiled: it is written as text already.
 */

const text = { type: 'string' }
const parameters = { type: 'object', additionalProperties: true }
const tensor = {
  type: 'object',
  required: ['name', 'shape', 'datatype'],
  properties: {
    name: text,
    shape: { type: 'array', items: { type: 'integer', minimum: 0 }, description: 'The first dimension counts the rows.' },
    datatype: { type: 'string', enum: [...datatypes.keys()] },
    parameters,
    data: { type: 'array', description: 'Flat, row by row. Absent where binary_data_size says that the values follow the JSON.' },
  },
}
const answer = {
  type: 'object',
  required: ['model_name', 'model_version', 'parameters', 'outputs'],
  properties: {
    model_name: text,
    model_version: { type: 'string', description: 'The revision that answered.' },
    id: { type: 'string', description: 'As the request had it.' },
    parameters: {
      type: 'object',
      properties: { prediction_ids: { type: 'string', description: 'One for each row, separated by commas, for …/labels.' } },
    },
    outputs: { type: 'array', items: tensor },
  },
}
const refusal = (description: string) => ({ description, type: 'object', required: ['error'], properties: { error: text } })

/** Body and answers of `POST /v2/models/{model}/infer`. */
export function inferSchema({ schema, revisions }: ServedModel) {
  const row = revisions()[0]?.served.exampleRow ?? {}
  const inputs = schema.features
    .filter(({ name }) => name in row)
    .map((feature) => ({
      name: feature.name,
      shape: [1, ...(feature.shape ?? [])],
      datatype: datatypeOf(feature),
      data: [row[feature.name]],
    }))
  return {
    body: { type: 'object', required: ['inputs'], properties: { inputs: { type: 'array' } }, example: { inputs } },
    response: {
      200: { description: 'A tensor for each output.', content: { 'application/json': { schema: answer } } },
      400: refusal('The input is wrong; the error names what.'),
      404: refusal('No such version or tag is in service.'),
      413: refusal('The body is too large.'),
      415: refusal('The body is of another type or encoding than can be read.'),
      503: refusal('Too much waits already; retry after the seconds in Retry-After.'),
      504: refusal('It could not be done within Request-Timeout.'),
    },
  }
}
