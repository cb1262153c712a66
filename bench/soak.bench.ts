/**
 * A gateway at half of what it can, for five minutes: predictions and tasks mixed, all monitoring on, tasks on SQLite. Memory, handles, files and delays are
 * looked at every five seconds, and must be flat after the first minute; nothing may fail. Server on one core, client on the other.
 *
 *   npm run bench -- soak                                     # BENCH_SECONDS=120 BENCH_WARM_UP_SECONDS=30 for a shorter one
 *   BENCH_RATE=500 npm run bench -- soak                      # so many calls a second, and no look at the capacity
 *
 * Results are kept for 20 s in place of an hour: a queue that keeps everything must grow, and shows nothing.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { cpSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { SoakLoad, SoakReport } from './support/soak-load.ts'
import type { Probe } from './support/soak-probe.ts'
import { trendOf } from './support/trend.ts'
import { onCore } from './support/wrk.ts'

const root = join(import.meta.dirname, '..')
const seconds = Number(process.env.BENCH_SECONDS ?? 300)
const warmUpSeconds = Number(process.env.BENCH_WARM_UP_SECONDS ?? Math.min(60, seconds / 2))
const rate = Number(process.env.BENCH_RATE ?? 0)
const SAMPLE_SECONDS = 5
const CAPACITY_SECONDS = 8
const DRAIN_SECONDS_MAX = 60
const TASK_EVERY = 5
const WAIT_EVERY = 20
const MIB = 2 ** 20
const row = JSON.stringify({ precipitation: 0, temp_max: 12.8, temp_min: 5, wind: 4.7, weather: 'drizzle', day_of_year: 1 })

type Counts = Omit<SoakReport, 'kind'>

interface Sample extends Omit<Probe, 'kind'>, Counts {
  readonly atSeconds: number
  readonly files: number
  readonly dbBytes: number
  readonly walBytes: number
  readonly tasksWaiting: number
}

/**
 * What must be flat: over the time after the warm-up it may not have grown both beyond chance (p < 0.01) and by more than a share of its level and a floor below
 * which growth says nothing. Both, for a figure that only trembles grows a little in every second run, and one of many samples never by chance alone.
 */
const P_MAX = 0.01
const judged: readonly { title: string; of(sample: Sample): number; unit: number; shareMax: number; floor: number }[] = [
  { title: 'resident memory, MiB', of: (s) => s.rssBytes, unit: MIB, shareMax: 0.02, floor: 4 * MIB },
  { title: 'heap after collection, MiB', of: (s) => s.liveHeapBytes, unit: MIB, shareMax: 0.05, floor: MIB },
  { title: 'memory outside of it, MiB', of: (s) => s.externalBytes, unit: MIB, shareMax: 0.05, floor: MIB },
  { title: 'open files', of: (s) => s.files, unit: 1, shareMax: 0, floor: 3 },
  { title: 'handles', of: (s) => s.handles, unit: 1, shareMax: 0.05, floor: 5 },
  { title: 'queue.db, MiB', of: (s) => s.dbBytes, unit: MIB, shareMax: 0.05, floor: MIB },
  { title: 'queue.db-wal, MiB', of: (s) => s.walBytes, unit: MIB, shareMax: 0.05, floor: MIB },
  { title: 'event loop delay p99, ms', of: (s) => s.loopDelayP99Ms, unit: 1, shareMax: 0.25, floor: 5 },
]

const dir = mkdtempSync(join(tmpdir(), 'soak-'))
cpSync(join(root, 'examples/weather/models'), join(dir, 'models'), { recursive: true })
writeFileSync(join(dir, 'modelwatch.yaml'), 'queue:\n  results_for: 20s\n')
const gateway = start(
  onCore(0, [
    ...[process.execPath, '--expose-gc', '--import', join(import.meta.dirname, 'support/soak-probe.ts')],
    ...[join(root, 'bin/modelwatch.js'), 'serve', dir, '--listen', '127.0.0.1:0'],
  ]),
)
const client = start(onCore(1, [process.execPath, join(import.meta.dirname, 'support/soak-load.ts')]))
try {
  await run()
} finally {
  if (client.connected) client.disconnect()
  if (gateway.exitCode === null && gateway.kill('SIGTERM')) await new Promise((resolve) => gateway.once('exit', resolve))
  rmSync(dir, { recursive: true, force: true })
}

