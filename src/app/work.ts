import { availableParallelism } from 'node:os'
import fastify, { type FastifyInstance } from 'fastify'
import type { Logger } from 'pino'
import { configErrors } from '../core/config.ts'
import { ModelwatchError } from '../core/errors.ts'
import { systemClock } from '../core/time.ts'
import { addProcessMetrics, Registry, textContentType } from '../instrument/index.ts'
import { toTaskText } from '../sources/serving/gateway/tasks/contract.ts'
import type { ModelHost } from '../sources/serving/models/index.ts'
import { type TaskQueue, toQueueOptions } from '../sources/serving/queue/index.ts'
import { defaultTrafficUrl } from '../sources/serving/traffic/index.ts'
import { createWorker, type Worker } from '../sources/serving/worker/index.ts'
import type { ModelwatchConfig } from './config.ts'
import { listen } from './listen.ts'
import { openModels, processName, unloadModels } from './models.ts'
import { openTaskQueue } from './queue.ts'
import type { RunningRole } from './running-role.ts'

export type WorkRoleConfig = Pick<ModelwatchConfig, 'serving' | 'queue' | 'work'>

export interface TaskWorkerDeps {
  readonly queue: TaskQueue
  readonly host: ModelHost
  readonly registry: Registry
  readonly log: Logger
}

/** Work in hand of a process that only works: some claims of a queue on disk. */
const LANE_WORK_MS = 50
/** Beside requests, which wait behind it. */
const LANE_WORK_BESIDE_REQUESTS_MS = 5

/**
 * A worker of this process, on a queue and models that are open already. It takes no tasks before `start`.
 * @param laneWorkMs - Work of one model to keep in hand, as the time it takes.
 * @throws MW_CONFIG_INVALID
 */
export function createTaskWorker(
  { serving, queue, work }: WorkRoleConfig,
  deps: TaskWorkerDeps,
  laneWorkMs = LANE_WORK_BESIDE_REQUESTS_MS,
): Worker {
  if (work.threads_max !== undefined && work.threads_max < work.threads_min)
    throw configErrors.MW_CONFIG_INVALID(`work.threads_max ${work.threads_max} is below work.threads_min ${work.threads_min}`)
  const options = {
    config: work,
    leaseMs: toQueueOptions(queue).leaseMs,
    batchRowsMax: serving.batch_rows_max,
    processors: availableParallelism(),
    laneWorkMs,
    name: processName,
  }
  return createWorker(options, {
    ...deps,
    clock: systemClock,
    random: Math.random,
    webhookBody: toTaskText,
    // What a client can cause, such as a webhook to an address that is not asked, calls nobody out of bed.
    onError: (error, context) => {
      const level = error instanceof ModelwatchError && error.kind === 'invalid' ? 'warn' : 'error'
      deps.log[level]({ err: error, ...context }, 'the worker had trouble')
    },
  })
}

/**
 * Starts a worker: opens the queue, loads the models into threads, answers /metrics and /health, and takes tasks. Once it is closed its process is to be
 * ended, for a model that is busy still would hold it.
 * @param baseDir - What paths of the configuration are relative to.
 * @param deps.models - Names of the models to work for; undefined: all of the folder.
 */
export async function startWorker(
  config: WorkRoleConfig,
  baseDir: string,
  { log, models }: { log: Logger; models?: readonly string[] | undefined },
): Promise<RunningRole> {
  const { serving, queue: queueConfig, work } = config
  const registry = new Registry()
  addProcessMetrics(registry)
  const ends: (() => Promise<unknown>)[] = []
  const end = async () => {
    for (const close of ends.splice(0).reverse()) await close()
  }
  try {
    const queue = await openTaskQueue(queueConfig, baseDir, { registry, log })
    ends.push(() => queue.close())
    const trafficUrl = serving.traffic_url ?? defaultTrafficUrl(queueConfig.url)
    const options = { config: serving, baseDir, trafficUrl, placement: 'threads', threads: work.threads_min, only: models } as const
    const host = await openModels(options, { registry, log })
    ends.push(() => unloadModels(host, log))
    const worker = createTaskWorker(config, { queue, host, registry, log }, LANE_WORK_MS)
    const status = { stopping: false }
    const app = createStatusServer(registry, host, status)
    ends.push(() => app.close()) // After the worker, so that the last counts of a drain are still scraped.
    const url = await listen(app, work.listen, 'work.listen')
    ends.push(() => {
      status.stopping = true
      return worker.close()
    })
    worker.start()
    return { url, close: end }
  } catch (error) {
    await end()
    throw error
  }
}

/** What Prometheus and a supervisor ask of a worker. */
function createStatusServer(registry: Registry, host: ModelHost, status: { readonly stopping: boolean }): FastifyInstance {
  const app = fastify({ logger: false, forceCloseConnections: true })
  app.get('/metrics', (_request, reply) => reply.type(textContentType).send(registry.render()))
  app.get('/health/live', () => ({ status: 'live' }))
  app.get('/health/ready', (_request, reply) => {
    if (status.stopping) return reply.code(503).send({ status: 'stopping' })
    const models = host.models.map((model) => ({
      name: model.schema.name,
      revisions: model.revisions().map(({ served }) => ({ name: served.revision, threads: served.threads?.count })),
    }))
    return reply.send({ status: 'ready', models })
  })
  return app
}
