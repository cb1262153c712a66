import { formatFixed } from '../../../core/number-text.ts'
import { promqlErrors } from '../errors.ts'
import type { WindowView } from './window-view.ts'

/** Unix time in seconds of the newest sample of the window; 0 where that was before 1970, as Prometheus has it. */
export function timeOfLast({ timesMs, to }: WindowView): number {
  return Math.max(timesMs[to - 1]!, 0) / 1000
}

/** Unix time in seconds of the smallest sample; of several equal ones, the newest. NaN counts only where there is nothing else. */
export function timeOfMin({ timesMs, values, from, to }: WindowView): number {
  let best = from
  for (let i = from + 1; i < to; i++) if (values[i]! <= values[best]! || Number.isNaN(values[best]!)) best = i
  return timesMs[best]! / 1000
}

/** Unix time in seconds of the largest sample; otherwise as `timeOfMin`. */
export function timeOfMax({ timesMs, values, from, to }: WindowView): number {
  let best = from
  for (let i = from + 1; i < to; i++) if (values[i]! >= values[best]! || Number.isNaN(values[best]!)) best = i
  return timesMs[best]! / 1000
}

/**
 * Holt's linear method: the level and the trend of the window, both smoothed exponentially; `param` and `secondParam` say how much the newest
 * counts. Needs two samples.
 * The factors are checked before, see `checkFactors`.
 * @returns The last level.
 * @see https://en.wikipedia.org/wiki/Exponential_smoothing#Double_exponential_smoothing
 */
export function doubleExponentialSmoothing({ values, from, to, param, secondParam }: WindowView): number {
  let before = 0
  let level = values[from]!
  let trend = values[from + 1]! - level
  for (let i = from + 1; i < to; i++) {
    if (i > from + 1) trend = secondParam * (level - before) + (1 - secondParam) * trend
    before = level
    level = param * values[i]! + (1 - param) * (level + trend)
  }
  return level
}

/** @throws MW_PROMQL_EXECUTION when a factor of `double_exponential_smoothing` is not between 0 and 1. */
export function checkFactors([smoothing, trend]: readonly Float64Array[], step: number): void {
  const [sf, tf] = [smoothing![step]!, trend![step]!]
  if (sf <= 0 || sf >= 1) throw badFactor('smoothing factor', 'sf', sf)
  if (tf <= 0 || tf >= 1) throw badFactor('trend factor', 'tf', tf)
}

function badFactor(name: string, short: string, value: number): Error {
  return promqlErrors.MW_PROMQL_EXECUTION(`invalid ${name}. Expected: 0 < ${short} < 1, got: ${formatFixed(value, 6)}`)
}
