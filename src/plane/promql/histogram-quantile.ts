import { labelsKey, labelValue } from '../../core/labels.ts'
import { parseNumber } from '../../core/number-text.ts'
import { metricName } from './aggregate.ts'
import type { Annotations } from './annotations.ts'
import type { Span } from './ast.ts'
import type { Budget } from './budget.ts'
import { createStepSeries, mergeSeries, type StepSeries, withLabel, withoutName } from './frame.ts'
import { type Bucket, bucketQuantile } from './histogram.ts'

interface BucketSeries {
  readonly le: number
  readonly series: StepSeries
}

export interface HistogramQuantileInput {
  /** The quantile asked for, step by step. */
  readonly phis: Float64Array
  readonly series: readonly StepSeries[]
  readonly steps: number
  /** Where the histograms stand in the query, for annotations. */
  readonly at: Span
}

/** Gathers buckets (label `le`) into classic histograms and takes a quantile of each, step by step. */
export async function histogramQuantile(
  input: HistogramQuantileInput,
  annotations: Annotations,
  budget: Budget,
): Promise<readonly StepSeries[]> {
  const { phis, steps, at } = input
  const result: StepSeries[] = []
  for (const buckets of toHistograms(input, annotations).values()) {
    budget.chargeSeries(1, steps)
    const { labels } = buckets[0]!.series
    const quantiles = createStepSeries(withLabel(withoutName(labels), 'le', ''), steps)
    for (let step = 0; step < steps; step++) {
      const counts: Bucket[] = []
      for (const { le, series } of buckets) if (series.present[step] === 1) counts.push({ le, count: series.values[step]! })
      if (counts.length === 0) continue
      const { value, forced } = bucketQuantile(phis[step]!, counts)
      if (forced) annotations.forcedMonotonicity(metricName(labels), at)
      quantiles.present[step] = 1
      quantiles.values[step] = value
      if (budget.due(buckets.length)) await budget.breathe()
    }
    result.push(quantiles)
  }
  return mergeSeries(result, false)
}

function toHistograms({ series, at }: HistogramQuantileInput, annotations: Annotations): Map<string, BucketSeries[]> {
  const histograms = new Map<string, BucketSeries[]>()
  for (const one of series) {
    const text = labelValue(one.labels, 'le')
    const le = parseNumber(text)
    if (le === undefined) {
      annotations.badBucketLabel(metricName(one.labels), text, at)
      continue
    }
    const key = labelsKey(withLabel(one.labels, 'le', ''))
    const buckets = histograms.get(key)
    if (buckets === undefined) histograms.set(key, [{ le, series: one }])
    else buckets.push({ le, series: one })
  }
  return histograms
}
