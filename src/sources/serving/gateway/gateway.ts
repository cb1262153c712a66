import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import fastify, { type FastifyError, type FastifyInstance, type FastifyReply } from 'fastify'
import { assertNever, type ErrorKind, ModelwatchError } from '../../../core/errors.ts'
import { type Clock, MS_PER_SECOND, parseDurationMs } from '../../../core/time.ts'
import { type Registry, textContentType } from '../../../instrument/index.ts'
import type { ModelHost, ServedModel } from '../models/contract.ts'
import type { TaskQueue } from '../queue/contract.ts'
import { addAdmission } from './admission.ts'
import { refuseOtherBodies } from './body-type.ts'
import { answerClientError } from './client-errors.ts'
import type { ServingConfig } from './config.ts'
import { gatewayErrors } from './errors.ts'
import { gatewayFamilies as families } from './families.ts'
import { parseJsonBody } from './json-body.ts'
import { NAME_LENGTH_MAX, routeModelRequests } from './model-requests.ts'
import { addOpenInferenceRoutes } from './open-inference/routes.ts'
import { addLabelsRoute } from './routes/labels.ts'
import { addPredictRoute } from './routes/predict.ts'
import type { InputFault } from './routes/rows.ts'
import { addTaskRoutes, type TaskRouteDeps } from './tasks/index.ts'

export interface GatewayDeps {
  readonly registry: Registry
  readonly clock: Clock
  readonly version: string
  /** Predictions for later; undefined: there is no queue, and no route to it. */
  readonly tasks: ({ readonly queue: TaskQueue } & Pick<TaskRouteDeps, 'resultsMs' | 'webhookFault'>) | undefined
  /** Told of every fault that is ours: once, with its cause. */
  onError(error: unknown, context: { method: string; url: string }): void
}

/** How often clients that are too slow are looked for. */
const SLOW_CLIENT_CHECK_MS = 5000
/** Time between two looks for connections that have become idle, while the gateway stops. */
const IDLE_SWEEP_MS = 20

/** The HTTP server of the models: prediction, labels, health, metrics and the OpenAPI page. It does not listen yet. */
export async function createGateway(host: ModelHost, config: ServingConfig, deps: GatewayDeps): Promise<FastifyInstance> {
  const { models } = host
  const requestTimeoutMs = parseDurationMs(config.request_timeout)!
  const app = fastify({
    logger: false, // A log line per request costs a quarter of the throughput; the metrics say it all.
    bodyLimit: config.body_bytes_max,
    routerOptions: { maxParamLength: NAME_LENGTH_MAX },
    requestTimeout: requestTimeoutMs,
    http: { headersTimeout: requestTimeoutMs, connectionsCheckingInterval: Math.min(requestTimeoutMs, SLOW_CLIENT_CHECK_MS) },
    frameworkErrors: (error, _request, reply) => void sendError(error, reply, () => {}), // A malformed address reaches no route and no handler.
    clientErrorHandler: answerClientError,
    ajv: { customOptions: { coerceTypes: false, removeAdditional: false, strict: false } },
    forceCloseConnections: 'idle',
    return503OnClosing: true,
  })
  limitConnections(app, config, deps.registry)
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body, done) => {
    if (request.routeOptions.config?.readsBytes === true) return done(null, body)
    try {
      done(null, parseJsonBody(body.toString()))
    } catch (error) {
      done(error as Error)
    }
  })
  app.setErrorHandler((error: FastifyError, request, reply) => sendError(error, reply, (fault) => deps.onError(fault, request)))
  app.setNotFoundHandler((request, reply) => sendError(notFound(request.method, request.url, models), reply, () => {}))
  routeModelRequests(app)
  refuseOtherBodies(app)
  addAdmission(app, config, deps.registry)

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

  app.get('/', { schema: { hide: true } }, (_request, reply) => reply.redirect('/docs'))
  for (const model of models) {
    addPredictRoute(app, model, { clock: deps.clock, rowsMax: config.rows_max })
    addLabelsRoute(app, model, { clock: deps.clock, labelsMax: config.rows_max })
  }
  addOpenInferenceRoutes(app, host, { clock: deps.clock, version: deps.version, rowsMax: config.rows_max })
  if (deps.tasks !== undefined) {
    const { queue, ...rest } = deps.tasks
    const { rows_max: rowsMax, body_bytes_max: bodyBytesMax } = config
    await addTaskRoutes(app, host, queue, { ...deps, ...rest, config: config.tasks, rowsMax, bodyBytesMax })
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
    // A connection that was busy when the stop began is idle once its answer is out; its client would keep it, and the stop with it.
    const sweep = setInterval(() => app.server.closeIdleConnections(), IDLE_SWEEP_MS).unref()
    app.server.once('close', () => {
      clearTimeout(timer)
      clearInterval(sweep)
    })
  })
}

function addInfoRoutes(app: FastifyInstance, models: readonly ServedModel[]): void {
  const describe = (model: ServedModel) => {
    const { name, description, features, outputs } = model.schema
    const revisions = model
      .revisions()
      .map(({ served, percent, tags }) => ({ name: served.revision, percent, tags, watched: served.watched }))
    return { name, description, revisions, features, outputs }
  }
  app.get('/v1/models', { schema: { tags: ['models'], summary: 'The models served here' } }, () => ({ models: models.map(describe) }))
  for (const model of models) {
    const { name } = model.schema
    app.get(`/v1/models/${name}`, { schema: { tags: ['models'], summary: `What ${name} takes and answers, and its revisions` } }, () =>
      describe(model),
    )
  }
  app.get('/health/live', { schema: { tags: ['health'], summary: 'The process answers' } }, () => ({ status: 'live' }))
  app.get('/health/ready', { schema: { tags: ['health'], summary: 'Every model is loaded and requests are welcome' } }, () => {
    // While it stops, everything is answered 503 by the server itself (return503OnClosing).
    return {
      status: 'ready',
      models: models.map((model) => ({ name: model.schema.name, revisions: model.revisions().map(({ served }) => served.revision) })),
    }
  })
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
  const { detail, retryAfterMs } = known as { detail?: readonly InputFault[]; retryAfterMs?: number }
  if (known.retryable) reply.header('retry-after', Math.max(1, Math.ceil((retryAfterMs ?? 0) / MS_PER_SECOND)))
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
  if (error.code === 'FST_ERR_BAD_URL' || error.code === 'FST_ERR_MAX_PARAM_LENGTH')
    return gatewayErrors.MW_ROUTE_UNKNOWN(`the address is malformed, or a name in it is longer than ${NAME_LENGTH_MAX} characters`)
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
    case 'gone':
      return 410
    case 'overloaded':
    case 'unavailable':
      return 503
    case 'timeout':
      return 504
    case 'unsupported':
      return 501
    case 'config':
    case 'gate':
    case 'internal':
      return 500
    default:
      return assertNever(kind)
  }
}
