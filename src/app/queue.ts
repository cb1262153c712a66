import { access } from 'node:fs/promises'
import type { Logger } from 'pino'
import { systemClock } from '../core/time.ts'
import type { Registry } from '../instrument/index.ts'
import {
  addQueueMetrics,
  openQueue,
  type QueueConfig,
  queueErrors,
  queueFileOf,
  type TaskQueue,
  toQueueOptions,
} from '../sources/serving/queue/index.ts'
import { readModelwatchConfig } from './config.ts'

/** What the command line says about tasks; it goes by this room, as all does. */
export {
  type NewTask,
  type QueueStats,
  queueErrors,
  type Task,
  type TaskQueue,
  type TaskState,
  type TaskWithPayload,
} from '../sources/serving/queue/index.ts'

/**
 * Opens the queue that a role works on, and shows it in the role's metrics; what people should know of it is logged.
 * @param baseDir - Folder of modelwatch.yaml.
 * @throws as `openQueue` does.
 */
export async function openTaskQueue(
  config: QueueConfig,
  baseDir: string,
  { registry, log }: { registry: Registry; log: Logger },
): Promise<TaskQueue> {
  const queue = await openQueue(config.url, baseDir, toQueueOptions(config), { clock: systemClock, onNote: (text) => log.warn(text) })
  const metrics = addQueueMetrics(queue, registry, systemClock)
  const close = queue.close.bind(queue)
  queue.close = () => {
    metrics.close()
    return close()
  }
  return queue
}

/** The queue of a folder, for people who look into it. */
export interface FolderQueue {
  readonly queue: TaskQueue
  /** Its file, or its address without credentials. */
  readonly place: string
}

/**
 * Opens the queue that DIR/modelwatch.yaml names. Looking makes nothing: a file that is not there is an error.
 * @throws MW_CONFIG_INVALID, MW_QUEUE_MISSING, and as `openQueue` does.
 */
export async function openFolderQueue(dir: string): Promise<FolderQueue> {
  const { value } = await readModelwatchConfig(dir)
  const { url } = value.queue
  const file = queueFileOf(url, dir)
  if (file !== undefined) {
    await access(file).catch((cause: unknown) => {
      throw queueErrors.MW_QUEUE_MISSING(`there is no queue ${file} yet`, { cause })
    })
  }
  const queue = await openQueue(url, dir, toQueueOptions(value.queue), { clock: systemClock })
  return { queue, place: file ?? url.replace(/:\/\/[^/]*@/, '://') }
}
