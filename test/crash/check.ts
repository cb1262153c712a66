import type { TimeSeriesStore } from '../../src/plane/store/store.ts'
import { readColumns } from '../../src/plane/store/testing.ts'
import { baseMs, config, type Promised, sampleOf, seriesCount, stepMs } from './plan.ts'

const GONE = 1
const UNSURE = 2

/** What is promised at one moment, to be compared with what is read from then on. */
export class Expectation {
  readonly #steps: readonly number[]
  readonly #deletions: Promised['deletions']
  readonly #promised: Promised

  constructor(promised: Promised) {
    this.#promised = promised
    this.#steps = [...promised.steps]
    this.#deletions = promised.deletions.map((one) => ({ ...one }))
  }

  /**
   * Reads everything and compares: every sample that was acknowledged is there, once, with its value, but for those that retention may have taken; none that
   * was deleted is.
   * @returns what is wrong, as a sentence.
   */
  async compare(store: TimeSeriesStore): Promise<string | undefined> {
    const found = await readColumns(store, [{ name: '__name__', op: '=', value: 'crash' }])
    // What retention may have taken by now nobody misses.
    const oldest = ((store.stats().newestMs ?? 0) - config.retentionMs - baseMs) / stepMs
    const seen = new Set<number>()
    for (const { labels, timesMs, values } of found) {
      const s = Number(labels.find(([name]) => name === 'series')![1])
      if (seen.has(s)) return `series ${s} comes twice`
      seen.add(s)
      const fault = this.#compareSeries(s, timesMs, values, oldest)
      if (fault !== undefined) return `series ${s} ${fault}`
    }
    for (let s = 0; s < seriesCount; s++) {
      const fault = seen.has(s) ? undefined : this.#compareSeries(s, new Float64Array(), new Float64Array(), oldest)
      if (fault !== undefined) return `series ${s} ${fault}`
    }
    return undefined
  }

  #compareSeries(s: number, timesMs: Float64Array, values: Float64Array, oldest: number): string | undefined {
    const safe = this.#steps[s]!
    const from = Math.max(0, Math.ceil(oldest))
    const marks = this.#marksOf(s, from)
    let next = from
    for (const [i, timeMs] of timesMs.entries()) {
      if (i > 0 && timeMs <= timesMs[i - 1]!) return `has the time ${timeMs} behind ${timesMs[i - 1]}`
      const step = (timeMs - baseMs) / stepMs
      if (values[i] !== sampleOf(s, step)) return `has ${values[i]} at step ${step}; ${sampleOf(s, step)} was written`
      if (step < from) continue
      for (; next < Math.min(step, safe); next++) if (marks[next - from] === 0) return lost(next, safe)
      next = step + 1
      if (marks[step - from] === GONE) return `has step ${step}, which was deleted`
    }
    for (; next < safe; next++) if (marks[next - from] === 0) return lost(next, safe)
    return undefined
  }

  /** For each step: whether it was deleted before this moment, or perhaps later. */
  #marksOf(s: number, from: number): Uint8Array {
    const marks = new Uint8Array(Math.max(0, Math.max(...this.#promised.steps) + 1000 - from))
    for (const [deletions, doneAs] of [
      [this.#promised.deletions, UNSURE],
      [this.#deletions, GONE],
    ] as const) {
      for (const { series, from: first, to, isDone } of deletions) {
        if (series !== s || to < from) continue
        for (let step = Math.max(first, from); step <= to; step++) {
          if (marks[step - from] !== GONE) marks[step - from] = isDone ? doneAs : UNSURE
        }
      }
    }
    return marks
  }
}

function lost(step: number, safe: number): string {
  return `lost step ${step} of ${safe} acknowledged ones`
}

/** Whether metadata is at least as new as what was promised. @returns what is wrong, as a sentence. */
export function compareMetadata(store: TimeSeriesStore, versions: readonly number[]): string | undefined {
  for (const [metric, version] of versions.entries()) {
    const found = Number(store.metadata(`crash_${metric}`).get(`crash_${metric}`)?.help ?? 0)
    if (found < version) return `metric ${metric} has the help of version ${found}; ${version} was safe`
  }
  return undefined
}
