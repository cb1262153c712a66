import type { FastifyInstance } from 'fastify'
import { type Clock, MS_PER_SECOND } from '../../../../core/time.ts'
import { toOutputsSchema, toRowSchema } from '../../../../watch/index.ts'
import type { Predicted, ServedModel } from '../../models/contract.ts'
import { compilePredictionWriter, writePredictions } from '../../models/index.ts'
import { servedBy } from '../model-requests.ts'
import { errorSchema } from './error-schema.ts'
import { compileBodyReader, toInputError } from './rows.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The body of a request is handed over as it came, in bytes: the route reads it itself. */
    readsBytes?: boolean
  }
}

export interface PredictDeps {
  readonly clock: Clock
  readonly rowsMax: number
}

/** `POST /v1/models/{model}/predict`: one row, or many under `rows`; also of a tag, or of one revision, whatever the split is. */
export function addPredictRoute(app: FastifyInstance, model: ServedModel, deps: PredictDeps): void {
  const { schema } = model
  const { rowsMax, clock } = deps
  const readBody = compileBodyReader(schema, rowsMax)
  const write = compilePredictionWriter(schema)

  for (const { path, hide, params } of paths(model)) {
    app.post(
      path,
      {
        config: { api: 'predict', model, readsBytes: true },
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
      async (request, reply) => {
        const served = servedBy(request)
        const { read, single } = readBody(request.body as Buffer | undefined, served)
        served.observer.inputs(read)
        if (read.faultCount > 0) throw toInputError(read.faults, read.faultCount, single)
        const predicted = await served.predict(read.columns, { deadlineMs: request.deadlineMs })
        const { outputs } = predicted
        served.observer.outputs(outputs)
        const startMs = performance.now()
        const head = `{"model":"${schema.name}","revision":${JSON.stringify(served.revision)},`
        const nowMs = clock.now()
        const text = single
          ? `${head}${write(served, outputs, 0, nowMs)}}`
          : `${head}"predictions":${writePredictions(write, served, outputs, read.columns.rows, nowMs)}}`
        const encodeMs = performance.now() - startMs
        served.encodeDuration.observe(encodeMs / MS_PER_SECOND)
        reply.header('server-timing', toServerTiming(predicted, encodeMs)).type('application/json; charset=utf-8').send(text)
        model.mirror(read, outputs, served)
        return reply
      },
    )
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

/** Where the time went, in milliseconds, as browsers and `curl -i` show it (W3C Server Timing). */
export function toServerTiming({ queueMs, batchMs, computeMs }: Predicted, encodeMs: number): string {
  return `queue;dur=${round(queueMs)}, batch;dur=${round(batchMs)}, compute;dur=${round(computeMs)}, encode;dur=${round(encodeMs)}`
}

/** To microseconds, without the cost of `toFixed`. */
const round = (timeMs: number) => Math.round(timeMs * 1000) / 1000

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
          { type: 'object', title: 'one row', properties: { ...head, prediction_id, outputs } },
          {
            type: 'object',
            title: 'many rows',
            properties: { ...head, predictions: { type: 'array', items: { type: 'object', properties: { prediction_id, outputs } } } },
          },
        ],
      },
      422: { description: 'The input is wrong; detail names row, field and reason.', ...errorSchema },
      503: { description: 'Too many rows wait; retry after the seconds in Retry-After.', ...errorSchema },
    },
  }
}
