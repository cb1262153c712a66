/**
 * How long the event loop stands still at most while the store does its long work with many series, and what a series takes in memory.
 *
 *   node --expose-gc bench/store-pauses.bench.ts [SERIES]
 *
 * Each line: what was done, how long it took, the longest pause, the longest garbage collection among them.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { constants, monitorEventLoopDelay, PerformanceObserver } from 'node:perf_hooks'
import { setImmediate } from 'node:timers/promises'
import { toLabels } from '../src/core/labels.ts'
import type { Matcher } from '../src/plane/store/index.ts'
import { openStore } from '../src/plane/store/index.ts'

const SERIES = Number(process.argv[2] ?? 100_000)
/** As many as the receiver of remote write takes in one go. */
const COMMIT_SAMPLES = 20_000
const RANGE_MS = 7_200_000
const STEP_MS = 60_000
const path = mkdtempSync(join(tmpdir(), 'modelwatch-pauses-'))
const startMs = Math.floor(1_700_000_000_000 / RANGE_MS) * RANGE_MS
const all = { fromMs: Number.MIN_SAFE_INTEGER, toMs: Number.MAX_SAFE_INTEGER }
const every: Matcher = { name: '__name__', op: '=~', value: '.+' }
const clock = { now: () => startMs + 3 * RANGE_MS }
const quiet = { maintenanceIntervalMs: 2 ** 30, quietMs: 2 ** 30, walBytesMax: Number.POSITIVE_INFINITY }

const gc = (globalThis as { gc?: () => void }).gc ?? (() => {})
const mib = (bytes: number) => (bytes / 1024 / 1024).toFixed(0)

let collectedMs = 0
new PerformanceObserver((list) => {
  // Those that this script forces, between two measurements, are told late.
  for (const { duration, detail } of list.getEntries() as { duration: number; detail?: { flags?: number } }[]) {
    if (((detail?.flags ?? 0) & constants.NODE_PERFORMANCE_GC_FLAGS_FORCED) === 0) collectedMs = Math.max(collectedMs, duration)
  }
}).observe({ entryTypes: ['gc'] })
const fixed = (value: number, digits: number) => value.toFixed(digits).padStart(7)

async function timed<T>(what: string, work: () => T | Promise<T>): Promise<T> {
  gc()
  const delays = monitorEventLoopDelay({ resolution: 1 })
  await setImmediate()
  delays.enable()
  collectedMs = 0
  let longestMs = 0
  let isDone = false
  const watch = (async () => {
    for (let last = performance.now(); !isDone; ) {
      await setImmediate()
      const now = performance.now()
      longestMs = Math.max(longestMs, now - last)
      last = now
    }
  })()
  const began = performance.now()
  const result = await work()
  const tookMs = performance.now() - began
  await setImmediate()
  isDone = true
  await watch
  delays.disable()
  const pauseMs = Math.max(longestMs, delays.max / 1e6)
  console.log(
    `${what.padEnd(34)} ${fixed(tookMs, 0)} ms, longest pause ${fixed(pauseMs, 1)} ms, of them collections ${fixed(collectedMs, 1)} ms`,
  )
  return result
}

let store = await openStore({ ...quiet, path }, { clock })
const labelsOf = (i: number) =>
  toLabels({
    __name__: `http_requests_${i % 50}_total`,
    instance: `10.0.${i % 200}.17:9100`,
    job: `service-${i % 10}`,
    method: ['GET', 'POST', 'PUT'][i % 3]!,
    path: `/api/v1/resource/${i}`,
    status: String(200 + (i % 5)),
  })
const refs = new Array<number>(SERIES).fill(0)
const nothing: ReturnType<typeof toLabels> = []

async function write(from: number, to: number): Promise<void> {
  const series = Math.max(1, Math.floor(COMMIT_SAMPLES / Math.min(to - from, 10)))
  for (let begin = from; begin < to; begin += 10) {
    for (let at = 0; at < SERIES; at += series) {
      const appender = store.appender()
      for (let i = at; i < Math.min(at + series, SERIES); i++) {
        const labels = refs[i] === 0 ? labelsOf(i) : nothing
        for (let step = begin; step < Math.min(begin + 10, to); step++) {
          refs[i] = appender.append(refs[i]!, labels, startMs + step * STEP_MS, step * (i % 7))
        }
      }
      await appender.commit()
      await setImmediate()
    }
  }
}

try {
  gc()
  const before = process.memoryUsage()
  await timed(`${SERIES} new series, 10 samples each`, () => write(0, 10))
  gc()
  const after = process.memoryUsage()
  const each = (a: number, b: number) => ((b - a) / SERIES).toFixed(0)
  console.log(
    `a series with 6 labels and 10 samples: heap ${each(before.heapUsed, after.heapUsed)}, buffers ${each(before.arrayBuffers, after.arrayBuffers)}, ` +
      `resident ${each(before.rss, after.rss)} bytes (${mib(after.rss)} MiB in all)`,
  )
  await timed('samples over three block ranges', () => write(10, 250))
  await timed('select, every series', () => store.select([every], all))
  await timed('select, one metric', () => store.select([{ name: '__name__', op: '=', value: 'http_requests_7_total' }], all))
  await timed('select by a regular expression', () => store.select([{ name: 'path', op: '=~', value: '.*7' }], all))
  await timed('series()', () => store.series([], all))
  await timed('labelValues(path)', () => store.labelValues('path', [], all))
  await timed('labelNames()', () => store.labelNames([], all))
  await timed('cardinality', () => store.cardinality(10))
  await timed('flush, with its checkpoint', () => store.maintain({ compact: false }))
  await timed('select, head and blocks', () => store.select([every], all))
  await timed('series(), head and blocks', () => store.series([], all))
  await timed('labelValues(path), head and blocks', () => store.labelValues('path', [], all))
  await timed('compaction', () => store.maintain())
  await timed('snapshot', () => store.snapshot({ skipHead: false }))
  await timed('deleteSeries, one in ten', () => store.deleteSeries([[{ name: 'job', op: '=', value: 'service-3' }]], all))
  await timed('cleanTombstones', () => store.cleanTombstones())
  await timed('wipe', () => store.wipe())
  refs.fill(0)
  await timed('write anew', () => write(0, 130))
  await timed('close', () => store.close())
  store = await timed('open', () => openStore({ ...quiet, path }, { clock: { now: () => startMs + 30 * RANGE_MS } }))
  const appender = store.appender()
  appender.append(0, toLabels({ __name__: 'later' }), startMs + 20 * RANGE_MS, 1)
  await appender.commit()
  await timed('flush that forgets every series', () => store.maintain({ compact: false }))
  await store.close()
} finally {
  rmSync(path, { recursive: true, force: true })
}
