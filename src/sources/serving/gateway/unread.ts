import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { FastifyInstance } from 'fastify'
import type { Registry } from '../../../instrument/index.ts'
import { gatewayErrors } from './errors.ts'
import { gatewayFamilies as families } from './families.ts'

export interface UnreadLimits {
  /** Longest time in which a client may take nothing of its answer; then it is hung up on. */
  readonly stallMs: number
  /** Requests, over all connections, that may stand behind others of theirs. */
  readonly behindMax: number
}

/**
 * Bounds what clients hold that do not read their answers: the time, and the memory of those who send request upon request meanwhile. Those cost a client a
 * hundred bytes each and the gateway an answer of any size, and neither the number of connections nor `requests_max`, which is for bodies, bounds them.
 */
export function boundUnread(app: FastifyInstance, { stallMs, behindMax }: UnreadLimits, registry: Registry): void {
  hangUpOnStalled(app, stallMs, registry)
  const refused = registry.counter(families.pipelinedRefused, {})
  const full = gatewayErrors.MW_PIPELINE_FULL(`${behindMax} requests stand behind others of their connections already`)
  let behind = 0
  app.addHook('onRequest', (_request, { raw }, done) => {
    if (raw.socket !== null) return done() // It is the next to be answered on its connection.
    if (behind >= behindMax) {
      refused.add()
      return done(full)
    }
    behind++
    raw.once('close', () => {
      behind--
    })
    done()
  })
}

/** The socket of Node's server, with the answer under way. */
type HttpSocket = Socket & { readonly _httpMessage?: ServerResponse | null }

/** Cuts off who takes nothing of an answer. Who waits for one that is still made, by a slow model or until a task ends, is let be. */
function hangUpOnStalled(app: FastifyInstance, stallMs: number, registry: Registry): void {
  const stalled = registry.counter(families.connectionsStalled, {})
  // Who listens here decides for Node, which would close all of them.
  app.server.setTimeout(stallMs, (socket: HttpSocket) => {
    const isIdle = socket._httpMessage === undefined || socket._httpMessage === null
    if (!isIdle && socket.writableLength === 0) return
    if (!isIdle) stalled.add()
    socket.destroy()
  })
}
