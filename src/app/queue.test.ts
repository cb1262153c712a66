import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { expect, test } from 'vitest'
import { parseConfig } from '../core/config.ts'
import { systemClock } from '../core/time.ts'
import { Registry } from '../instrument/index.ts'
import { QueueConfig } from '../sources/serving/queue/config.ts'
import { testTask } from '../sources/serving/queue/testing.ts'
import { openTaskQueue } from './queue.ts'

test('the queue of a role shows in its metrics', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'modelwatch-queue-'))
  const registry = new Registry()
  const config = parseConfig(QueueConfig, 'url: sqlite:sub/tasks.db', { file: 'modelwatch.yaml' }).value
  const queue = await openTaskQueue(config, dir, { registry, log: pino({ level: 'silent' }) })
  try {
    await queue.submit(testTask(systemClock, { queue: 'wine' }))
    expect(registry.render()).toContain('modelwatch_tasks_total{queue="wine",outcome="submitted"} 1\n')
    await expect.poll(() => registry.render(), { timeout: 5000 }).toContain('modelwatch_queue_tasks{queue="wine",state="waiting"} 1\n')
  } finally {
    await queue.close()
    await rm(dir, { recursive: true, force: true })
  }
})
