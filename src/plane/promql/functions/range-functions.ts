import { CounterChange } from './counter-change.ts'
import { KahanSum } from './kahan.ts'
import { checkFactors, doubleExponentialSmoothing, timeOfLast, timeOfMax, timeOfMin } from './window-functions.ts'
import { EventCount, Extreme, LastStep, LastValue, SampleCount } from './window-kernels.ts'
import { Spread, Total } from './window-moments.ts'
import { MedianDeviation, SlidingQuantile } from './window-quantile.ts'
import { perStep, perWindow, type RangeFunction, type WindowView } from './window-view.ts'

/** The functions over range vectors, by name; `absent_over_time` is not among them, since it is not computed series by series. */
export const rangeFunctions: ReadonlyMap<string, RangeFunction> = new Map([
  ['rate', perStep(() => new CounterChange({ isCounter: true, perSecond: true }), 2)],
  ['increase', perStep(() => new CounterChange({ isCounter: true, perSecond: false }), 2)],
  ['delta', perStep(() => new CounterChange({ isCounter: false, perSecond: false }), 2)],
  ['irate', perStep(() => new LastStep(true), 2)],
  ['idelta', perStep(() => new LastStep(false), 2)],
  ['deriv', perWindow((w) => regression(w, w.timesMs[w.from]!).slope, 2)],
  ['predict_linear', perWindow(predictLinear, 2)],
  ['changes', perStep(() => new EventCount('changes'))],
  ['resets', perStep(() => new EventCount('resets'))],
  // These two groups look at all samples only where running sums will not do, which their work is measured by.
  ['avg_over_time', { ...perStep(() => new Total('mean')), looksAtAll: true }],
  ['sum_over_time', { ...perStep(() => new Total('sum')), looksAtAll: true }],
  ['stdvar_over_time', { ...perStep(() => new Spread('variance')), looksAtAll: true }],
  ['stddev_over_time', { ...perStep(() => new Spread('deviation')), looksAtAll: true }],
  ['min_over_time', perStep(() => new Extreme('min'))],
  ['max_over_time', perStep(() => new Extreme('max'))],
  ['count_over_time', perStep(() => new SampleCount(false))],
  ['present_over_time', perStep(() => new SampleCount(true))],
  ['last_over_time', perStep(() => new LastValue(), 1, true)],
  ['double_exponential_smoothing', { ...perWindow(doubleExponentialSmoothing, 2), checkParams: checkFactors }],
  ['mad_over_time', { ...perStep(() => new MedianDeviation()), looksAtAll: true }],
  ['ts_of_last_over_time', perWindow(timeOfLast)],
  ['ts_of_max_over_time', perWindow(timeOfMax)],
  ['ts_of_min_over_time', perWindow(timeOfMin)],
  ['quantile_over_time', { ...perStep(() => new SlidingQuantile()), looksAtAll: true }],
])

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
