import { hostname } from 'node:os'
import { resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from 'pino'
import { assertNever } from '../core/errors.ts'
import { systemClock } from '../core/time.ts'
import type { Registry } from '../instrument/index.ts'
import type { ModelHost, ModelsConfig } from '../sources/serving/models/index.ts'
import { createModelHost } from '../sources/serving/models/index.ts'
import { type LoadContext, type RuntimeEvent, runtimes } from '../sources/serving/runtimes/index.ts'
import { openTrafficStore } from '../sources/serving/traffic/index.ts'
import { modelThreadFile, readVersion } from './package.ts'

/** Who this process is, where several share a queue or the traffic. */
export const processName = `${hostname()}:${process.pid}`

export interface OpenModelsOptions {
  readonly config: ModelsConfig
  /** What the folder of models is relative to. */
  readonly baseDir: string
  /** Where the traffic is kept. */
  readonly trafficUrl: string
  readonly placement: LoadContext['placement']
  /** Threads a model begins with, where its calls run in threads. */
  readonly threads: number
  /** Names of the models; undefined: all of the folder. */
  readonly only?: readonly string[] | undefined
}

/**
 * Loads the models of a folder into this process, and keeps them as the traffic wants them.
 * @throws what reading and loading models throw, and MW_TRAFFIC_UNAVAILABLE; nothing is left open then.
 */
export async function openModels(options: OpenModelsOptions, deps: { registry: Registry; log: Logger }): Promise<ModelHost> {
  const { config, baseDir, placement, threads, only } = options
  const { registry, log } = deps
  const store = await openTrafficStore(options.trafficUrl, baseDir, { clock: systemClock })
  try {
    const host = await createModelHost(resolve(baseDir, config.models), config, store, {
      registry,
      clock: systemClock,
      runtimes,
      placement,
      threads,
      version: readVersion(),
      threadFile: modelThreadFile,
      process: processName,
      only,
      onEvent: (of, event) => tellEvent(log, of, event),
      onNote: ({ model, revision, failed, text }) => log[failed ? 'warn' : 'info']({ model, revision }, text),
      onError: (error) => log.error({ err: error }, 'the traffic of the models could not be followed'),
    })
    return {
      ...host,
      async close() {
        await host.close()
        await store.close()
      },
    }
  } catch (error) {
    await store.close()
    throw error
  }
}

/** How long models may take to unload when a role stops; its process ends then, whatever they do. */
const UNLOAD_MS_MAX = 3000

/** Closes the host. A call that goes on is one that nobody waits for any more, of a task that went back to the queue or of a client that was told so, and is not waited for. */
export async function unloadModels(host: ModelHost, log: Logger): Promise<void> {
  const unloaded = new AbortController()
  const isUnloaded = await Promise.race([host.close().then(() => true), sleep(UNLOAD_MS_MAX, false, { signal: unloaded.signal })])
  unloaded.abort()
  if (!isUnloaded) log.warn('a model is busy still with what nobody waits for; its call ends with the process')
}

function tellEvent(log: Logger, of: { readonly model: string; readonly revision: string }, event: RuntimeEvent): void {
  switch (event.kind) {
    case 'log':
      return void log[event.stream === 'stderr' ? 'warn' : 'info'](of, event.line)
    case 'thread_died':
      return void log.warn({ ...of, reason: event.reason }, event.message)
    case 'shed':
      return // The counter says it; a line for each would be many.
    case 'circuit':
      return void log.warn({ ...of, circuit: event.state }, event.message)
    default:
      assertNever(event)
  }
}
