// The queue on Redis: submissions acknowledged, tasks claimed and completed, and one task's way through an idle queue. One process beside one server.

import type { NewTask, QueueOptions, TaskQueue } from '../src/sources/serving/queue/contract.ts'
import { openRedisQueue } from '../src/sources/serving/queue/redis/index.ts'
import { createTaskId } from '../src/sources/serving/queue/task-id.ts'
import { findProgram } from '../test/support/needs.ts'
import { type RedisServer, startRedis } from '../test/support/redis.ts'

const program = findProgram('redis-server')
if (program === undefined) {
  console.error('needs redis-server; on Debian: apt-get install redis-server')
  process.exit(1)
}

const clock = { now: () => Date.now() }
const options: QueueOptions = {
  attemptsMax: 4,
  deathsMax: 3,
  retryDelayMs: 1000,
  retryDelayMsMax: 300_000,
  leaseMs: 30_000,
  resultsMs: 3_600_000,
  deadMs: 604_800_000,
  idempotencyMs: 86_400_000,
  tasksMax: 1_000_000,
  bytesMax: 10_000_000_000,
  webhookAttemptsMax: 10,
  webhookDelayMs: 5000,
}
const payload = JSON.stringify({
  rows: [{ fixed_acidity: 7.4, volatile_acidity: 0.7, citric_acid: 0, residual_sugar: 1.9, chlorides: 0.076 }],
})
const count = Number(process.env.BENCH_TASKS ?? 20_000)

function task(): NewTask {
  const submittedMs = clock.now()
  const rest = { deadlineMs: undefined, webhook: undefined, idempotency: undefined }
  return { id: createTaskId(submittedMs), queue: 'wine', revision: 'r1', priority: 0, payload, rows: 1, submittedMs, ...rest }
}

async function inFlight(width: number, total: number, act: () => Promise<unknown>): Promise<number> {
  const beginMs = performance.now()
  let left = total
  await Promise.all(
    Array.from({ length: width }, async () => {
      while (left-- > 0) await act()
    }),
  )
  return total / ((performance.now() - beginMs) / 1000)
}

async function claimAndComplete(queue: TaskQueue, size: number): Promise<number> {
  const beginMs = performance.now()
  let done = 0
  for (;;) {
    const claims = await queue.claim({ queues: [{ queue: 'wine', tasksMax: size, rowsMax: 1000 }], worker: 'bench' })
    if (claims.length === 0) return done / ((performance.now() - beginMs) / 1000)
    await Promise.all(claims.map((claim) => queue.complete(claim, '{"predictions":[{"quality":5.3}]}')))
    done += claims.length
  }
}

async function roundTrips(queue: TaskQueue, total: number): Promise<number[]> {
  const times: number[] = []
  for (let i = 0; i < total; i++) {
    const beginMs = performance.now()
    await queue.submit(task())
    const [claim] = await queue.claim({ queues: [{ queue: 'wine', tasksMax: 64, rowsMax: 1000 }], worker: 'bench' })
    await queue.complete(claim!, '1')
    times.push(performance.now() - beginMs)
  }
  return times.sort((a, b) => a - b)
}

const perSecond = (value: number) => value.toFixed(0).padStart(9)

async function run(name: string, server: RedisServer): Promise<void> {
  const queue = await openRedisQueue(server.url, options, { clock })
  try {
    await inFlight(64, 2000, () => queue.submit(task()))
    await claimAndComplete(queue, 64)
    const submit1 = await inFlight(1, 1000, () => queue.submit(task()))
    const submit16 = await inFlight(16, count, () => queue.submit(task()))
    const submit256 = await inFlight(256, count, () => queue.submit(task()))
    const complete = await claimAndComplete(queue, 64)
    const times = await roundTrips(queue, 500)
    const at = (share: number) => times[Math.floor(times.length * share)]!.toFixed(2).padStart(7)
    console.log(`${name.padEnd(14)} ${[submit1, submit16, submit256, complete].map(perSecond).join(' ')}  ${at(0.5)} ${at(0.99)}`)
  } finally {
    await queue.close()
  }
}

console.log(
  `submissions acknowledged a second with 1, 16 and 256 in flight; claimed by 64 and completed a second; one task's way, idle, in ms\n`,
)
console.log('append-only     submit 1 submit 16    s. 256  complete      p50     p99')
for (const appendfsync of [undefined, 'everysec', 'always'] as const) {
  const server = await startRedis(program, appendfsync === undefined ? {} : { appendfsync })
  try {
    await run(appendfsync ?? 'none', server)
  } finally {
    await server.stop()
  }
}
