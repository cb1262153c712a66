import { formatGeneral } from '../../../core/number-text.ts'
import type { Annotations } from '../annotations.ts'
import type { Budget } from '../budget.ts'
import { promqlErrors } from '../errors.ts'
import type { Expr } from '../language/ast.ts'
import type { StepSeries } from './frame.ts'

/** What Prometheus knows of an aggregation's parameter before it goes through the steps. */
export interface ParamBounds {
  readonly least: number
  readonly most: number
  readonly anyNaN: boolean
}

/** @param param - Step by step. @returns Bounds in the manner of Go's `math.Min` and `math.Max`: a NaN gives way to the infinity alone. */
export function boundsOf(param: Float64Array): ParamBounds {
  let least = Number.POSITIVE_INFINITY
  let most = Number.NEGATIVE_INFINITY
  let anyNaN = false
  for (const value of param) {
    if (Number.isNaN(value)) anyNaN = true
    least = value === Number.NEGATIVE_INFINITY || least === Number.NEGATIVE_INFINITY ? Number.NEGATIVE_INFINITY : Math.min(least, value)
    most = value === Number.POSITIVE_INFINITY || most === Number.POSITIVE_INFINITY ? Number.POSITIVE_INFINITY : Math.max(most, value)
  }
  return { least, most, anyNaN }
}

/** Of quantiles that are out of bounds, Prometheus tells NaN, the greatest and the least. */
export function annotateQuantiles(phis: Float64Array, at: Expr, annotations: Annotations): void {
  const { least, most, anyNaN } = boundsOf(phis)
  if (anyNaN) annotations.invalidQuantile(Number.NaN, at)
  if (most > 1) annotations.invalidQuantile(most, at)
  if (least < 0) annotations.invalidQuantile(least, at)
}

/** Whether no step asks for a series: then no step's number is looked at any closer. */
export function asksForNone(counts: Float64Array): boolean {
  return boundsOf(counts).most < 1
}

/** @throws MW_PROMQL_EXECUTION for what is no 64-bit integer, at a step where there is a series to count. */
export async function checkCounts(counts: Float64Array, series: readonly StepSeries[], budget: Budget): Promise<void> {
  const step = await firstUsed(counts, (k) => !(k >= -(2 ** 63) && k < 2 ** 63), series, budget)
  if (step >= 0) throw promqlErrors.MW_PROMQL_EXECUTION(`Scalar value ${formatGeneral(counts[step]!)} overflows int64`)
}

/** @throws MW_PROMQL_EXECUTION for a NaN, at a step where there is a series to take or leave. */
export async function checkRatios(ratios: Float64Array, series: readonly StepSeries[], budget: Budget): Promise<void> {
  if ((await firstUsed(ratios, Number.isNaN, series, budget)) >= 0) throw promqlErrors.MW_PROMQL_EXECUTION('Ratio value NaN is NaN')
}

/** The first step with an odd parameter and a value it would be used on, −1 when there is none. */
async function firstUsed(
  param: Float64Array,
  isOdd: (value: number) => boolean,
  series: readonly StepSeries[],
  budget: Budget,
): Promise<number> {
  for (let step = 0; step < param.length; step++) {
    if (!isOdd(param[step]!)) continue
    if (budget.due(series.length)) await budget.breathe()
    if (series.some(({ present }) => present[step] === 1)) return step
  }
  return -1
}
