/**
 * Fills the disk its folder stands on, by way of the queue, makes room again, and goes on.
 *
 *   node queue-full-disk-writer.ts FOLDER BYTES
 *
 * Prints what happened as one line of JSON; the test judges it.
 */
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ModelwatchError } from '../../src/core/errors.ts'
import { systemClock } from '../../src/core/time.ts'
import { openSqliteQueue } from '../../src/sources/serving/queue/sqlite/index.ts'
import { testQueueOptions, testTask } from '../../src/sources/serving/queue/test-task.ts'

const folder = process.argv[2]!
const ballast = join(folder, 'ballast')
const file = join(folder, 'queue.db')
const payload = JSON.stringify('x'.repeat(20_000))
let queue = await openSqliteQueue(file, testQueueOptions, { clock: systemClock })
const accepted: string[] = []
const submit = async () => {
  const task = testTask(systemClock, { payload })
  await queue.submit(task)
  accepted.push(task.id)
}
for (let i = 0; i < 20; i++) await submit()
// Leaves a mebibyte.
writeFileSync(ballast, Buffer.alloc(Number(process.argv[3]) - 2_500_000))

let refusal: unknown
while (refusal === undefined) {
  const answers = await Promise.allSettled(Array.from({ length: 5 }, submit))
  refusal = answers.find((answer) => answer.status === 'rejected')?.reason
}
const acceptedWhenFull = accepted.length
const readable = (await Promise.all(accepted.map((id) => queue.getWithPayload(id)))).filter((task) => task?.payload === payload).length
const waiting = (await queue.stats())[0]!.waiting

rmSync(ballast)
for (let i = 0; i < 20; i++) await submit()
const claims = await queue.claim({ queues: [{ queue: 'm', tasksMax: 5, rowsMax: 5 }], worker: 'w' })
const completed = await Promise.all(claims.map((claim) => queue.complete(claim, '1')))
await queue.close()

queue = await openSqliteQueue(file, testQueueOptions, { clock: systemClock })
const kept = (await Promise.all(accepted.map((id) => queue.get(id)))).filter((task) => task !== undefined).length
await queue.close()
const code = refusal instanceof ModelwatchError ? refusal.code : String(refusal)
const message = refusal instanceof Error ? refusal.message : ''
console.log(JSON.stringify({ code, message, acceptedWhenFull, readable, waiting, accepted: accepted.length, completed, kept }))
