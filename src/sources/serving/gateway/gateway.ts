import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import fastify, { type FastifyError, type FastifyInstance, type FastifyReply } from 'fastify'
import { assertNever, type ErrorKind, ModelwatchError } from '../../../core/errors.ts'
import { type Clock, parseDurationMs } from '../../../core/time.ts'
import { type Registry, textContentType } from '../../../instrument/index.ts'
import type { ServedModel } from '../models/index.ts'
import type { ServingConfig } from './config.ts'
import { gatewayErrors } from './errors.ts'
import { gatewayFamilies as families } from './families.ts'
import { parseJsonBody } from './json-body.ts'
import { createRequestMeter, meterRequests } from './request-meter.ts'
import { addLabelsRoute } from './routes/labels.ts'
import { addPredictRoute, type InputFault } from './routes/predict.ts'

export interface GatewayDeps {
  readonly registry: Registry
  readonly clock: Clock
  readonly version: string
  /** Told of every fault that is ours: once, with its cause. */
  onError(error: unknown, context: { method: string; url: string }): void
}

const RETRY_AFTER_SECONDS = '1'
/** How often clients that are too slow are looked for. */
const SLOW_CLIENT_CHECK_MS = 5000

/** The HTTP server of the models: prediction, labels, health, metrics and the OpenAPI page. It does not listen yet. */
export async function createGateway(models: readonly ServedModel[], config: ServingConfig, deps: GatewayDeps): Promise<FastifyInstance> {
  const requestTimeoutMs = parseDurationMs(config.request_timeout)!
  const app = fastify({
    logger: false, // A log line per request costs a quarter of the throughput; the metrics say it all.
    bodyLimit: config.body_bytes_max,
    requestTimeout: requestTimeoutMs,
    http: { headersTimeout: requestTimeoutMs, connectionsCheckingInterval: Math.min(requestTimeoutMs, SLOW_CLIENT_CHECK_MS) },
    frameworkErrors: (error, _request, reply) => void sendError(error, reply, () => {}), // A malformed address reaches no route and no handler.
    ajv: { customOptions: { coerceTypes: false, removeAdditional: false, strict: false } },
    forceCloseConnections: 'idle',
    return503OnClosing: true,
  })
  limitConnections(app, config, deps.registry)
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (_request, body, done) => {
    try {
      done(null, parseJsonBody(body as string))
    } catch (error) {
      done(error as Error)
    }
  })
  app.setErrorHandler((error: FastifyError, request, reply) => sendError(error, reply, (fault) => deps.onError(fault, request)))
  app.setNotFoundHandler((request, reply) => sendError(notFound(request.method, request.url, models), reply, () => {}))
  meterRequests(app)

  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'modelwatch gateway',
        version: deps.version,
        description: 'Predictions, labels, health and metrics of the models served here.',
      },
    },
  })
  await app.register(swaggerUi, {
    routePrefix: '/docs',
    theme: { title: 'modelwatch gateway' },
    uiConfig: { layout: 'BaseLayout', defaultModelsExpandDepth: -1, tryItOutEnabled: true }, // Ready to send; no bar of another name on top.
  })

  const meter = createRequestMeter(deps.registry)
  app.get('/', { schema: { hide: true } }, (_request, reply) => reply.redirect('/docs'))
  for (const served of models) {
    addPredictRoute(app, served, { clock: deps.clock, rowsMax: config.rows_max, meter })
    addLabelsRoute(app, served, { clock: deps.clock, labelsMax: config.rows_max, meter })
  }
  addInfoRoutes(app, models)
  app.get('/metrics', { schema: { tags: ['health'], summary: 'Metrics in the Prometheus text format' } }, (_request, reply) =>
    reply.type(textContentType).send(deps.registry.render()),
  )
  return app
}

/** Bounds how many connections are open, and how long they may hold up the stop. */
function limitConnections(app: FastifyInstance, config: ServingConfig, registry: Registry): void {
  const refused = registry.counter(families.connectionsRefused, {})
  app.server.maxConnections = config.connections_max
  app.server.on('drop', () => refused.add())
  app.addHook('preClose', async () => {
    const timer = setTimeout(() => app.server.closeAllConnections(), parseDurationMs(config.stop_timeout)!)
    app.server.once('close', () => clearTimeout(timer))
  })
}

