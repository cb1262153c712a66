import type { Labels } from '../../../core/labels.ts'
import type { Annotations } from '../annotations.ts'
import type { Budget } from '../budget.ts'
import type { AggregateInput } from '../evaluation/aggregate.ts'
import { asksForNone, boundsOf, checkCounts, checkRatios } from '../evaluation/aggregate-param.ts'
import { createStepSeries, isEmpty, type StepSeries } from '../evaluation/frame.ts'
import { Grouping } from '../evaluation/grouping.ts'
import { TopHeap } from '../evaluation/top.ts'
import { type AggregateExpr, unwrap } from '../language/ast.ts'
import { labelsShare } from './label-hash.ts'

/** Hashing the labels of one series, in the units of the budget. */
const HASH_WORK = 40

/** `limitk`: of each group and at each step, the first k series that are there. */
export async function limitCount({ node, series, steps, param }: AggregateInput, budget: Budget): Promise<readonly StepSeries[]> {
  if (asksForNone(param)) return []
  await checkCounts(param, series, budget)
  const taken: Float64Array[] = []
  const result = new LimitedSeries(node, steps)
  for (const one of series) {
    const group = result.groupOf(one.labels)
    if (taken[group] === undefined) {
      taken[group] = new Float64Array(steps)
      budget.charge(steps)
    }
    const counts = taken[group]
    result.add(one, group, budget, (step) => {
      if (counts[step]! >= Math.trunc(param[step]!)) return false
      counts[step]!++
      return true
    })
    if (budget.due(steps)) await budget.breathe()
  }
  return result.inOrder()
}

/**
 * `limit_ratio`: about this share of the series, chosen by their labels; a negative ratio takes the others, so that r and r − 1 together
 * are everything. Groups only matter for the order.
 */
export async function limitRatio(
  { node, series, steps, param }: AggregateInput,
  annotations: Annotations,
  budget: Budget,
): Promise<readonly StepSeries[]> {
  const { least, most } = boundsOf(param)
  if (least === 0 && most === 0) return []
  if (most > 1) annotations.invalidRatio(most, 1, unwrap(node.param!))
  if (least < -1) annotations.invalidRatio(least, -1, unwrap(node.param!))
  await checkRatios(param, series, budget)
  const result = new LimitedSeries(node, steps)
  for (const one of series) {
    const share = labelsShare(one.labels)
    result.add(one, result.groupOf(one.labels), budget, (step) => {
      const ratio = Math.max(-1, Math.min(1, param[step]!))
      return ratio >= 0 ? share < ratio : share >= 1 + ratio
    })
    if (budget.due(steps + HASH_WORK)) await budget.breathe()
  }
  return result.inOrder()
}

/** The series chosen so far, and the groups they belong to. */
class LimitedSeries {
  readonly #steps: number
  readonly #grouping: Grouping
  readonly #chosen: StepSeries[] = []
  /** For each of them the number of its group. */
  readonly #groups: number[] = []

  constructor(node: AggregateExpr, steps: number) {
    this.#steps = steps
    this.#grouping = new Grouping(node)
  }

  groupOf(labels: Labels): number {
    return this.#grouping.groupOf(labels)
  }

  /** Adds the steps of a series that are there and chosen, if any. */
  add(series: StepSeries, group: number, budget: Budget, choose: (step: number) => boolean): void {
    const chosen = createStepSeries(series.labels, this.#steps, series.dropName)
    for (let step = 0; step < this.#steps; step++) {
      if (series.present[step] === 0 || !choose(step)) continue
      chosen.present[step] = 1
      chosen.values[step] = series.values[step]!
    }
    if (isEmpty(chosen)) return
    budget.chargeSeries(1, this.#steps)
    this.#chosen.push(chosen)
    this.#groups.push(group)
  }

  /** A matrix has an order of its own. At a lone step Prometheus gathers each group in a heap, least value first, and gives them as they lie there. */
  inOrder(): readonly StepSeries[] {
    if (this.#steps !== 1) return this.#chosen
    const heaps = this.#grouping.labels.map(() => new TopHeap(1))
    for (const [i, { values }] of this.#chosen.entries()) heaps[this.#groups[i]!]!.offer(i, values[0]!, Number.POSITIVE_INFINITY)
    return heaps.flatMap(({ kept }) => kept.map((i) => this.#chosen[i]!))
  }
}
