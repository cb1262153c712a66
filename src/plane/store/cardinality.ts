import { METRIC_NAME } from '../../core/labels.ts'
import type { Head } from './head/head.ts'

export interface Counted {
  readonly name: string
  readonly value: number
}

/** Where the series of the head come from: what to look at when there are too many. Each list has the largest first. */
export interface Cardinality {
  readonly headStats: {
    readonly numSeries: number
    readonly numLabelPairs: number
    readonly chunkCount: number
    /** Milliseconds since 1970; undefined while there is no sample. */
    readonly minTime: number | undefined
    readonly maxTime: number | undefined
  }
  readonly seriesCountByMetricName: readonly Counted[]
  readonly labelValueCountByLabelName: readonly Counted[]
  /** Bytes of the label's values, each as often as there are series that have it. */
  readonly memoryInBytesByLabelName: readonly Counted[]
  readonly seriesCountByLabelValuePair: readonly Counted[]
}

/** Label values or series looked at between two chances to pause. */
const STEP = 256

/** Counts; at each yield it can be left alone for a while. What comes or goes meanwhile may or may not be counted. @param limit - Entries of each list at most. */
export function* cardinalityInSteps(head: Head, limit: number): Generator<undefined, Cardinality> {
  const { index } = head
  const valueCounts = new Largest(limit)
  const bytes = new Largest(limit)
  const pairs = new Largest(limit)
  const metrics = new Largest(limit)
  let numLabelPairs = 0
  let looked = 0
  for (const name of [...index.names()]) {
    let values = 0
    let size = 0
    for (const [value, series] of index.valuesOf(name)) {
      values++
      size += Buffer.byteLength(value) * series
      // A name is made for those alone that are listed: most are not.
      if (pairs.takes(series)) pairs.add(`${name}=${value}`, series)
      if (name === METRIC_NAME) metrics.add(value, series)
      if (++looked % STEP === 0) yield undefined
    }
    numLabelPairs += values
    valueCounts.add(name, values)
    bytes.add(name, size)
  }
  let chunkCount = 0
  for (const { chunks, openSamples, late } of index.all()) {
    chunkCount += chunks.length + (openSamples > 0 ? 1 : 0) + (late?.chunks.length ?? 0)
    if (++looked % STEP === 0) yield undefined
  }
  return {
    headStats: {
      numSeries: index.size,
      numLabelPairs,
      chunkCount,
      minTime: Number.isFinite(head.oldestMs) ? head.oldestMs : undefined,
      maxTime: Number.isFinite(head.newestMs) ? head.newestMs : undefined,
    },
    seriesCountByMetricName: metrics.list(),
    labelValueCountByLabelName: valueCounts.list(),
    memoryInBytesByLabelName: bytes.list(),
    seriesCountByLabelValuePair: pairs.list(),
  }
}

/** The largest of many, by value and then by name. */
class Largest {
  readonly #limit: number
  #kept: Counted[] = []
  /** What is smaller is not among them. */
  #least = Number.NEGATIVE_INFINITY

  constructor(limit: number) {
    this.#limit = limit
  }

  takes(value: number): boolean {
    return value >= this.#least
  }

  add(name: string, value: number): void {
    if (!this.takes(value)) return
    this.#kept.push({ name, value })
    if (this.#kept.length < 2 * this.#limit + 1000) return
    this.#kept = this.list()
    this.#least = this.#kept.at(-1)?.value ?? Number.POSITIVE_INFINITY
  }

  list(): Counted[] {
    return this.#kept.toSorted((a, b) => b.value - a.value || (a.name < b.name ? -1 : 1)).slice(0, this.#limit)
  }
}
