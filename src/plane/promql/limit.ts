import { type AggregateInput, checkCounts } from './aggregate.ts'
import type { Annotations } from './annotations.ts'
import type { AggregateExpr } from './ast.ts'
import type { Budget } from './budget.ts'
import { promqlErrors } from './errors.ts'
import { createStepSeries, isEmpty, type StepSeries } from './frame.ts'
import { Grouping } from './grouping.ts'
import { labelsShare } from './label-hash.ts'

/** Hashing the labels of one series, in the units of the budget. */
const HASH_WORK = 40

/** `limitk`: of each group and at each step, the first k series that are there. */
export async function limitCount({ node, series, steps, param }: AggregateInput, budget: Budget): Promise<readonly StepSeries[]> {
  if (!checkCounts(param)) return []
  const grouping = new Grouping(node)
  const taken: Float64Array[] = []
  const result: StepSeries[] = []
  for (const one of series) {
    const group = grouping.groupOf(one.labels)
    if (taken[group] === undefined) {
      taken[group] = new Float64Array(steps)
      budget.charge(steps)
    }
    const counts = taken[group]
    add(result, one, steps, budget, (step) => {
      if (counts[step]! >= Math.trunc(param[step]!)) return false
      counts[step]!++
      return true
    })
    if (budget.due(steps)) await budget.breathe()
  }
  return result
}

/**
 * `limit_ratio`: about this share of the series, chosen by their labels; a negative ratio takes the others, so that r and r − 1 together
 * are everything. Groups make no difference.
 */
export async function limitRatio(
  { node, series, steps, param }: AggregateInput & { readonly node: AggregateExpr },
  annotations: Annotations,
  budget: Budget,
): Promise<readonly StepSeries[]> {
  if (param.every((ratio) => ratio === 0)) return []
  let least = Number.POSITIVE_INFINITY
  let most = Number.NEGATIVE_INFINITY
  for (const ratio of param) {
    if (Number.isNaN(ratio) && series.length > 0) throw promqlErrors.MW_PROMQL_EXECUTION('Ratio value NaN is NaN')
    least = Math.min(least, ratio)
    most = Math.max(most, ratio)
  }
  if (most > 1) annotations.invalidRatio(most, 1, node.param!)
  if (least < -1) annotations.invalidRatio(least, -1, node.param!)
  const result: StepSeries[] = []
  for (const one of series) {
    const share = labelsShare(one.labels)
    add(result, one, steps, budget, (step) => {
      const ratio = Math.max(-1, Math.min(1, param[step]!))
      return ratio >= 0 ? share < ratio : share >= 1 + ratio
    })
    if (budget.due(steps + HASH_WORK)) await budget.breathe()
  }
  return result
}

/** Adds the steps of a series that are there and chosen, if any. */
function add(result: StepSeries[], series: StepSeries, steps: number, budget: Budget, choose: (step: number) => boolean): void {
  const chosen = createStepSeries(series.labels, steps, series.dropName)
  for (let step = 0; step < steps; step++) {
    if (series.present[step] === 0 || !choose(step)) continue
    chosen.present[step] = 1
    chosen.values[step] = series.values[step]!
  }
  if (isEmpty(chosen)) return
  budget.chargeSeries(1, steps)
  result.push(chosen)
}
