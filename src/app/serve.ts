import type { Logger } from 'pino'
import { parseDurationMs, systemClock } from '../core/time.ts'
import { addProcessMetrics, Registry } from '../instrument/index.ts'
import { createGateway } from '../sources/serving/gateway/index.ts'
import { defaultTrafficUrl } from '../sources/serving/traffic/index.ts'
import { createAddressPolicy } from '../sources/serving/worker/index.ts'
import { listen } from './listen.ts'
import { openModels, unloadModels } from './models.ts'
import { readVersion } from './package.ts'
import { openTaskQueue } from './queue.ts'
import type { RunningRole } from './running-role.ts'
import { createTaskWorker, type WorkRoleConfig } from './work.ts'

/**
 * Starts the gateway: loads every model of the folder, opens the queue, then listens. Nothing listens before every model can answer.
 * With `work.in_gateway` it works through the tasks itself, sharing the models' calls with the requests.
 * @param baseDir - What paths of the configuration are relative to.
 */
export async function startGateway(config: WorkRoleConfig, baseDir: string, deps: { log: Logger }): Promise<RunningRole> {
  const { serving, queue: queueConfig, work } = config
  const { log } = deps
  const registry = new Registry()
  addProcessMetrics(registry)
  const ends: (() => Promise<void>)[] = []
  const end = async () => {
    for (const close of ends.splice(0).reverse()) await close()
  }
  try {
    const trafficUrl = serving.traffic_url ?? defaultTrafficUrl(queueConfig.url)
    const host = await openModels(
      { config: serving, baseDir, trafficUrl, placement: 'inline', threads: work.threads_min },
      { registry, log },
    )
    ends.push(() => unloadModels(host, log))
    const queue = await openTaskQueue(queueConfig, baseDir, { registry, log })
    ends.push(() => queue.close())
    const worker = work.in_gateway ? createTaskWorker(config, { queue, host, registry, log }) : undefined
    if (worker !== undefined) ends.push(() => worker.close())
    const app = await createGateway(host, serving, {
      registry,
      clock: systemClock,
      version: readVersion(),
      tasks: { queue, resultsMs: parseDurationMs(queueConfig.results_for)!, webhookFault: createAddressPolicy(work.webhooks).faultOf },
      onError: (error, { method, url }) => log.error({ err: error, method, url }, 'a request failed'),
    })
    const url = await listen(app, serving.listen, 'serving.listen')
    ends.push(() => app.close())
    worker?.start()
    return { url, close: end }
  } catch (error) {
    await end()
    throw error
  }
}
