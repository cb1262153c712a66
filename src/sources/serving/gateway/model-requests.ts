import assert from 'node:assert/strict'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Route, ServedModel, ServedRevision } from '../models/contract.ts'
import type { Admission } from './admission/admission.ts'
import { parseRequestTimeout } from './admission/request-timeout.ts'
import { gatewayErrors } from './errors.ts'
import { refuseRepeated } from './repeated-headers.ts'
import { meterOf } from './request-meter.ts'
import { addRouteHook } from './route-hooks.ts'
import { Visit } from './visit.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The model that a route asks, and under which name its requests are counted. */
    model?: ServedModel
    api?: string
  }
  interface FastifyRequest {
    visit: Visit | undefined
    /** When the client no longer waits, on the clock of `performance.now()`. */
    deadlineMs: number | undefined
  }
}

const CLIENT_GONE = 499
const onceHeaders = ['modelwatch-key', 'modelwatch-tag', 'modelwatch-revision', 'request-timeout']
/** Of a name in an address or a header. */
export const NAME_LENGTH_MAX = 128

/**
 * Chooses a revision for each request of a route that has a model, before its body is read, and holds on to it until it is answered: a request ends where it
 * began. Counts and times it there. A response closes exactly once, whatever way its request ends; Fastify's own hook is silent about a client that goes away
 * in the middle of its body. Call it before the routes are added.
 */
export function routeModelRequests(app: FastifyInstance, admission: Admission): void {
  app.decorateRequest('visit', undefined)
  app.decorateRequest('deadlineMs', undefined)
  app.addHook('onRoute', (route) => {
    const { model, api } = route.config ?? {}
    if (model === undefined || api === undefined) return
    addRouteHook(route, 'onRequest', (request, reply, done) => {
      let served: ServedRevision
      let timeoutMs: number | undefined
      try {
        refuseRepeated(request.raw, onceHeaders)
        timeoutMs = parseRequestTimeout(request.headers)
        served = model.choose(routeOf(request))
      } catch (error) {
        return done(error as Error)
      }
      const startMs = performance.now()
      const meter = meterOf(served, api)
      const visit = new Visit(served, meter, admission)
      request.visit = visit
      if (timeoutMs !== undefined) request.deadlineMs = startMs + timeoutMs
      const { raw } = reply
      raw.once('close', () => {
        visit.end() // A client that goes away gets no answer.
        meter.answered(raw.writableFinished ? raw.statusCode : CLIENT_GONE, performance.now() - startMs)
      })
      done(visit.admit())
    })
    addRouteHook(route, 'onSend', (request, _reply, payload, done) => {
      request.visit?.end()
      done(null, payload)
    })
  })
}

/** The revision that was chosen for a request of a route with a model. */
export function servedBy(request: FastifyRequest): ServedRevision {
  assert(request.visit !== undefined, 'the route has no model')
  return request.visit.served
}

const anywhere: Route = {}

/**
 * Where a request wants to go: the tag or revision in its path, or in the headers `modelwatch-tag` and `modelwatch-revision`;
 * requests of one `modelwatch-key` (a user, a session) stay together.
 * @throws MW_HEADER_INVALID for a header that is empty or too long to be a name, and for two that name different things.
 */
export function routeOf(request: FastifyRequest): Route {
  const { headers } = request
  const params = request.params as { tag?: string; revision?: string }
  const tag = toName('modelwatch-tag', headers['modelwatch-tag'])
  const revision = toName('modelwatch-revision', headers['modelwatch-revision'])
  const key = toName('modelwatch-key', headers['modelwatch-key'])
  if (params.tag === undefined && params.revision === undefined && tag === undefined && revision === undefined)
    return key === undefined ? anywhere : { key }
  const named = [
    ...name('tag', params.tag, `tag ${params.tag} in the path`),
    ...name('revision', params.revision, `revision ${params.revision} in the path`),
    ...name('tag', tag, `modelwatch-tag: ${tag} in the headers`),
    ...name('revision', revision, `modelwatch-revision: ${revision} in the headers`),
  ]
  const [first] = named as [Named, ...Named[]]
  const other = named.find(({ kind, value }) => kind !== first.kind || value !== first.value)
  if (other !== undefined) throw gatewayErrors.MW_HEADER_INVALID(`both were given: ${first.said} and ${other.said}`)
  return { [first.kind]: first.value, key }
}

/** A tag or a revision that a request names, and the words for where. */
interface Named {
  readonly kind: 'tag' | 'revision'
  readonly value: string
  readonly said: string
}

/** The same may be said twice. A tag beside a revision is refused even where both mean the same today, for tags move: one of the two would not be followed. */
const name = (kind: Named['kind'], value: string | undefined, said: string): Named[] => (value === undefined ? [] : [{ kind, value, said }])

function toName(header: string, value: string | readonly string[] | undefined): string | undefined {
  if (value === undefined || (typeof value === 'string' && value !== '' && value.length <= NAME_LENGTH_MAX))
    return value as string | undefined
  throw gatewayErrors.MW_HEADER_INVALID(`${header} must stand once, with 1 to ${NAME_LENGTH_MAX} characters`)
}