async function run(): Promise<void> {
  const { url } = await next<{ kind: 'ready'; url: string }>(gateway, 'ready')
  const load = { kind: 'start', url, model: 'weather', row, connections: 64, taskEvery: TASK_EVERY, waitEvery: WAIT_EVERY } as const
  const perSecond = rate > 0 ? rate : Math.round((await measureCapacity(url, load)) / 2)
  console.log(`${seconds} s at ${perSecond} calls a second, each fifth of them a task; flat after ${warmUpSeconds} s?\n`)
  const before = await readTasks(url)
  client.send({ ...load, perSecond } satisfies SoakLoad)
  const startMs = performance.now()
  const samples: Sample[] = []
  for (let i = 1; i * SAMPLE_SECONDS <= seconds; i++) {
    await delay(Math.max(0, startMs + i * SAMPLE_SECONDS * 1000 - performance.now()))
    const sample = await takeSample(url, i * SAMPLE_SECONDS)
    samples.push(sample)
    printSample(sample, i)
  }
  client.send({ kind: 'stop' })
  await untilDrained(url)
  const last = await ask<SoakReport>(client, 'report') // What was under way at the end.
  judge(samples, last, before, await readTasks(url))
}

/** Calls a second, from the first until the last task of them is done: what is only put off is not done. */
async function measureCapacity(url: string, load: Omit<SoakLoad, 'perSecond'>): Promise<number> {
  client.send({ ...load, perSecond: 0 } satisfies SoakLoad)
  await delay(2000) // Compiled, and learned what a call costs.
  await ask(client, 'report')
  const startMs = performance.now()
  await delay(CAPACITY_SECONDS * 1000)
  client.send({ kind: 'stop' })
  const { predictions, tasks } = await ask<SoakReport>(client, 'report')
  await untilDrained(url)
  const perSecond = (predictions + tasks) / ((performance.now() - startMs) / 1000)
  console.log(`capacity: ${perSecond.toFixed(0)} calls a second, ${CAPACITY_SECONDS} s and until the last task was done`)
  return perSecond
}

async function takeSample(url: string, atSeconds: number): Promise<Sample> {
  const [{ waiting }, probe, report] = await Promise.all([readTasks(url), ask<Probe>(gateway, 'probe'), ask<SoakReport>(client, 'report')])
  const sizeOf = (name: string) => statSync(join(dir, name), { throwIfNoEntry: false })?.size ?? 0
  return {
    ...probe,
    ...report,
    atSeconds,
    files: readdirSync(`/proc/${gateway.pid}/fd`).length,
    dbBytes: sizeOf('queue.db'),
    walBytes: sizeOf('queue.db-wal'),
    tasksWaiting: waiting,
  }
}

function printSample(sample: Sample, n: number): void {
  const head = [
    's',
    'rss',
    'heap',
    'live',
    'extern',
    'files',
    'handles',
    'db',
    'wal',
    'loop p99',
    'max',
    'waiting',
    'pred/s',
    'tasks/s',
    'p50',
    'p99',
    'errors',
  ]
  const cells = (values: readonly (string | number)[]) =>
    console.log(values.map((value, i) => String(value).padStart(i === 0 ? 4 : 8)).join(' '))
  if (n % 20 === 1) cells(head)
  const mib = (bytes: number) => (bytes / MIB).toFixed(1)
  const per = (count: number) => Math.round(count / SAMPLE_SECONDS)
  const { rssBytes, heapBytes, liveHeapBytes, externalBytes, dbBytes, walBytes, files, handles, tasksWaiting } = sample
  cells([
    ...[sample.atSeconds, ...[rssBytes, heapBytes, liveHeapBytes, externalBytes].map(mib), files, handles, mib(dbBytes), mib(walBytes)],
    ...[sample.loopDelayP99Ms.toFixed(1), sample.loopDelayMaxMs.toFixed(1), tasksWaiting, per(sample.predictions), per(sample.tasks)],
    ...[sample.p50Ms.toFixed(2), sample.p99Ms.toFixed(2), countErrors(sample)],
  ])
}