function addInfoRoutes(app: FastifyInstance, models: readonly ServedModel[]): void {
  let stopping = false
  app.addHook('preClose', async () => {
    stopping = true
  })
  const describe = ({ schema: { name, description, features, outputs }, revision, watched }: ServedModel) => ({
    name,
    description,
    revision,
    watched,
    features,
    outputs,
  })
  app.get('/v1/models', { schema: { tags: ['models'], summary: 'The models served here' } }, () => ({ models: models.map(describe) }))
  for (const served of models) {
    app.get(
      `/v1/models/${served.schema.name}`,
      { schema: { tags: ['models'], summary: `What ${served.schema.name} takes and answers` } },
      () => describe(served),
    )
  }
  app.get('/health/live', { schema: { tags: ['health'], summary: 'The process answers' } }, () => ({ status: 'live' }))
  app.get(
    '/health/ready',
    { schema: { tags: ['health'], summary: 'Every model is loaded and requests are welcome' } },
    (_request, reply) => {
      if (stopping) return reply.code(503).send({ status: 'stopping' })
      return { status: 'ready', models: models.map(({ schema, revision }) => ({ name: schema.name, revision })) }
    },
  )
}

function notFound(method: string, url: string, models: readonly ServedModel[]): ModelwatchError {
  const named = /^\/v1\/models\/([^/?]+)/.exec(url)?.[1]
  const names = models.map(({ schema }) => schema.name)
  if (named !== undefined && !names.includes(named))
    return gatewayErrors.MW_MODEL_UNKNOWN(`no model ${named.slice(0, 64)} is served here; there is ${names.join(', ')}`)
  return gatewayErrors.MW_ROUTE_UNKNOWN(`${method} ${url.slice(0, 100)} is not an address of this gateway`)
}

/** The one place where an error becomes an answer: `code`, `error`, `hint`, and `detail` where fields are at fault. */
function sendError(error: Error, reply: FastifyReply, onFault: (error: unknown) => void): FastifyReply {
  const known = error instanceof ModelwatchError ? error : translate(error as FastifyError)
  if (known === undefined) {
    onFault(error)
    return reply.code(500).send({ code: 'MW_INTERNAL', error: 'an internal error; the gateway wrote its cause to its log', detail: [] })
  }
  if (known.kind === 'internal') onFault(known)
  const status = statusOf(known)
  if (known.retryable) reply.header('retry-after', RETRY_AFTER_SECONDS)
  const { detail } = known as { detail?: readonly InputFault[] }
  return reply.code(status).send({ code: known.code, error: known.message, hint: known.hint, detail: detail ?? [] })
}

/** Errors of the HTTP layer itself, in our words. */
function translate(error: FastifyError): ModelwatchError | undefined {
  if (error.validation !== undefined) {
    const { instancePath, message } = error.validation[0]!
    return gatewayErrors.MW_INPUT_INVALID(`${error.validationContext ?? 'body'}${instancePath} ${message ?? 'is wrong'}`)
  }
  if (error.code === 'FST_ERR_CTP_BODY_TOO_LARGE')
    return gatewayErrors.MW_BODY_TOO_LARGE(`the body is larger than the gateway takes: ${error.message}`)
  if (error.code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE') return gatewayErrors.MW_BODY_TYPE('the body must be sent as application/json')
  if (error.statusCode !== undefined && error.statusCode < 500) return gatewayErrors.MW_BODY_INVALID(error.message, { cause: error })
  return undefined
}

function statusOf({ code, kind }: ModelwatchError): number {
  if (code === 'MW_BODY_TOO_LARGE') return 413
  if (code === 'MW_BODY_TYPE') return 415
  return statusOfKind(kind)
}

function statusOfKind(kind: ErrorKind): number {
  switch (kind) {
    case 'invalid':
      return 422
    case 'not_found':
      return 404
    case 'conflict':
      return 409
    case 'overloaded':
    case 'unavailable':
      return 503
    case 'timeout':
      return 504
    case 'unsupported':
      return 501
    case 'config':
    case 'internal':
      return 500
    default:
      return assertNever(kind)
  }
}
