import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { Registry } from '../../../instrument/index.ts'
import { addQueueMetrics } from './metrics.ts'
import { openSqliteQueue } from './sqlite/index.ts'
import { FakeClock, testFailure, testQueueOptions, testTask } from './testing.ts'

test('depth, age and outcomes as metrics', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'modelwatch-queue-'))
  const clock = new FakeClock()
  const queue = await openSqliteQueue(join(folder, 'queue.db'), testQueueOptions, { clock })
  const registry = new Registry()
  const metrics = addQueueMetrics(queue, registry, clock)
  const figures = () =>
    registry
      .render()
      .split('\n')
      .filter((line) => line.startsWith('modelwatch_') && !line.endsWith(' 0'))
  try {
    await metrics.refresh()
    expect(figures()).toEqual([])
    for (let i = 0; i < 3; i++) await queue.submit(testTask(clock))
    const [first, second] = await queue.claim({ queues: [{ queue: 'm', tasksMax: 2, rowsMax: 2 }], worker: 'w' })
    await queue.complete(first!, '1')
    await queue.fail(second!, testFailure, { final: true })
    await metrics.refresh()
    clock.advance(2500)
    expect(figures()).toEqual([
      'modelwatch_tasks_total{queue="m",outcome="submitted"} 3',
      'modelwatch_tasks_total{queue="m",outcome="done"} 1',
      'modelwatch_tasks_total{queue="m",outcome="dead"} 1',
      'modelwatch_queue_tasks{queue="m",state="waiting"} 1',
      'modelwatch_queue_tasks{queue="m",state="dead"} 1',
      'modelwatch_queue_oldest_age_seconds{queue="m"} 2.5',
    ])
    expect(registry.render()).toContain('modelwatch_tasks_total{queue="m",outcome="poisoned"} 0\n')

    await queue.purge({ queue: undefined, states: ['waiting', 'dead', 'done'] })
    await metrics.refresh()
    expect(figures().filter((line) => line.startsWith('modelwatch_queue'))).toEqual([])
    expect(registry.render()).toContain('modelwatch_queue_tasks{queue="m",state="waiting"} 0\n')
  } finally {
    metrics.close()
    await queue.close()
    await rm(folder, { recursive: true, force: true })
  }
})
