import { createHash } from 'node:crypto'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { ModelSchema } from '../../../../watch/index.ts'
import type { ServedModel } from '../../models/contract.ts'
import { createTaskId, isFinal, type Submitted, type TaskQueue } from '../../queue/index.ts'
import { servedBy } from '../model-requests.ts'
import { refuseRepeated } from '../repeated-headers.ts'
import { toInputError, toRows } from '../routes/rows.ts'
import type { TaskRouteDeps } from './contract.ts'
import { taskErrors } from './errors.ts'
import { addMultipart, readForm, takesPictures } from './multipart.ts'
import { submitSchema } from './open-api.ts'
import { readSubmissionOptions } from './submission.ts'
import { hrefOf } from './task-json.ts'

const onceHeaders = ['idempotency-key', 'webhook-url', 'webhook-secret']

/**
 * `POST /v1/models/{model}/tasks`: the rows of a prediction, answered 202 when the task is stored as durably as the queue stores. The revision is chosen now,
 * by the split, so that its weights hold for tasks too; the inputs are counted now, the outputs when the task is done.
 */
export async function addSubmitRoute(app: FastifyInstance, model: ServedModel, queue: TaskQueue, deps: TaskRouteDeps): Promise<void> {
  if (!takesPictures(model.schema)) return addRoute(app, model, queue, deps)
  // A scope of its own, for the form's parser looks at every request.
  await app.register(async (scope) => {
    await addMultipart(scope, deps.bodyBytesMax)
    addRoute(scope, model, queue, deps)
  })
}

function addRoute(app: FastifyInstance, model: ServedModel, queue: TaskQueue, deps: TaskRouteDeps): void {
  const { schema } = model
  app.post(
    `/v1/models/${schema.name}/tasks`,
    {
      config: { api: 'tasks', model },
      schema: submitSchema(model, deps.rowsMax),
      validatorCompiler: () => () => true, // The readers of rows and options check, and name what they refuse.
    },
    async (request, reply) => {
      refuseRepeated(request.raw, onceHeaders)
      const served = servedBy(request)
      const options = readSubmissionOptions(request.query as Record<string, unknown>, request.headers, deps.webhookFault)
      const { rows, single } = await readBody(request, schema, deps)
      const read = served.readRows(rows)
      if (read.faultCount > 0 || rows.length === 0) {
        served.observer.inputs(read)
        throw read.faultCount > 0 ? toInputError(read.faults, read.faultCount, single) : emptyError()
      }
      const nowMs = deps.clock.now()
      const payload = JSON.stringify({ rows })
      const submitted = await queue.submit({
        id: createTaskId(nowMs),
        queue: schema.name,
        revision: served.revision,
        priority: options.priority,
        payload,
        rows: rows.length,
        submittedMs: nowMs,
        deadlineMs: options.deadlineMs === undefined ? undefined : nowMs + options.deadlineMs,
        webhook: options.webhook,
        idempotency: options.idempotencyKey === undefined ? undefined : { key: options.idempotencyKey, digest: digestOf(payload) },
      })
      if (submitted.kind === 'accepted') served.observer.inputs(read) // A repetition has been counted before.
      return answer(reply, queue, submitted, { model: schema.name, revision: served.revision, key: options.idempotencyKey })
    },
  )
}

async function readBody(request: FastifyRequest, schema: ModelSchema, { rowsMax, bodyBytesMax }: TaskRouteDeps) {
  if (takesPictures(schema) && request.isMultipart()) return { rows: [await readForm(request, schema, bodyBytesMax)], single: true }
  return toRows(request.body, schema, rowsMax)
}

const emptyError = () =>
  toInputError([{ row: 0, field: '', rule: 'missing', message: 'is missing: a task has at least one row' }], 1, false)

async function answer(
  reply: FastifyReply,
  queue: TaskQueue,
  { kind, id }: Submitted,
  chosen: { model: string; revision: string; key: string | undefined },
): Promise<FastifyReply> {
  const { model, key } = chosen
  if (kind === 'conflict') throw taskErrors.MW_IDEMPOTENCY_CONFLICT(`Idempotency-Key ${key} was used for other rows, in task ${id}`)
  const href = hrefOf({ queue: model, id })
  reply.header('location', href)
  if (kind === 'accepted') {
    return reply.code(202).send({ task_id: id, model, revision: chosen.revision, state: 'waiting', href })
  }
  const known = await queue.get(id)
  if (known === undefined) throw taskErrors.MW_TASK_GONE(`Idempotency-Key ${key} was used for task ${id}, whose result is kept no longer`)
  reply.header('idempotency-replayed', 'true').code(isFinal(known.state) ? 200 : 202)
  return reply.send({ task_id: id, model, revision: known.revision, state: known.state, href })
}

/** Of the rows as they are stored, so that spaces and the like make no difference. */
const digestOf = (payload: string) => createHash('sha256').update(payload).digest('base64url')
