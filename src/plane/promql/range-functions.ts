import { KahanMean, KahanSum } from './kahan.ts'
import { quantileOf } from './quantile.ts'

/** One window of one series, handed to range functions; the same object is filled again and again. */
export interface WindowView {
  timesMs: Float64Array
  values: Float64Array
  /** Samples of the window: from `from`, up to and without `to`. */
  from: number
  to: number
  /** The window is (endMs − rangeMs, endMs]. */
  endMs: number
  rangeMs: number
  /** When the expression is evaluated; not `endMs` where `offset` or `@` shift the window. */
  evaluationMs: number
  /** The scalar argument at this step. */
  param: number
}

export interface RangeFunction {
  /** With fewer samples there is no result. */
  readonly samplesMin: 1 | 2
  /** Whether the result is still the same metric. */
  readonly keepsName: boolean
  evaluate(window: WindowView): number
}

const sum = new KahanSum()
const mean = new KahanMean()

const define = (evaluate: (window: WindowView) => number, samplesMin: 1 | 2 = 1, keepsName = false): RangeFunction => ({
  samplesMin,
  keepsName,
  evaluate,
})

/** The functions over range vectors, by name; `absent_over_time` is not among them, since it is not computed series by series. */
export const rangeFunctions: ReadonlyMap<string, RangeFunction> = new Map([
  ['rate', define((w) => extrapolated(w, true) / (w.rangeMs / 1000), 2)],
  ['increase', define((w) => extrapolated(w, true), 2)],
  ['delta', define((w) => extrapolated(w, false), 2)],
  ['irate', define((w) => lastStep(w, true) / ((w.timesMs[w.to - 1]! - w.timesMs[w.to - 2]!) / 1000), 2)],
  ['idelta', define((w) => lastStep(w, false), 2)],
  ['deriv', define((w) => regression(w, w.timesMs[w.from]!).slope, 2)],
  ['predict_linear', define(predictLinear, 2)],
  ['changes', define(changes)],
  ['resets', define(resets)],
  ['avg_over_time', define(average)],
  ['sum_over_time', define(total)],
  ['min_over_time', define((w) => extreme(w, (candidate, best) => candidate < best))],
  ['max_over_time', define((w) => extreme(w, (candidate, best) => candidate > best))],
  ['count_over_time', define((w) => w.to - w.from)],
  ['present_over_time', define(() => 1)],
  ['last_over_time', define((w) => w.values[w.to - 1]!, 1, true)],
  ['first_over_time', define((w) => w.values[w.from]!, 1, true)],
  ['stdvar_over_time', define(variance)],
  ['stddev_over_time', define((w) => Math.sqrt(variance(w)))],
  ['quantile_over_time', define((w) => quantileOf(w.param, w.values.slice(w.from, w.to)))],
])

/**
 * The change over the window, extrapolated to its edges as far as the spacing of the samples makes likely.
 * A counter that falls was reset to 0, and never was negative.
 */
function extrapolated({ timesMs, values, from, to, endMs, rangeMs }: WindowView, isCounter: boolean): number {
  const first = values[from]!
  const firstMs = timesMs[from]!
  const lastMs = timesMs[to - 1]!
  let change = values[to - 1]! - first
  if (isCounter) {
    let previous = first
    for (let i = from + 1; i < to; i++) {
      const value = values[i]!
      if (value < previous) change += previous
      previous = value
    }
  }
  const sampledSeconds = (lastMs - firstMs) / 1000
  const spacingSeconds = sampledSeconds / (to - from - 1)
  const threshold = spacingSeconds * 1.1
  let toStart = (firstMs - (endMs - rangeMs)) / 1000
  let toEnd = (endMs - lastMs) / 1000
  if (toStart >= threshold) toStart = spacingSeconds / 2
  if (isCounter) {
    // Not past the point where the counter would have been 0.
    const toZero = change > 0 && first >= 0 ? sampledSeconds * (first / change) : toStart
    if (toZero < toStart) toStart = toZero
  }
  if (toEnd >= threshold) toEnd = spacingSeconds / 2
  return change * ((sampledSeconds + toStart + toEnd) / sampledSeconds)
}

function lastStep({ values, to }: WindowView, isCounter: boolean): number {
  const last = values[to - 1]!
  const previous = values[to - 2]!
  return isCounter && last < previous ? last : last - previous
}

/** Least squares over the window, with times counted from `originMs` so that they stay small. */
function regression({ timesMs, values, from, to }: WindowView, originMs: number): { slope: number; intercept: number } {
  const first = values[from]!
  let constant = true
  const x = new KahanSum()
  const y = new KahanSum()
  const xy = new KahanSum()
  const x2 = new KahanSum()
  for (let i = from; i < to; i++) {
    const value = values[i]!
    if (value !== first) constant = false
    const seconds = (timesMs[i]! - originMs) / 1000
    x.add(seconds)
    y.add(value)
    xy.add(seconds * value)
    x2.add(seconds * seconds)
  }
  if (constant) return Number.isFinite(first) ? { slope: 0, intercept: first } : { slope: Number.NaN, intercept: Number.NaN }
  const n = to - from
  const sumX = x.sum + x.c
  const sumY = y.sum + y.c
  const covariance = xy.sum + xy.c - (sumX * sumY) / n
  const variance = x2.sum + x2.c - (sumX * sumX) / n
  const slope = covariance / variance
  return { slope, intercept: sumY / n - (slope * sumX) / n }
}

function predictLinear(window: WindowView): number {
  const { slope, intercept } = regression(window, window.evaluationMs)
  return slope * window.param + intercept
}

function changes({ values, from, to }: WindowView): number {
  let count = 0
  let previous = values[from]!
  for (let i = from + 1; i < to; i++) {
    const value = values[i]!
    if (value !== previous && !(Number.isNaN(value) && Number.isNaN(previous))) count++
    previous = value
  }
  return count
}

function resets({ values, from, to }: WindowView): number {
  let count = 0
  for (let i = from + 1; i < to; i++) if (values[i]! < values[i - 1]!) count++
  return count
}

function average({ values, from, to }: WindowView): number {
  mean.clear()
  for (let i = from; i < to; i++) mean.add(values[i]!)
  return mean.mean
}

function total({ values, from, to }: WindowView): number {
  sum.set(0, 0)
  for (let i = from; i < to; i++) sum.add(values[i]!)
  return sum.total
}

function extreme({ values, from, to }: WindowView, better: (candidate: number, best: number) => boolean): number {
  let best = values[from]!
  for (let i = from + 1; i < to; i++) if (better(values[i]!, best) || Number.isNaN(best)) best = values[i]!
  return best
}

/** Welford's recurrence, with compensated sums. */
function variance({ values, from, to }: WindowView): number {
  const average = new KahanSum()
  const squares = new KahanSum()
  for (let i = from; i < to; i++) {
    const delta = values[i]! - (average.sum + average.c)
    average.add(delta / (i - from + 1))
    squares.add(delta * (values[i]! - (average.sum + average.c)))
  }
  return (squares.sum + squares.c) / (to - from)
}
