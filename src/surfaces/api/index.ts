import type { FastifyInstance, FastifyPluginAsync, FastifyReply } from 'fastify'
import { adminRoutes } from './admin-routes.ts'
import { compressAnswers } from './compress.ts'
import type { ApiDeps } from './contract.ts'
import { allowOrigins } from './cross-origin.ts'
import { discardRest } from './discard.ts'
import { apiErrors, toFailure } from './errors.ts'
import { createQueryGate, type QueryGateStats, queryGateDefaults } from './query-gate.ts'
import { queryRoutes, queryTextRoutes } from './query-routes.ts'
import { type WriteRouteStats, writeRoute } from './remote-write/routes.ts'
import { ruleRoutes } from './rule-routes.ts'
import { createSending, sendingDefaults } from './sending.ts'
import { seriesRoutes } from './series-routes.ts'
import { statusRoutes } from './status-routes.ts'
import { targetRoutes } from './target-routes.ts'

export type { ApiDeps, ServerStatus } from './contract.ts'
export { apiErrors } from './errors.ts'
export { type QueryGateLimits, type QueryGateStats, queryGateDefaults } from './query-gate.ts'
export { remoteWriteErrors } from './remote-write/errors.ts'
export { type RemoteWriteLimits, remoteWriteLimits } from './remote-write/limits.ts'
export type { Refusal } from './remote-write/receiver.ts'
export type { WriteRouteStats } from './remote-write/routes.ts'

/** Largest form that is read: some milliseconds of work, and a hundred times what dashboards send. */
const FORM_BYTES_MAX = 2 << 20

export interface PrometheusApi {
  /** Adds the routes to a server. */
  readonly plugin: FastifyPluginAsync
  stats(): ApiStats
}

export interface ApiStats {
  /** Requests of the API by what was answered; those of remote write are told apart. */
  readonly requests: ReadonlyMap<number, number>
  readonly queries: QueryGateStats
  /** Bytes of answers that their clients have not read yet. */
  readonly sendingBytes: number
  readonly remoteWrite: WriteRouteStats | undefined
}

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
export function createPrometheusApi(deps: ApiDeps): PrometheusApi {
  const gate = createQueryGate({ ...queryGateDefaults, ...deps.queries })
  const sending = createSending({ ...sendingDefaults, ...deps.sending })
  const requests = new Map<number, number>()
  let remoteWrite: (() => WriteRouteStats) | undefined
  return {
    plugin: async (app) => {
      const known = new Map<string, string[]>()
      app.addHook('onRoute', ({ url, method }) => {
        if (method !== 'HEAD') known.set(url, [...(known.get(url) ?? []), ...[method].flat()])
      })
      allowOrigins(app, deps.allowsOrigin)
      remoteWrite = await writeRoute(app, deps.remoteWrite, deps)
      // Behind the routes of remote write, which count their own.
      app.addHook('onResponse', async (_, { statusCode }) => void requests.set(statusCode, (requests.get(statusCode) ?? 0) + 1))
      readForms(app)
      nameJsonPlainly(app)
      compressAnswers(app)
      app.setErrorHandler(async (error, request, reply) => {
        await discardRest(request.raw)
        return sendFailure(error, reply)
      })
      queryRoutes(app, deps, gate, sending)
      queryTextRoutes(app, deps)
      seriesRoutes(app, deps)
      targetRoutes(app, deps)
      ruleRoutes(app, deps)
      statusRoutes(app, deps)
      adminRoutes(app, deps)
      refuseTheRest(app, known)
    },
    stats: () => ({ requests, sendingBytes: sending.bytes, queries: gate.stats(), remoteWrite: remoteWrite?.() }),
  }
}

/** JSON has no charset parameter (RFC 8259), and Prometheus sends none; fastify would add one. */
function nameJsonPlainly(app: FastifyInstance): void {
  app.addHook('onSend', async (_, reply) => {
    if (reply.getHeader('content-type')?.toString().startsWith('application/json;')) reply.header('content-type', 'application/json')
  })
}

/** Forms are parameters; any other body says nothing, as in Go. */
function readForms(app: FastifyInstance): void {
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'string', bodyLimit: FORM_BYTES_MAX }, (_, body, done) => {
    done(null, new URLSearchParams(body as string))
  })
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_, __, done) => done(null, undefined))
}

/** 405 where an address has other methods, 404 where there is none. @param known - Methods by address, with `:name` for a part that varies. */
function refuseTheRest(app: FastifyInstance, known: ReadonlyMap<string, readonly string[]>): void {
  const patterns = [...known].map(([url, methods]) => ({ pattern: new RegExp(`^${url.replace(/:\w+/g, '[^/]+')}/?$`), methods }))
  app.all('/api/*', async (request, reply) => {
    if (request.method === 'OPTIONS') return reply.code(204).send() // A browser asks what it may send.
    const url = request.url.split('?')[0]!
    const methods = patterns.find(({ pattern }) => pattern.test(url))?.methods
    if (methods === undefined) throw apiErrors.MW_API_NOT_FOUND(`there is no ${request.method} ${url} here`)
    reply.header('allow', methods.join(', '))
    throw apiErrors.MW_API_METHOD(`${request.method} is not allowed at ${url}; it answers ${methods.join(' and ')}`)
  })
}
