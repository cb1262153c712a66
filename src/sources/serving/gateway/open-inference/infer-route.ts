import type { FastifyInstance } from 'fastify'
import { type Clock, MS_PER_SECOND } from '../../../../core/time.ts'
import type { Column, ModelSchema } from '../../../../watch/index.ts'
import type { Predicted, ServedModel, ServedRevision } from '../../models/contract.ts'
import { servedBy } from '../model-requests.ts'
import { toServerTiming } from '../routes/predict.ts'
import { toInputError } from '../routes/rows.ts'
import { datatypeOf } from './datatypes.ts'
import { compileRequestReader } from './read-request.ts'
import { compileResponseWriter } from './write-response.ts'

export interface InferDeps {
  readonly clock: Clock
  readonly rowsMax: number
  /** Where the API page shows it. */
  readonly tags: readonly string[]
}

/** `POST /v2/models/{model}/infer`, and of one version of it. */
export function addInferRoutes(v2: FastifyInstance, model: ServedModel, deps: InferDeps): void {
  const { schema } = model
  const read = compileRequestReader(schema, deps.rowsMax)
  const write = compileResponseWriter(schema)

  for (const { path, hide } of [
    { path: `/models/${schema.name}/infer`, hide: false },
    { path: `/models/${schema.name}/versions/:revision/infer`, hide: true },
  ]) {
    v2.post(
      path,
      {
        config: { api: 'infer', model },
        schema: { tags: deps.tags, hide, summary: `Predict with ${schema.name}`, description: schema.description, body: bodySchema(model) },
        validatorCompiler: () => () => true, // The reader checks, and names what it refuses.
      },
      async (request, reply) => {
        const served = servedBy(request)
        const { id, rows, outputs } = read(request.body)
        const found = served.readRows(rows)
        served.observer.inputs(found)
        if (found.faultCount > 0) throw toInputError(found.faults, found.faultCount, rows.length === 1)
        const predicted = rows.length === 0 ? noRows(schema) : await served.predict(found.columns, { deadlineMs: request.deadlineMs })
        const columns = predicted.outputs
        served.observer.outputs(columns)
        const startMs = performance.now()
        const predictionIds = toPredictionIds(served, columns, rows.length, deps.clock.now())
        const text = write({ revision: served.revision, id, rows: rows.length, columns, outputs, predictionIds })
        const encodeMs = performance.now() - startMs
        served.encodeDuration.observe(encodeMs / MS_PER_SECOND)
        reply.header('server-timing', toServerTiming(predicted, encodeMs)).type('application/json; charset=utf-8').send(text)
        if (rows.length > 0) model.mirror(found, columns, served)
        return reply
      },
    )
  }
}

function toPredictionIds(served: ServedRevision, columns: readonly Column[], rows: number, nowMs: number): string[] {
  return Array.from({ length: rows }, (_, r) => served.quality.predicted(columns, r, nowMs))
}

/** A batch of nothing is answered with nothing, without asking the model. */
function noRows({ outputs }: ModelSchema): Predicted {
  return { outputs: outputs.map(() => []), queueMs: 0, batchMs: 0, computeMs: 0 }
}

function bodySchema({ schema, revisions }: ServedModel) {
  const row = revisions()[0]?.served.exampleRow ?? {}
  const inputs = schema.features
    .filter(({ name }) => name in row)
    .map((feature) => ({
      name: feature.name,
      shape: [1, ...(feature.shape ?? [])],
      datatype: datatypeOf(feature),
      data: [row[feature.name]],
    }))
  return { type: 'object', required: ['inputs'], properties: { inputs: { type: 'array' } }, example: { inputs } }
}
