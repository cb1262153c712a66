/**
 * Hands tasks in, takes and completes them, until it is killed; says on stdout what it was promised.
 *
 *   node queue-writer.ts FILE
 */
import { systemClock } from '../../src/core/time.ts'
import { openSqliteQueue } from '../../src/sources/serving/queue/sqlite/index.ts'
import { testQueueOptions, testTask } from '../../src/sources/serving/queue/test-task.ts'
import type { QueueMessage } from './queue-plan.ts'

const options = { ...testQueueOptions, leaseMs: 300, deathsMax: 1_000_000, resultsMs: 3_600_000 }
const queue = await openSqliteQueue(process.argv[2]!, options, { clock: systemClock })
const say = (message: QueueMessage) => process.stdout.write(`${JSON.stringify(message)}\n`)
say({ kind: 'opened' })

async function submit(): Promise<never> {
  for (;;) {
    const { id } = await queue.submit(testTask(systemClock, { payload: JSON.stringify('x'.repeat(Math.random() * 3000)) }))
    say({ kind: 'accepted', id })
    // Workers keep up, about.
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
}

async function work(): Promise<never> {
  for (;;) {
    const claims = await queue.claim({ queues: [{ queue: 'm', tasksMax: 8, rowsMax: 1000 }], worker: String(process.pid) })
    const complete = async (claim: (typeof claims)[number]) => {
      const result = JSON.stringify(claim.token)
      if ((await queue.complete(claim, result)) === 'stored') say({ kind: 'stored', id: claim.task.id, result })
    }
    await Promise.all(claims.map(complete))
    if (claims.length === 0) await new Promise((resolve) => setTimeout(resolve, 2))
  }
}

await Promise.all([...Array.from({ length: 8 }, submit), work(), work()])
