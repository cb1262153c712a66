import fastify, { type FastifyError, type FastifyInstance } from 'fastify'
import type { Clock } from '../../../core/time.ts'
import type { Registry } from '../../../instrument/index.ts'
import type { ModelHost } from '../models/contract.ts'
import type { TaskQueue } from '../queue/contract.ts'
import { createAdmission } from './admission/admission.ts'
import { addApiPage } from './api-page.ts'
import { passJsonBodies, readJsonBodies, refuseOtherBodies } from './body-type.ts'
import { answerClientError } from './client-errors.ts'
import type { ServingConfig } from './config.ts'
import { arrivalLimits, limitConnections, refuseWhileStopping, stallMsOf } from './connections.ts'
import { sendError } from './error-answers.ts'
import { NAME_LENGTH_MAX, routeModelRequests } from './model-requests.ts'
import { addOpenInferenceRoutes } from './open-inference/routes.ts'
import { addLabelsRoute } from './routes/labels.ts'
import { addHealthRoutes, addModelRoutes } from './routes/models-and-health.ts'
import { addPredictRoute } from './routes/predict.ts'
import { addTaskRoutes, type TaskRouteDeps } from './tasks/index.ts'
import { unknownAddress } from './unknown.ts'
import { boundUnread } from './unread.ts'

export interface GatewayDeps {
  readonly registry: Registry
  readonly clock: Clock
  readonly version: string
  /** Predictions for later; undefined: there is no queue, and no route to it. */
  readonly tasks: ({ readonly queue: TaskQueue } & Pick<TaskRouteDeps, 'resultsMs' | 'webhookFault'>) | undefined
  /** Told of every fault that is ours: once, with its cause. */
  onError(error: unknown, context: { method: string; url: string }): void
}

/** The HTTP server of the models: predictions now and later, labels, health, metrics and the OpenAPI page. It does not listen yet. */
export async function createGateway(host: ModelHost, config: ServingConfig, deps: GatewayDeps): Promise<FastifyInstance> {
  const { models } = host
  const { clock, version, registry } = deps
  const { rows_max: rowsMax, body_bytes_max: bodyBytesMax } = config
  const app = fastify({
    logger: false, // A log line per request costs a quarter of the throughput; the metrics say it all.
    bodyLimit: bodyBytesMax,
    routerOptions: { maxParamLength: NAME_LENGTH_MAX },
    ...arrivalLimits(config),
    frameworkErrors: (error, _request, reply) => void sendError(error, reply, () => {}), // A malformed address reaches no route and no handler.
    clientErrorHandler: answerClientError,
    ajv: { customOptions: { coerceTypes: false, removeAdditional: false, strict: false } },
    forceCloseConnections: 'idle',
    return503OnClosing: false, // We do, in the form of every error.
  })
  app.setErrorHandler((error: FastifyError, request, reply) => sendError(error, reply, (fault) => deps.onError(fault, request)))
  app.setNotFoundHandler((request) => {
    throw unknownAddress(request, '/v1/models/', host)
  })
  limitConnections(app, config, registry)
  refuseWhileStopping(app)
  boundUnread(app, { stallMs: stallMsOf(config), behindMax: config.connections_max }, registry)
  readJsonBodies(app)
  routeModelRequests(app, createAdmission(app, config, registry))
  refuseOtherBodies(app)

  await addApiPage(app, version)
  await app.register(async (scope) => {
    passJsonBodies(scope)
    for (const model of models) addPredictRoute(scope, model, { clock, rowsMax })
  })
  for (const model of models) addLabelsRoute(app, model, { clock, labelsMax: rowsMax })
  addOpenInferenceRoutes(app, host, { clock, version, rowsMax })
  if (deps.tasks !== undefined) {
    const { queue, ...rest } = deps.tasks
    await addTaskRoutes(app, host, queue, { clock, registry, ...rest, config: config.tasks, rowsMax, bodyBytesMax })
  }
  addModelRoutes(app, models)
  addHealthRoutes(app, models, registry)
  return app
}
