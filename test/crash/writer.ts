/**
 * A process that writes to a store until somebody kills it, and says on standard output what was acknowledged.
 *
 *   node writer.ts FOLDER ACKNOWLEDGED   (JSON: for each series, how many steps an earlier process was told are safe)
 *
 * It first checks that all of that is there. Every value follows from series and step, so that any wrong one is seen.
 */
import { writeSync } from 'node:fs'
import { setImmediate } from 'node:timers/promises'
import { toLabels } from '../../src/core/labels.ts'
import { createRandom } from '../../src/core/random.ts'
import { openStore, type TimeSeriesStore } from '../../src/plane/store/store.ts'
import { readColumns } from '../../src/plane/store/testing.ts'
import { baseMs, config, labelsOf, sampleOf, seriesCount, stepMs } from './plan.ts'

const [folder = '', acknowledged = '[]', seed = '1'] = process.argv.slice(2)
const safe = JSON.parse(acknowledged) as number[]
const random = createRandom(Number(seed))
const say = (message: object) => writeSync(1, `${JSON.stringify(message)}\n`)

const log = { info() {}, warn: (fields: object, message: string) => say({ kind: 'warn', message, fields }), error: console.error }
const store = await openStore({ ...config, path: folder }, { log, clock: { now: () => Number.MAX_SAFE_INTEGER } })
const next = await check(store)
say({ kind: 'checked', stats: store.stats() })

await Promise.all([0, 1, 2, 3].map((writer) => write(store, writer)))

/** @returns for each series the step to go on with. */
async function check(from: TimeSeriesStore): Promise<number[]> {
  const found = await readColumns(from, [{ name: '__name__', op: '=', value: 'crash' }])
  const steps = new Array<number>(seriesCount).fill(0)
  const newestMs = from.stats().newestMs ?? 0
  for (const { labels, timesMs, values } of found) {
    const series = labels.findIndex(([name]) => name === 'series')
    const s = Number(labels[series]![1])
    for (const [i, timeMs] of timesMs.entries()) {
      const step = (timeMs - baseMs) / stepMs
      if (i > 0 && timeMs <= timesMs[i - 1]!) fail(`series ${s} has the time ${timeMs} behind ${timesMs[i - 1]}`)
      if (values[i] !== sampleOf(s, step)) fail(`series ${s} has ${values[i]} at step ${step}; ${sampleOf(s, step)} was written`)
    }
    const there = new Set(timesMs)
    for (let step = 0; step < (safe[s] ?? 0); step++) {
      const timeMs = baseMs + step * stepMs
      // What retention may have taken nobody misses.
      if (timeMs >= newestMs - config.retentionMs && !there.has(timeMs))
        fail(`series ${s} lost step ${step} of ${safe[s]} acknowledged ones`)
    }
    steps[s] = safe[s] ?? 0
  }
  for (const [s, count] of safe.entries())
    if (count > 0 && !found.some(({ labels }) => labels.some(([, v]) => v === String(s)))) fail(`series ${s} is lost`)
  return steps
}

function fail(message: string): never {
  say({ kind: 'failed', message })
  process.exit(1)
}

/** Writes a quarter of the series, some steps at a time; every fifth commit brings its steps out of order. */
async function write(to: TimeSeriesStore, writer: number): Promise<never> {
  let commits = 0
  const refs = new Map<number, number>()
  for (;;) {
    const appender = to.appender()
    const count = 1 + Math.floor(random() * 4)
    const series: number[] = []
    // Series that run ahead wait for the others, so that none falls behind the out-of-order window.
    const aheadMax = Math.min(...next) + 300
    for (let s = writer; s < seriesCount; s += 4) if (random() < 0.7 && next[s]! < aheadMax) series.push(s)
    const backwards = random() < 0.2
    for (const s of series) {
      const steps = Array.from({ length: count }, (_, i) => next[s]! + i)
      for (const step of backwards ? steps.reverse() : steps) {
        refs.set(s, appender.append(refs.get(s) ?? 0, toLabels(labelsOf(s)), baseMs + step * stepMs, sampleOf(s, step)))
      }
    }
    // A restarted writer may repeat what was written but not acknowledged; nothing may be refused.
    const outcome = await appender.commit()
    if (outcome.firstRefused !== undefined) fail(`refused: ${JSON.stringify(outcome)}`)
    for (const s of series) next[s]! += count
    say({ kind: 'acknowledged', steps: Object.fromEntries(series.map((s) => [s, next[s]])) })
    if (++commits % 20 === 0) say({ kind: 'stats', stats: to.stats() })
    if (series.length === 0) await setImmediate()
  }
}
