import type { FastifyInstance } from 'fastify'
import type { Counter, Registry } from '../../../../instrument/index.ts'
import type { ModelHost } from '../../models/contract.ts'
import { addRouteHook } from '../route-hooks.ts'
import { taskFamilies as families } from './families.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** What a route does with tasks that were submitted; its requests are counted under this name. */
    taskApi?: TaskApi
  }
}

type TaskApi = 'get' | 'events' | 'cancel' | 'list'

const CLIENT_GONE = 499

/** Counts the requests about tasks of models that are served here; a stranger's word for a model is no label. Call it before the routes are added. */
export function countTaskRequests(app: FastifyInstance, host: ModelHost, registry: Registry): void {
  const counters = new Map<string, Counter>()
  const count = (model: string, api: TaskApi, code: number) => {
    const key = `${api} ${code} ${model}`
    let counter = counters.get(key)
    if (counter === undefined) {
      counter = registry.counter(families.requests, { model, api, code: String(code) })
      counters.set(key, counter)
    }
    return counter
  }
  for (const { schema } of host.models) count(schema.name, 'get', 200) // Stands at 0 from the start, so that no first increase is lost.
  app.addHook('onRoute', (route) => {
    const { taskApi } = route.config ?? {}
    if (taskApi === undefined) return
    addRouteHook(route, 'onRequest', (request, { raw }, done) => {
      const { model } = request.params as { model: string }
      if (host.get(model) === undefined) return done()
      // Who follows a task leaves when it has seen enough: it was answered as its head says.
      raw.once('close', () => count(model, taskApi, raw.headersSent ? raw.statusCode : CLIENT_GONE).add())
      done()
    })
  })
}
