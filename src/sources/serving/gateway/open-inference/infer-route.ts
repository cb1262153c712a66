import type { FastifyInstance } from 'fastify'
import type { Clock } from '../../../../core/time.ts'
import type { ServedModel } from '../../models/contract.ts'
import { type ColumnsRequest, predictColumns } from '../routes/predict-columns.ts'
import { HEADER_LENGTH } from './binary-data.ts'
import { inferSchema } from './open-api.ts'
import { compileRequestReader } from './read-request.ts'
import { compileResponseWriter } from './write-response.ts'

export interface InferDeps {
  readonly clock: Clock
  readonly rowsMax: number
  /** Where the API page shows it. */
  readonly tags: readonly string[]
}

/** `POST /v2/models/{model}/infer`, and of one version of it. @param v2 - A scope that hands bodies over as they came. */
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
        schema: { tags: deps.tags, hide, summary: `Predict with ${schema.name}`, description: schema.description, ...inferSchema(model) },
        validatorCompiler: () => () => true, // The reader checks, and names what it refuses.
      },
      async (request, reply) => {
        const { id, read: found, outputs } = read(request.body as Buffer | undefined, request.headers[HEADER_LENGTH])
        const { rows } = found.columns
        const writeAnswer: ColumnsRequest['write'] = (served, columns, nowMs) => {
          const predictionIds = served.quality.predictedRows(columns, rows, nowMs).slice(0, -1)
          const { body, headerLength } = write({ revision: served.revision, id, rows, columns, outputs, predictionIds })
          if (headerLength === undefined) reply.type('application/json; charset=utf-8')
          else reply.type('application/octet-stream').header(HEADER_LENGTH, headerLength)
          return body
        }
        return predictColumns(request, reply, { model, clock: deps.clock }, { read: found, single: rows === 1, write: writeAnswer })
      },
    )
  }
}
