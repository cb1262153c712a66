import type { FastifyInstance } from 'fastify'
import type { ModelHost } from '../../models/contract.ts'
import type { TaskQueue } from '../../queue/contract.ts'
import type { TaskRouteDeps } from './contract.ts'
import { addListRoute } from './list-route.ts'
import { countTaskRequests } from './request-counts.ts'
import { addSubmitRoute } from './submit-route.ts'
import { addTaskRoutesOfOne } from './task-routes.ts'
import { Waiters } from './waiters.ts'

export { TasksConfig } from './config.ts'
export { type TaskRouteDeps, toTaskText } from './contract.ts'

/** Predictions for later: submission of tasks to the queue, and all that one can ask about them. Who runs them is the queue's and the workers' affair. */
export async function addTaskRoutes(app: FastifyInstance, host: ModelHost, queue: TaskQueue, deps: TaskRouteDeps): Promise<void> {
  const waiters = new Waiters(deps.config.waiting_max, deps.registry)
  waiters.closeWith(app)
  for (const model of host.models) await addSubmitRoute(app, model, queue, deps)
  countTaskRequests(app, host, deps.registry)
  addListRoute(app, host, queue)
  addTaskRoutesOfOne(app, queue, waiters, deps)
}
