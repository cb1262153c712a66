import type { FastifyInstance } from 'fastify'
import { gatewayErrors } from './errors.ts'

const charset = /;\s*charset\s*=\s*"?([^";\s]*)/i
const SHOWN_MAX = 40

/**
 * Refuses bodies that would be misread, before they are read: compressed ones, and JSON in another charset than UTF-8, which alone JSON has (RFC 8259).
 * Whether the type itself is one that a route takes, its parsers know.
 */
export function refuseOtherBodies(app: FastifyInstance): void {
  app.addHook('onRequest', (request, _reply, done) => {
    const { 'content-encoding': encoding, 'content-type': type } = request.headers
    if (encoding === undefined && type?.includes(';') !== true) return done()
    if (request.method === 'GET' || request.method === 'HEAD') return done()
    if (encoding !== undefined && encoding.trim().toLowerCase() !== 'identity')
      return done(
        gatewayErrors.MW_BODY_TYPE(`the body comes with content-encoding ${show(encoding)}, which is not taken here; send it as it is`),
      )
    const named = type?.toLowerCase().startsWith('application/json') === true ? charset.exec(type)?.[1]?.toLowerCase() : undefined
    if (named !== undefined && named !== 'utf-8' && named !== 'utf8')
      return done(gatewayErrors.MW_BODY_TYPE(`the body comes in charset ${show(named)}; JSON is UTF-8`))
    done()
  })
}

const show = (text: string) => JSON.stringify(text.slice(0, SHOWN_MAX))
