import type { FastifyPluginAsync, FastifyReply } from 'fastify'
import type { ApiDeps } from './contract.ts'
import { apiErrors, toFailure } from './errors.ts'
import { queryRoutes } from './query-routes.ts'
import { ruleRoutes } from './rule-routes.ts'
import { seriesRoutes } from './series-routes.ts'
import { statusRoutes } from './status-routes.ts'
import { targetRoutes } from './target-routes.ts'

export type { ApiDeps, ServerStatus } from './contract.ts'
export { apiErrors } from './errors.ts'

function sendFailure(error: unknown, reply: FastifyReply): FastifyReply {
  const { status, errorType, message } = toFailure(error)
  return reply.code(status).send({ status: 'error', errorType, error: message })
}

/**
 * Answers what fastify refuses before it looks for a route (an address with a wrong escape) in the API's shape.
 * For the option `frameworkErrors` of the server: a plugin comes too late for it.
 */
export function answerFrameworkError(error: Error, _request: unknown, reply: FastifyReply): void {
  sendFailure(error, reply)
}

/** The Prometheus HTTP API v1 over the plane, with `/-/healthy` and `/-/ready`. Errors have the API's own shape and types. */
export const prometheusApi: FastifyPluginAsync<ApiDeps> = async (app, deps) => {
  app.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'string' }, (_, body, done) => {
    done(null, new URLSearchParams(body as string))
  })
  app.setErrorHandler((error, _, reply) => sendFailure(error, reply))
  queryRoutes(app, deps)
  seriesRoutes(app, deps)
  targetRoutes(app, deps)
  ruleRoutes(app, deps)
  statusRoutes(app, deps)
  app.all('/api/*', async (request) => {
    throw apiErrors.MW_API_NOT_FOUND(`there is no ${request.method} ${request.url.split('?')[0]} here`)
  })
}
