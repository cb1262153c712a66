import { isAbsolute, join } from 'node:path'
import type { Clock } from '../../../core/time.ts'
import type { QueueOptions, TaskQueue } from './contract.ts'
import { queueErrors } from './errors.ts'

export { QueueConfig, toQueueOptions } from './config.ts'
export * from './contract.ts'
export { queueErrors } from './errors.ts'
export { queueFamilies } from './families.ts'
export { addQueueMetrics, type QueueMetrics } from './metrics.ts'
export { createTaskId, submittedMsOf } from './task-id.ts'

export interface QueueDeps {
  readonly clock: Clock
  /** Takes what people should know about a queue in Redis, a sentence each: how durable the server is set up to be, and what goes wrong behind their back. */
  readonly onNote?: ((text: string) => void) | undefined
}

/**
 * Opens the queue that a URL names, and makes it if it is not there.
 *
 * @param url - `sqlite:FILE`, `redis://…` or `rediss://…`.
 * @param baseDir - Folder that a relative FILE stands in.
 * @throws MW_QUEUE_URL for another URL; MW_QUEUE_UNAVAILABLE, MW_QUEUE_DAMAGED or MW_QUEUE_FORMAT when it cannot be used.
 */
export async function openQueue(url: string, baseDir: string, options: QueueOptions, deps: QueueDeps): Promise<TaskQueue> {
  const file = queueFileOf(url, baseDir)
  if (file !== undefined) {
    const { openSqliteQueue } = await import('./sqlite/index.ts')
    return openSqliteQueue(file, options, deps)
  }
  const { openRedisQueue } = await import('./redis/index.ts')
  return openRedisQueue(url, options, deps)
}

/**
 * The file of a queue that is one; undefined when it is kept in Redis.
 * @throws MW_QUEUE_URL for a URL that is neither.
 */
export function queueFileOf(url: string, baseDir: string): string | undefined {
  if (/^rediss?:\/\/./.test(url)) return undefined
  const path = /^sqlite:(.+)$/.exec(url)?.[1]
  if (path === undefined)
    throw queueErrors.MW_QUEUE_URL(`the queue's url ${JSON.stringify(url.replace(/:\/\/[^/]*@/, '://'))} is not one we know`)
  return isAbsolute(path) ? path : join(baseDir, path)
}
