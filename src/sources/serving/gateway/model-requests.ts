import assert from 'node:assert/strict'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Route, ServedModel, ServedRevision } from '../models/contract.ts'
import { parseRequestTimeout } from './admission-timeout.ts'
import { gatewayErrors } from './errors.ts'
import { refuseRepeated } from './repeated-headers.ts'
import { meterOf } from './request-meter.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The model that a route asks, and under which name its requests are counted. */
    model?: ServedModel
    api?: string
  }
  interface FastifyRequest {
    served: ServedRevision | undefined
    /** When the client no longer waits, on the clock of `performance.now()`. */
    deadlineMs: number | undefined
  }
}

const CLIENT_GONE = 499
const onceHeaders = ['modelwatch-key', 'modelwatch-tag', 'modelwatch-revision', 'request-timeout']
/** Of a name in an address or a header. */
export const NAME_LENGTH_MAX = 128

/**
 * Chooses a revision for each request of a route that has a model, before its body is read, and holds on to it until the answer is out:
 * a request ends where it began. Counts and times it there. A response closes exactly once, whatever way its request ends; Fastify's own
 * hook is silent about a client that goes away in the middle of its body.
 */
export function routeModelRequests(app: FastifyInstance): void {
  app.decorateRequest('served', undefined)
  app.decorateRequest('deadlineMs', undefined)
  app.addHook('onRequest', (request, reply, done) => {
    const { model, api } = request.routeOptions.config
    if (model === undefined || api === undefined) return done()
    let served: ServedRevision
    let timeoutMs: number | undefined
    try {
      refuseRepeated(request.raw, onceHeaders)
      timeoutMs = parseRequestTimeout(request.headers)
      served = model.choose(routeOf(request))
    } catch (error) {
      return done(error as Error)
    }
    const meter = meterOf(served, api)
    const startMs = performance.now()
    request.served = served
    if (timeoutMs !== undefined) request.deadlineMs = startMs + timeoutMs
    served.enter()
    meter.started()
    reply.raw.once('close', () => {
      meter.ended(reply.raw.writableFinished ? reply.statusCode : CLIENT_GONE, performance.now() - startMs)
      served.leave()
    })
    done()
  })
}

/** The revision that was chosen for a request of a route with a model. */
export function servedBy(request: FastifyRequest): ServedRevision {
  assert(request.served !== undefined, 'the route has no model')
  return request.served
}

const anywhere: Route = {}

/**
 * Where a request wants to go: the tag or revision in its path, or in the headers `modelwatch-tag` and `modelwatch-revision`;
 * requests of one `modelwatch-key` (a user, a session) stay together.
 * @throws MW_HEADER_INVALID for a header that is empty or too long to be a name, or says another tag or revision than the path.
 */
export function routeOf(request: FastifyRequest): Route {
  const { headers } = request
  const params = request.params as { tag?: string; revision?: string }
  const header = { tag: headers['modelwatch-tag'], revision: headers['modelwatch-revision'] }
  if (params.tag !== undefined || params.revision !== undefined) refuseOther(params, header)
  const tag = params.tag ?? header.tag
  const revision = params.revision ?? header.revision
  const key = headers['modelwatch-key']
  if (tag === undefined && revision === undefined && key === undefined) return anywhere
  return { tag: toName('modelwatch-tag', tag), revision: toName('modelwatch-revision', revision), key: toName('modelwatch-key', key) }
}

/** Where the path names a tag or a revision, a header may say the same again and nothing else: one of the two would not be followed. */
function refuseOther(
  path: Readonly<Record<string, string>>,
  header: Readonly<Record<string, string | readonly string[] | undefined>>,
): void {
  for (const [kind, value] of Object.entries(header)) {
    if (value === undefined || value === path[kind]) continue
    const named = path.tag === undefined ? `revision ${path.revision}` : `tag ${path.tag}`
    throw gatewayErrors.MW_HEADER_INVALID(
      `both were given: ${named} in the path and modelwatch-${kind}: ${String(value).slice(0, NAME_LENGTH_MAX)} in the headers`,
    )
  }
}

function toName(header: string, value: string | readonly string[] | undefined): string | undefined {
  if (value === undefined || (typeof value === 'string' && value !== '' && value.length <= NAME_LENGTH_MAX))
    return value as string | undefined
  throw gatewayErrors.MW_HEADER_INVALID(`${header} must stand once, with 1 to ${NAME_LENGTH_MAX} characters`)
}