function judge(samples: readonly Sample[], last: Counts, before: TaskCounts, after: TaskCounts): void {
  const counted = samples.filter(({ atSeconds }) => atSeconds > warmUpSeconds)
  console.log(
    `\nafter ${warmUpSeconds} s, ${counted.length} samples; grown = median slope × time, p = chance of such a rise without growth`,
  )
  console.log(`not flat: p < ${P_MAX}, and more growth than allowed\n`)
  console.log(`${''.padEnd(28)}${['least', 'median', 'most', 'grown', 'allowed', 'p'].map((title) => title.padStart(10)).join('')}`)
  let isFine = counted.length > 0
  for (const { title, of, unit, shareMax, floor } of judged) {
    const values = counted.map(of)
    const sorted = values.toSorted((a, b) => a - b)
    const median = sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
    const { growth, pValue } = trendOf(values)
    const allowed = Math.max(floor, shareMax * median)
    const isFlat = !(pValue < P_MAX && growth > allowed)
    isFine &&= isFlat
    const figures = [sorted[0] ?? Number.NaN, median, sorted.at(-1) ?? Number.NaN, growth, allowed].map((value) =>
      (value / unit).toFixed(2).padStart(10),
    )
    console.log(`${title.padEnd(28)}${figures.join('')}${pValue.toFixed(3).padStart(10)}  ${isFlat ? 'flat' : 'GROWS'}`)
  }
  const reports = [...samples, last]
  const sum = (of: (report: Counts) => number) => reports.reduce((total, report) => total + of(report), 0)
  const tasks = sum((report) => report.tasks)
  const [done, dead] = [after.done - before.done, after.dead - before.dead]
  const errors = sum(countErrors)
  console.log(
    `\n${sum((report) => report.predictions)} predictions; ${tasks} tasks acknowledged, ${done} done, ${dead} dead; ${errors} errors`,
  )
  for (const [what, count] of Object.entries(allErrors(reports))) console.log(`  ${count} × ${what}`)
  // A submission whose answer came after the last report is done, and not counted here.
  isFine &&= errors === 0 && dead === 0 && done >= tasks && tasks > 0
  console.log(isFine ? 'verdict: flat, and nothing failed' : 'verdict: NOT flat, or something failed; see above')
  if (!isFine) process.exitCode = 1
}

function countErrors({ errors }: Counts): number {
  return Object.values(errors).reduce((total, count) => total + count, 0)
}

function allErrors(reports: readonly Counts[]): Record<string, number> {
  const all: Record<string, number> = {}
  for (const { errors } of reports) for (const [what, count] of Object.entries(errors)) all[what] = (all[what] ?? 0) + count
  return all
}

interface TaskCounts {
  readonly waiting: number
  readonly open: number
  readonly done: number
  readonly dead: number
}

/** As a scrape sees them, which is part of the load. */
async function readTasks(url: string): Promise<TaskCounts> {
  const text = await (await fetch(`${url}/metrics`)).text()
  const valueAt = (series: string) =>
    Number(
      text
        .split('\n')
        .find((line) => line.startsWith(`${series} `))
        ?.slice(series.length) ?? 0,
    )
  const inState = (state: string) => valueAt(`modelwatch_queue_tasks{queue="weather",state="${state}"}`)
  const ended = (outcome: string) => valueAt(`modelwatch_tasks_total{queue="weather",outcome="${outcome}"}`)
  const waiting = inState('waiting')
  return {
    waiting,
    open: waiting + inState('active') + inState('delayed'),
    done: ended('done'),
    dead: ended('dead') + ended('expired') + ended('poisoned'),
  }
}

/** Waits until every task has ended. The gauges are refreshed now and then, so they must say it twice. */
async function untilDrained(url: string): Promise<void> {
  const endMs = performance.now() + DRAIN_SECONDS_MAX * 1000
  for (let times = 0, done = -1; times < 3; ) {
    if (performance.now() > endMs) throw new Error(`tasks were still open after ${DRAIN_SECONDS_MAX} s`)
    await delay(500)
    const counts = await readTasks(url)
    times = counts.open === 0 && counts.done === done ? times + 1 : 0
    done = counts.done
  }
}

function start([program, ...args]: [string, ...string[]]): ChildProcess {
  const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
  child.setMaxListeners(0) // One for each answer that is waited for.
  child.on('error', () => {}) // It has ended: whoever waits for an answer hears of that.
  return child
}

async function ask<T extends { kind: string }>(child: ChildProcess, kind: T['kind']): Promise<T> {
  const answer = next<T>(child, kind)
  child.send({ kind })
  return answer
}

/** The next message of a kind. @throws when the process ends before it comes. */
function next<T extends { kind: string }>(child: ChildProcess, kind: T['kind']): Promise<T> {
  return new Promise((resolve, reject) => {
    const end = () => {
      child.off('message', onMessage)
      child.off('exit', onExit)
    }
    const onMessage = (message: T) => {
      if (message.kind !== kind) return
      end()
      resolve(message)
    }
    const onExit = (code: number | null) => {
      end()
      reject(new Error(`a process ended with ${code}, and was asked for ${kind}`))
    }
    child.on('message', onMessage)
    child.on('exit', onExit)
  })
}
