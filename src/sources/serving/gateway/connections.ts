import type { FastifyInstance } from 'fastify'
import { parseDurationMs } from '../../../core/time.ts'
import type { Registry } from '../../../instrument/index.ts'
import { modelErrors } from '../models/index.ts'
import type { ServingConfig } from './config.ts'
import { gatewayFamilies as families } from './families.ts'

/** How often clients that are too slow are looked for. */
const SLOW_CLIENT_CHECK_MS = 5000
/** Time between two looks for connections that have become idle, while the gateway stops. */
const IDLE_SWEEP_MS = 20

/** How long a request may take to arrive, in the options of the server. */
export function arrivalLimits(config: Pick<ServingConfig, 'request_timeout'>) {
  const requestTimeout = parseDurationMs(config.request_timeout)!
  const connectionsCheckingInterval = Math.min(requestTimeout, SLOW_CLIENT_CHECK_MS)
  return { requestTimeout, http: { headersTimeout: requestTimeout, connectionsCheckingInterval } }
}

/** How long nothing may move on a connection: so long that who is slow to send is found before, and told. */
export function stallMsOf(config: Pick<ServingConfig, 'request_timeout'>): number {
  const { requestTimeout, http } = arrivalLimits(config)
  return requestTimeout + 2 * http.connectionsCheckingInterval
}

/** Turns away what comes when the stop has begun, so that its client goes elsewhere; what is under way is answered. Call it before other hooks are added. */
export function refuseWhileStopping(app: FastifyInstance): void {
  const stopping = modelErrors.MW_GATEWAY_STOPPING('the gateway is being stopped')
  let isStopping = false
  app.addHook('preClose', async () => {
    isStopping = true
  })
  app.addHook('onRequest', (_request, _reply, done) => done(isStopping ? stopping : undefined))
}

/** Bounds how many connections are open, and how long they may hold up the stop. */
export function limitConnections(app: FastifyInstance, config: ServingConfig, registry: Registry): void {
  const refused = registry.counter(families.connectionsRefused, {})
  app.server.maxConnections = config.connections_max
  app.server.on('drop', () => refused.add())
  app.addHook('preClose', async () => {
    const timer = setTimeout(() => app.server.closeAllConnections(), parseDurationMs(config.stop_timeout)!)
    // A connection that was busy when the stop began is idle once its answer is out; its client would keep it, and the stop with it.
    const sweep = setInterval(() => app.server.closeIdleConnections(), IDLE_SWEEP_MS).unref()
    app.server.once('close', () => {
      clearTimeout(timer)
      clearInterval(sweep)
    })
  })
}
