import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { QueueOptions, TaskQueue } from '../contract.ts'
import { FakeClock, type QueueFixture, queueConformance } from '../testing.ts'
import { openSqliteQueue } from './index.ts'

queueConformance('the queue in SQLite', async (options: QueueOptions): Promise<QueueFixture> => {
  const folder = await mkdtemp(join(tmpdir(), 'modelwatch-queue-'))
  const clock = new FakeClock()
  const handles: TaskQueue[] = []
  const open = async () => {
    const queue = await openSqliteQueue(join(folder, 'queue.db'), options, { clock })
    handles.push(queue)
    return queue
  }
  const closeAll = async () => {
    for (const handle of handles.splice(0)) await handle.close()
  }
  return {
    queue: await open(),
    clock,
    isSimulated: true,
    advance: async (ms) => clock.advance(ms),
    another: open,
    reopen: async () => {
      await closeAll()
      return open()
    },
    close: async () => {
      await closeAll()
      await rm(folder, { recursive: true, force: true })
    },
  }
})
