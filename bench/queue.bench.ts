/**
 * The embedded queue, on the disk of the temporary folder: what a process can hand in, take and complete, and how long one task takes when nothing else happens.
 *
 *   node bench/queue.bench.ts [WAITING]
 *
 * Every figure but the last comes with the longest pause of the event loop. The last ones are taken with WAITING tasks in the queue (1,000,000 by default).
 */
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { parseConfig } from '../src/core/config.ts'
import { systemClock } from '../src/core/time.ts'
import { QueueConfig, toQueueOptions } from '../src/sources/serving/queue/config.ts'
import { type Claim, createTaskId, type NewTask, openQueue, type TaskQueue } from '../src/sources/serving/queue/index.ts'

const waiting = Number(process.argv[2] ?? 1_000_000)
const SECONDS = 3
const folder = mkdtempSync(join(tmpdir(), 'modelwatch-queue-bench-'))
const options = { ...toQueueOptions(parseConfig(QueueConfig, '', { file: 'defaults' }).value), tasksMax: 10_000_000 }
// A row of the wine features.
const payload = JSON.stringify({ rows: [Object.fromEntries(Array.from({ length: 11 }, (_, i) => [`feature_${i}`, i * 1.25]))] })
const result = JSON.stringify({ predictions: [{ quality: 5.613 }], revision: '2026-11-20-a' })

const newTask = (queue = 'wine', priority = 0): NewTask => {
  const submittedMs = Date.now()
  const base = { queue, revision: '2026-11-20-a', priority, payload, rows: 1, submittedMs }
  return { ...base, id: createTaskId(submittedMs), deadlineMs: undefined, webhook: undefined, idempotency: undefined }
}
const wants = (tasksMax: number) => ({ queues: [{ queue: 'wine', tasksMax, rowsMax: 1_000_000 }], worker: 'bench' })

async function measure(what: string, seconds: number, work: (untilMs: number) => Promise<number>): Promise<void> {
  const delays = monitorEventLoopDelay({ resolution: 1 })
  delays.enable()
  const startMs = performance.now()
  const count = await work(startMs + seconds * 1000)
  const tookMs = performance.now() - startMs
  delays.disable()
  const rate = Math.round(count / (tookMs / 1000)).toLocaleString('en-US')
  console.log(`${what.padEnd(52)} ${rate.padStart(9)} /s   longest pause ${(delays.max / 1e6).toFixed(1).padStart(6)} ms`)
}

async function submitting(queue: TaskQueue, inFlight: number, untilMs: number): Promise<number> {
  let count = 0
  const one = async () => {
    while (performance.now() < untilMs) {
      await queue.submit(newTask())
      count++
    }
  }
  await Promise.all(Array.from({ length: inFlight }, one))
  return count
}

async function working(queue: TaskQueue, untilMs: number): Promise<number> {
  let count = 0
  let next = queue.claim(wants(64))
  while (performance.now() < untilMs) {
    const claims = await next
    if (claims.length === 0) break
    next = queue.claim(wants(64))
    await Promise.all(claims.map((claim: Claim) => queue.complete(claim, result)))
    count += claims.length
  }
  await queue.release(await next)
  return count
}

async function roundTrips(queue: TaskQueue, times: number): Promise<number[]> {
  const tookMs: number[] = []
  for (let i = 0; i < times; i++) {
    const startMs = performance.now()
    await queue.submit(newTask('wine', 9))
    const [claim] = await queue.claim(wants(1))
    await queue.complete(claim!, result)
    tookMs.push(performance.now() - startMs)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  return tookMs.sort((a, b) => a - b)
}
const printRoundTrips = (what: string, tookMs: readonly number[]) => {
  const at = (share: number) => `${tookMs[Math.floor(share * (tookMs.length - 1))]!.toFixed(2)} ms`
  console.log(`${what.padEnd(52)} p50 ${at(0.5)}, p99 ${at(0.99)}`)
}

const file = join(folder, 'queue.db')
const open = () => openQueue(`sqlite:${file}`, folder, options, { clock: systemClock })
try {
  let queue = await open()
  printRoundTrips('submit, claim, complete; idle', await roundTrips(queue, 300))
  for (const inFlight of [1, 16, 256])
    await measure(`submitted and acknowledged, ${inFlight} in flight`, SECONDS, (untilMs) => submitting(queue, inFlight, untilMs))
  await measure('claimed by 64 and completed', SECONDS, (untilMs) => working(queue, untilMs))
  await measure('all of it, in one process', SECONDS, async (untilMs) => {
    const [, done] = await Promise.all([submitting(queue, 64, untilMs), working(queue, untilMs)])
    return done
  })

  const stats = await queue.stats()
  let missing = waiting - (stats[0]?.waiting ?? 0)
  await measure(`filled up to ${waiting.toLocaleString('en-US')} waiting`, 0, async () => {
    const count = missing
    while (missing > 0) {
      const some = Math.min(missing, 2000)
      await Promise.all(Array.from({ length: some }, () => queue.submit(newTask())))
      missing -= some
    }
    return Math.max(0, count)
  })
  await measure('submitted and acknowledged, 256 in flight, then', SECONDS, (untilMs) => submitting(queue, 256, untilMs))
  await measure('claimed by 64 and completed, then', SECONDS, (untilMs) => working(queue, untilMs))
  printRoundTrips('submit, claim, complete; then', await roundTrips(queue, 200))
  const began = performance.now()
  await queue.close()
  const mib = statSync(file).size / 1024 / 1024
  console.log(`${mib.toFixed(0)} MiB; closed in ${(performance.now() - began).toFixed(0)} ms`)
  const reopened = performance.now()
  queue = await open()
  await queue.stats()
  console.log(`opened in ${(performance.now() - reopened).toFixed(0)} ms`)
  await queue.close()
} finally {
  rmSync(folder, { recursive: true, force: true })
}
