import type { FastifyInstance } from 'fastify'
import type { ModelHost } from '../../models/contract.ts'
import { submittedMsOf, type TaskQueue, type TaskState, taskStates } from '../../queue/index.ts'
import { unknownModel } from '../unknown.ts'
import { taskErrors } from './errors.ts'
import { listSchema } from './open-api.ts'
import { refuseUnknown } from './submission.ts'
import { toTaskSummary } from './task-json.ts'

const LIMIT_DEFAULT = 50
export const LIST_MAX = 1000

/** `GET /v1/models/{model}/tasks`: tasks by state, newest first, without their predictions; `next` continues where a page ends. */
export function addListRoute(app: FastifyInstance, host: ModelHost, queue: TaskQueue): void {
  app.get<{ Params: { model: string }; Querystring: Record<string, unknown> }>(
    '/v1/models/:model/tasks',
    { config: { taskApi: 'list' }, schema: listSchema, validatorCompiler: () => () => true },
    async ({ params: { model }, query }) => {
      if (host.get(model) === undefined) throw unknownModel(model, host)
      refuseUnknown(query, ['state', 'limit', 'after'])
      const limit = readLimit(query.limit)
      // One more than is shown, to know whether there are more.
      const found = await queue.list({ queue: model, states: readStates(query.state), limit: limit + 1, after: readAfter(query.after) })
      const tasks = found.slice(0, limit)
      const next = found.length > limit ? tasks.at(-1)?.id : undefined
      return { tasks: tasks.map(toTaskSummary), ...(next === undefined ? {} : { next }) }
    },
  )
}

function readLimit(value: unknown): number {
  const limit = value === undefined ? LIMIT_DEFAULT : typeof value === 'string' && /^\d{1,6}$/.test(value) ? Number(value) : 0
  if (limit < 1 || limit > LIST_MAX) throw taskErrors.MW_TASK_OPTION_INVALID(`limit must be a whole number from 1 to ${LIST_MAX}`)
  return limit
}

/** States as `state=waiting,active`, or one `state=` for each. */
function readStates(value: unknown): readonly TaskState[] | undefined {
  if (value === undefined) return undefined
  const names = (Array.isArray(value) ? value : [value]).flatMap((part) => String(part).split(','))
  const wrong = names.find((name) => !taskStates.includes(name as TaskState))
  if (wrong !== undefined)
    throw taskErrors.MW_TASK_OPTION_INVALID(`${JSON.stringify(wrong.slice(0, 32))} is no state; there is ${taskStates.join(', ')}`)
  return names as TaskState[]
}

function readAfter(value: unknown): string | undefined {
  if (value === undefined || (typeof value === 'string' && submittedMsOf(value) !== undefined)) return value as string | undefined
  throw taskErrors.MW_TASK_LIST_CURSOR('after must be the next of the page before')
}
