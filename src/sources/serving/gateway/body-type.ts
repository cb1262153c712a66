import type { FastifyInstance } from 'fastify'
import { gatewayErrors } from './errors.ts'
import { parseJsonBody } from './json-body.ts'
import { addRouteHook } from './route-hooks.ts'

const charset = /;\s*charset\s*=\s*"?([^";\s]*)/i
const SHOWN_MAX = 40

/**
 * Bodies are JSON, of every route that does not say otherwise. An address that no route has is told whatever its body is; and an empty body is none, for
 * clients say its type with a DELETE too.
 */
export function readJsonBodies(app: FastifyInstance): void {
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body, done) => {
    if (request.is404 || body.length === 0) return done(null, undefined)
    try {
      done(null, parseJsonBody(body.toString()))
    } catch (error) {
      done(error as Error)
    }
  })
}

/** Hands bodies to the routes of this scope as they came, in bytes: they read them themselves. An empty one is none. */
export function passJsonBodies(scope: FastifyInstance): void {
  scope.removeContentTypeParser('application/json')
  scope.addContentTypeParser('application/json', { parseAs: 'buffer' }, (_request, body, done) =>
    done(null, body.length === 0 ? undefined : body),
  )
}

/**
 * Refuses bodies that would be misread, before they are read: compressed ones, and JSON in another charset than UTF-8, which alone JSON has (RFC 8259).
 * Whether the type itself is one that a route takes, its parsers know. Call it before the routes are added.
 */
export function refuseOtherBodies(app: FastifyInstance): void {
  app.addHook('onRoute', (route) => {
    if (route.method === 'GET' || route.method === 'HEAD') return
    addRouteHook(route, 'onRequest', ({ headers }, _reply, done) => {
      const { 'content-encoding': encoding, 'content-type': type } = headers
      if (encoding === undefined && type?.includes(';') !== true) return done()
      if (encoding !== undefined && encoding.trim().toLowerCase() !== 'identity')
        return done(
          gatewayErrors.MW_BODY_TYPE(`the body comes with content-encoding ${show(encoding)}, which is not taken here; send it as it is`),
        )
      const named = type?.toLowerCase().startsWith('application/json') === true ? charset.exec(type)?.[1]?.toLowerCase() : undefined
      if (named !== undefined && named !== 'utf-8' && named !== 'utf8')
        return done(gatewayErrors.MW_BODY_TYPE(`the body comes in charset ${show(named)}; JSON is UTF-8`))
      done()
    })
  })
}

const show = (text: string) => JSON.stringify(text.slice(0, SHOWN_MAX))
