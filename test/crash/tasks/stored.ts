import { readModelwatchConfig } from '../../../src/app/config.ts'
import { systemClock } from '../../../src/core/time.ts'
import { openQueue, type TaskQueue, type TaskWithPayload, toQueueOptions } from '../../../src/sources/serving/queue/index.ts'

/** Opens the queue of a folder, as one process more. */
export async function openQueueOf(dir: string): Promise<TaskQueue> {
  const { value } = await readModelwatchConfig(dir)
  return openQueue(value.queue.url, dir, toQueueOptions(value.queue), { clock: systemClock })
}

const PAGE = 1000

/** All that is in it. */
export async function readStored(queue: TaskQueue): Promise<TaskWithPayload[]> {
  const all: TaskWithPayload[] = []
  for (let after: string | undefined; ; ) {
    const page = await queue.list({ limit: PAGE, after })
    const whole = await Promise.all(page.map(({ id }) => queue.getWithPayload(id)))
    all.push(...whole.filter((task) => task !== undefined))
    if (page.length < PAGE) return all
    after = page.at(-1)!.id
  }
}
