import { labelsKey, labelValue } from '../../../core/labels.ts'
import type { Annotations } from '../annotations.ts'
import type { Budget } from '../budget.ts'
import { metricName } from '../evaluation/aggregate.ts'
import { createStepSeries, mergeSeries, type StepSeries, withLabel, withoutMetadata } from '../evaluation/frame.ts'
import type { Span } from '../language/ast.ts'
import { parseBucketBound } from './bucket-bound.ts'
import { type Bucket, bucketQuantile } from './histogram.ts'
import { bucketFraction } from './histogram-fraction.ts'

interface BucketSeries {
  readonly le: number
  readonly series: StepSeries
}

export interface HistogramInput {
  readonly series: readonly StepSeries[]
  readonly steps: number
  /** Where the histograms stand in the query, for annotations. */
  readonly at: Span
  /** Whether names are dropped at the end of the query. */
  readonly delayed: boolean
}

export interface HistogramQuantileInput extends HistogramInput {
  /** The quantile asked for, step by step. */
  readonly phis: Float64Array
}

export interface HistogramFractionInput extends HistogramInput {
  /** The bounds asked for, step by step. */
  readonly lowers: Float64Array
  readonly uppers: Float64Array
}

/** Gathers buckets (label `le`) into classic histograms and takes a quantile of each, step by step. */
export async function histogramQuantile(
  input: HistogramQuantileInput,
  annotations: Annotations,
  budget: Budget,
): Promise<readonly StepSeries[]> {
  const { phis, at } = input
  const evaluate = (counts: Bucket[], step: number, metric: string) => {
    const { value, forced } = bucketQuantile(phis[step]!, counts)
    if (forced) annotations.forcedMonotonicity(metric, at)
    return value
  }
  return overHistograms(input, evaluate, annotations, budget)
}

/** As above, for the share of each histogram's observations between two bounds. */
export async function histogramFraction(
  input: HistogramFractionInput,
  annotations: Annotations,
  budget: Budget,
): Promise<readonly StepSeries[]> {
  const { lowers, uppers } = input
  return overHistograms(input, (counts, step) => bucketFraction(lowers[step]!, uppers[step]!, counts), annotations, budget)
}

async function overHistograms(
  input: HistogramInput,
  evaluate: (counts: Bucket[], step: number, metric: string) => number,
  annotations: Annotations,
  budget: Budget,
): Promise<readonly StepSeries[]> {
  const { steps, delayed } = input
  const result: StepSeries[] = []
  for (const buckets of toHistograms(input, annotations).values()) {
    budget.chargeSeries(1, steps)
    const { labels } = buckets[0]!.series
    const unbounded = withLabel(labels, 'le', '')
    const values = createStepSeries(delayed ? unbounded : withoutMetadata(unbounded), steps, delayed)
    // The name that is dropped is known to Prometheus at the first step only.
    let metric = metricName(labels)
    buckets.sort((a, b) => a.le - b.le)
    // Filled again at each step.
    const pool: Bucket[] = buckets.map(({ le }) => ({ le, count: 0 }))
    const counts: Bucket[] = []
    for (let step = 0; step < steps; step++) {
      counts.length = 0
      for (let i = 0; i < buckets.length; i++) {
        const { le, series } = buckets[i]!
        if (series.present[step] === 0) continue
        const bucket = pool[counts.length]!
        bucket.le = le
        bucket.count = series.values[step]!
        counts.push(bucket)
      }
      if (counts.length === 0) continue
      values.present[step] = 1
      values.values[step] = evaluate(counts, step, metric)
      metric = metricName(values.labels)
      if (budget.due(buckets.length * 5)) await budget.breathe()
    }
    result.push(values)
  }
  return mergeSeries(result, false, budget)
}

function toHistograms({ series, at }: HistogramInput, annotations: Annotations): Map<string, BucketSeries[]> {
  const histograms = new Map<string, BucketSeries[]>()
  for (const one of series) {
    const text = labelValue(one.labels, 'le')
    const le = parseBucketBound(text)
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
