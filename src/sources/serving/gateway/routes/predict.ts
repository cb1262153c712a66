import type { FastifyInstance } from 'fastify'
import type { Clock } from '../../../../core/time.ts'
import { toOutputsSchema, toRowSchema } from '../../../../watch/index.ts'
import type { ServedModel, ServedRevision } from '../../models/contract.ts'
import { compilePredictionWriter } from '../../models/index.ts'
import { servedBy } from '../model-requests.ts'
import { bodyRefusals, refusal } from './error-schema.ts'
import { type ColumnsRequest, predictColumns } from './predict-columns.ts'
import { compileBodyReader } from './rows.ts'

export interface PredictDeps {
  readonly clock: Clock
  readonly rowsMax: number
}

/**
 * `POST /v1/models/{model}/predict`: one row, or many under `rows`; also of a tag, or of one revision, whatever the split is.
 * @param app - A scope that hands bodies over as they came (`passJsonBodies`).
 */
export function addPredictRoute(app: FastifyInstance, model: ServedModel, deps: PredictDeps): void {
  const { schema } = model
  const { rowsMax, clock } = deps
  const readBody = compileBodyReader(schema, rowsMax)
  const write = compilePredictionWriter(schema)
  const head = headWriter(schema.name)
  const writeOne: ColumnsRequest['write'] = (served, outputs, nowMs) => `${head(served)}${write.row(served, outputs, 0, nowMs)}}`
  const writeMany =
    (rows: number): ColumnsRequest['write'] =>
    (served, outputs, nowMs) =>
      `${head(served)}"predictions":${write.rows(served, outputs, rows, nowMs)}}`

  for (const { path, hide, params } of paths(model)) {
    app.post(
      path,
      {
        config: { api: 'predict', model },
        schema: {
          tags: ['predict'],
          summary: `Predict with ${schema.name}`,
          description: schema.description,
          hide,
          ...(params === undefined ? {} : { params }),
          ...openApi(model, rowsMax),
        },
        validatorCompiler: () => () => true, // The rows are checked by the reader compiled from model.yaml, which also counts what it refuses.
      },
      (request, reply) => {
        const { read, single } = readBody(request.body as Buffer | undefined, servedBy(request))
        reply.type('application/json; charset=utf-8')
        return predictColumns(request, reply, { model, clock }, { read, single, write: single ? writeOne : writeMany(read.columns.rows) })
      },
    )
  }
}

/** The beginning of an answer. As a rule one revision answers most requests, and then it is the text of the last time. */
function headWriter(model: string): (served: ServedRevision) => string {
  let last: { readonly revision: string; readonly text: string } | undefined
  return ({ revision }) => {
    if (last?.revision !== revision) last = { revision, text: `{"model":"${model}","revision":${JSON.stringify(revision)},` }
    return last.text
  }
}

/** Where a model is asked: by its split, by a tag, or by a revision's name. The page shows the first; the others take the same. */
function paths({ schema: { name } }: ServedModel) {
  const text = { type: 'string' }
  return [
    { path: `/v1/models/${name}/predict`, hide: false, params: undefined },
    { path: `/v1/models/${name}/tags/:tag/predict`, hide: true, params: { type: 'object', properties: { tag: text } } },
    { path: `/v1/models/${name}/revisions/:revision/predict`, hide: true, params: { type: 'object', properties: { revision: text } } },
  ]
}

function openApi({ schema, revisions }: ServedModel, rowsMax: number) {
  const { exampleRow } = revisions()[0]!.served
  const row = { ...toRowSchema(schema), example: exampleRow }
  const outputs = toOutputsSchema(schema)
  const prediction_id = { type: 'string', description: 'Send the true outcome with this id to …/labels.' }
  const head = { model: { type: 'string' }, revision: { type: 'string' } }
  return {
    body: {
      oneOf: [
        { ...row, title: 'one row' },
        { type: 'object', title: 'many rows', required: ['rows'], properties: { rows: { type: 'array', maxItems: rowsMax, items: row } } },
      ],
    },
    response: {
      200: {
        description: 'One prediction, or one per row in their order.',
        oneOf: [
          { type: 'object', title: 'one row', required: ['prediction_id', 'outputs'], properties: { ...head, prediction_id, outputs } },
          {
            type: 'object',
            title: 'many rows',
            required: ['predictions'],
            properties: { ...head, predictions: { type: 'array', items: { type: 'object', properties: { prediction_id, outputs } } } },
          },
        ],
      },
      404: refusal('No such tag or revision is in service.'),
      ...bodyRefusals,
      422: refusal('The input is wrong; detail names row, field and reason.'),
      503: refusal('Too much waits already; retry after the seconds in Retry-After.'),
      504: refusal('It could not be done within Request-Timeout.'),
    },
  }
}
