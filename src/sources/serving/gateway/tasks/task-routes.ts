import { Readable } from 'node:stream'
import type { FastifyInstance, FastifyReply } from 'fastify'
import { type Clock, parseDurationMs } from '../../../../core/time.ts'
import { isFinal, submittedMsOf, type Task, type TaskQueue } from '../../queue/index.ts'
import type { TaskRouteDeps } from './contract.ts'
import { taskErrors } from './errors.ts'
import { toEvents } from './events.ts'
import { cancelSchema, eventsSchema, getSchema } from './open-api.ts'
import { sightId } from './sight.ts'
import { readDuration, refuseUnknown } from './submission.ts'
import { toTaskText } from './task-json.ts'
import { TaskWatch } from './task-watch.ts'
import type { Waiters } from './waiters.ts'

interface OfTask {
  Params: { model: string; id: string }
  Querystring: Record<string, unknown>
}

const JSON_TYPE = 'application/json; charset=utf-8'
const unchecked = () => () => true // The handlers check, and name what they refuse.

/** What one can do with a task that was submitted: ask for it and wait, follow it, cancel it. */
export function addTaskRoutesOfOne(app: FastifyInstance, queue: TaskQueue, waiters: Waiters, deps: TaskRouteDeps): void {
  const { clock, resultsMs, config } = deps
  const waitMsMax = parseDurationMs(config.wait_max)!
  const find = async ({ model, id }: OfTask['Params']): Promise<Task> => {
    const task = submittedMsOf(id) === undefined ? undefined : await queue.get(id)
    if (task === undefined || task.queue !== model) throw unknownTask({ model, id }, task, resultsMs, clock)
    return task
  }
  const path = '/v1/models/:model/tasks/:id'

  app.get<OfTask>(path, { config: { taskApi: 'get' }, schema: getSchema, validatorCompiler: unchecked }, async (request, reply) => {
    refuseUnknown(request.query, ['wait'])
    const waitMs = request.query.wait === undefined ? 0 : Math.min(waitMsMax, readDuration('wait', request.query.wait))
    const task = await find(request.params)
    const isWaited = waitMs > 0 && !isFinal(task.state)
    return reply.type(JSON_TYPE).send(isWaited ? await untilFinal(task, reply, waitMs) : toTaskText(task))
  })

  const watch = new TaskWatch(queue)
  const untilFinal = async (task: Task, reply: FastifyReply, waitMs: number): Promise<Buffer> => {
    const place = waiters.enter('poll', reply, waitMs)
    try {
      return (await watch.untilFinal(task, place.signal)).answer
    } finally {
      place.leave()
    }
  }

  app.get<OfTask>(
    `${path}/events`,
    { config: { taskApi: 'events' }, schema: eventsSchema, validatorCompiler: unchecked },
    async (request, reply) => {
      refuseUnknown(request.query, [])
      const task = await find(request.params)
      // A browser connects again when a stream ends, for ever; this is how it is told that there is no more.
      if (isFinal(task.state) && request.headers['last-event-id'] === sightId(task)) return reply.code(204).send()
      const place = waiters.enter('events', reply, Number.POSITIVE_INFINITY)
      const sights = watch.follow(task, { signal: place.signal, everyMs: parseDurationMs(config.heartbeat)! })
      const stream = Readable.from(toEvents(sights), { objectMode: true, highWaterMark: 1 })
      stream.once('close', () => place.leave())
      return reply
        .headers({ 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache', 'x-accel-buffering': 'no' })
        .send(stream)
    },
  )

  app.delete<OfTask>(
    path,
    { config: { taskApi: 'cancel' }, schema: cancelSchema, validatorCompiler: unchecked },
    async (request, reply) => {
      const { id, state } = await find(request.params)
      const outcome = await queue.cancel(id)
      if (outcome === 'final') throw taskErrors.MW_TASK_FINAL(`task ${id} is ${isFinal(state) ? state : 'done or dead'} already`)
      return reply.type(JSON_TYPE).send(toTaskText(await find(request.params)))
    },
  )
}

/** An id that is not stored: of a task whose result was kept long enough, as its own time tells, or of none. */
function unknownTask({ model, id }: OfTask['Params'], found: Task | undefined, resultsMs: number, clock: Clock): Error {
  const submittedMs = found === undefined ? submittedMsOf(id) : undefined
  if (submittedMs !== undefined && submittedMs < clock.now() - resultsMs)
    return taskErrors.MW_TASK_GONE(`task ${id}, of ${new Date(submittedMs).toISOString()}, is kept no longer`)
  return taskErrors.MW_TASK_UNKNOWN(`${model.slice(0, 64)} has no task ${id.slice(0, 64)}`)
}
