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

/** @param limit - Entries of each list at most. */
export function cardinalityOf(head: Head, limit: number): Cardinality {
  const { index } = head
  const valueCounts: Counted[] = []
  const bytes: Counted[] = []
  const pairs: Counted[] = []
  let numLabelPairs = 0
  for (const name of index.names()) {
    let values = 0
    let size = 0
    for (const [value, series] of index.valuesOf(name)) {
      values++
      size += Buffer.byteLength(value) * series
      pairs.push({ name: `${name}=${value}`, value: series })
      if (pairs.length >= 4 * limit + 10_000) pairs.splice(0, pairs.length, ...largest(pairs, limit))
    }
    numLabelPairs += values
    valueCounts.push({ name, value: values })
    bytes.push({ name, value: size })
  }
  let chunkCount = 0
  for (const series of index.all())
    chunkCount += series.chunks.length + (series.openSamples > 0 ? 1 : 0) + (series.late?.chunks.length ?? 0)
  return {
    headStats: {
      numSeries: index.size,
      numLabelPairs,
      chunkCount,
      minTime: Number.isFinite(head.oldestMs) ? head.oldestMs : undefined,
      maxTime: Number.isFinite(head.newestMs) ? head.newestMs : undefined,
    },
    seriesCountByMetricName: largest(
      Array.from(index.valuesOf(METRIC_NAME), ([name, value]) => ({ name, value })),
      limit,
    ),
    labelValueCountByLabelName: largest(valueCounts, limit),
    memoryInBytesByLabelName: largest(bytes, limit),
    seriesCountByLabelValuePair: largest(pairs, limit),
  }
}

function largest(counted: readonly Counted[], limit: number): Counted[] {
  return counted.toSorted((a, b) => b.value - a.value || (a.name < b.name ? -1 : 1)).slice(0, limit)
}
