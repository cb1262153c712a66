import { formatFixed } from '../../../core/number-text.ts'
import { promqlErrors } from '../errors.ts'
import type { WindowView } from './window-view.ts'

/** Unix time in seconds of the newest sample of the window. */
export function timeOfLast({ timesMs, to }: WindowView): number {
  return timesMs[to - 1]! / 1000
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
 * @returns The last level. @throws MW_PROMQL_EXECUTION when a factor is not between 0 and 1.
 * @see https://en.wikipedia.org/wiki/Exponential_smoothing#Double_exponential_smoothing
 */
export function doubleExponentialSmoothing({ values, from, to, param, secondParam }: WindowView): number {
  if (param <= 0 || param >= 1) throw badFactor('smoothing factor', 'sf', param)
  if (secondParam <= 0 || secondParam >= 1) throw badFactor('trend factor', 'tf', secondParam)
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

function badFactor(name: string, short: string, value: number): Error {
  return promqlErrors.MW_PROMQL_EXECUTION(`invalid ${name}. Expected: 0 < ${short} < 1, got: ${formatFixed(value, 6)}`)
}
