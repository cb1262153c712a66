import { type Labels, METRIC_NAME } from '../../../core/labels.ts'
import type { Budget } from '../budget.ts'
import { promqlErrors } from '../errors.ts'
import { quantileOf } from '../functions/quantile.ts'
import type { AggregateExpr, FoldOp } from '../language/ast.ts'
import { formatFloat } from '../language/literals.ts'
import { asksForNone, checkCounts } from './aggregate-param.ts'
import { createFold, type Fold } from './folds.ts'
import { createStepSeries, isEmpty, metadataFrom, type StepSeries, withLabel } from './frame.ts'
import { Grouping } from './grouping.ts'
import { mapInTurns } from './map-in-turns.ts'
import { TopHeap } from './top.ts'

/** Folds series into their groups as they come; none of them is kept. */
export class Folding {
  readonly #op: FoldOp
  readonly #steps: number
  readonly #grouping: Grouping
  readonly #budget: Budget
  readonly #folds: Fold[] = []
  /** Which series had lost their names: see `finish`. */
  readonly #dropped: boolean[] = []

  constructor(node: AggregateExpr & { readonly op: FoldOp }, steps: number, budget: Budget) {
    this.#op = node.op
    this.#steps = steps
    this.#grouping = new Grouping(node)
    this.#budget = budget
  }

  /** Whether the groups are the same with the metric's name and without it. */
  get ignoresMetadata(): boolean {
    return this.#grouping.ignoresMetadata
  }

  add(series: StepSeries): void {
    const group = this.#grouping.groupOf(series.labels)
    let fold = this.#folds[group]
    if (fold === undefined) {
      this.#budget.chargeSeries(1, this.#steps)
      fold = createFold(this.#op, this.#steps)
      this.#folds.push(fold)
    }
    this.#dropped.push(series.dropName)
    fold.add(series)
  }

  async finish(): Promise<StepSeries[]> {
    const found: StepSeries[] = []
    for (const [group, fold] of this.#folds.entries()) {
      fold.finish()
      const { values, present } = fold
      // The name goes if that of the series with the group's number does: so Prometheus 3.5 has it.
      const series = { labels: this.#grouping.labels[group]!, values, present, dropName: this.#dropped[group]! }
      if (!isEmpty(series)) found.push(series)
      if (this.#budget.due(this.#steps + 20)) await this.#budget.breathe()
    }
    return found
  }
}

export interface AggregateInput {
  readonly node: AggregateExpr
  readonly series: readonly StepSeries[]
  readonly steps: number
  /** The scalar parameter, step by step. */
  readonly param: Float64Array
}

/** The φ-quantile of each group at each step. */
export async function quantiles({ node, series, steps, param }: AggregateInput, budget: Budget): Promise<readonly StepSeries[]> {
  const grouping = new Grouping(node)
  const members: StepSeries[][] = []
  for (const one of series) {
    const group = grouping.groupOf(one.labels)
    if (members[group] === undefined) members[group] = [one]
    else members[group].push(one)
    if (budget.due(20)) await budget.breathe()
  }
  const scratch = new Float64Array(members.reduce((most, { length }) => Math.max(most, length), 0))
  const result: StepSeries[] = []
  for (const [group, of] of members.entries()) {
    budget.chargeSeries(1, steps)
    const target = createStepSeries(grouping.labels[group]!, steps, series[group]!.dropName)
    for (let step = 0; step < steps; step++) {
      let count = 0
      for (const { present, values } of of) if (present[step] === 1) scratch[count++] = values[step]!
      if (budget.due(of.length * 8)) await budget.breathe()
      if (count === 0) continue
      target.present[step] = 1
      target.values[step] = quantileOf(param[step]!, scratch, count)
    }
    if (!isEmpty(target)) result.push(target)
  }
  return result
}

/** The k largest or smallest of each group at each step; series keep their labels. At a lone step they come group by group, best first. */
export async function pick(
  { node, series, steps, param }: AggregateInput & { readonly node: { readonly op: 'topk' | 'bottomk' } },
  budget: Budget,
): Promise<readonly StepSeries[]> {
  if (asksForNone(param)) return []
  await checkCounts(param, series, budget)
  const grouping = new Grouping(node)
  const groups = await mapInTurns(series, 20, budget, ({ labels }) => grouping.groupOf(labels))
  budget.chargeSeries(series.length, steps)
  const picked: (StepSeries | undefined)[] = Array(series.length).fill(undefined)
  const heaps = grouping.labels.map(() => new TopHeap(node.op === 'topk' ? 1 : -1))
  for (let step = 0; step < steps; step++) {
    const k = Math.min(Math.trunc(param[step]!), series.length)
    // No number is asked for only where there is no series.
    if (!(k >= 1)) continue
    for (let h = 0; h < heaps.length; h++) heaps[h]!.clear()
    for (let i = 0; i < series.length; i++) {
      const { present, values } = series[i]!
      if (present[step] === 1) heaps[groups[i]!]!.offer(i, values[step]!, k)
    }
    for (let h = 0; h < heaps.length; h++) {
      const { kept } = heaps[h]!
      for (let n = 0; n < kept.length; n++) {
        const i = kept[n]!
        const one = series[i]!
        const target = picked[i] ?? createStepSeries(one.labels, steps, one.dropName)
        picked[i] = target
        target.present[step] = 1
        target.values[step] = one.values[step]!
      }
    }
    if (budget.due(series.length * 2)) await budget.breathe()
  }
  if (steps === 1) return heaps.flatMap((heap) => heap.sort().map((i) => picked[i]!))
  return picked.filter((one) => one !== undefined)
}

/** One series per group and distinct value, counting the members that have it. The value is a label before the groups are made. */
export async function countValues(
  { node, series, steps, label }: Omit<AggregateInput, 'param'> & { readonly label: string },
  budget: Budget,
): Promise<readonly StepSeries[]> {
  const grouping = new Grouping(node.without ? node : { without: false, grouping: [...node.grouping, label] })
  const result: StepSeries[] = []
  for (const { labels, present, values } of series) {
    const byText = new Map<string, StepSeries>()
    for (let step = 0; step < steps; step++) {
      if (present[step] === 0) continue
      const text = formatFloat(values[step]!)
      let target = byText.get(text)
      if (target === undefined) {
        const group = grouping.groupOf(withLabel(labels, label, text))
        target = result[group]
        if (target === undefined) {
          budget.chargeSeries(1, steps)
          budget.checkSeries(group + 1)
          target = createStepSeries(grouping.labels[group]!, steps)
          result.push(target)
        }
        byText.set(text, target)
      }
      target.present[step] = 1
      target.values[step]! += 1
      if (budget.due(20)) await budget.breathe()
    }
  }
  return result
}

/** Whether a text can name a label. */
export function isLabelName(name: string): boolean {
  return name !== '' && name.isWellFormed()
}

/** @throws MW_PROMQL_EXECUTION when the text cannot name a label. */
export function checkLabelName(name: string, message: string): void {
  if (!isLabelName(name)) throw promqlErrors.MW_PROMQL_EXECUTION(`${message}: ${name.toWellFormed()}`)
}

/** The metric's name of a series, '' when it has none. */
export function metricName(labels: Labels): string {
  for (let at = metadataFrom(labels, 0); at >= 0; at = metadataFrom(labels, at + 1))
    if (labels[at]![0] === METRIC_NAME) return labels[at]![1]
  return ''
}
