import { assertNever } from '../../core/errors.ts'
import { type Labels, labelsKey, labelValue, METRIC_NAME } from '../../core/labels.ts'
import type { AggregateExpr, AggregateOp } from './ast.ts'
import type { Budget } from './budget.ts'
import { promqlErrors } from './errors.ts'
import { createStepSeries, isEmpty, type StepSeries, withLabel } from './frame.ts'
import { KahanMean, KahanSum } from './kahan.ts'
import { formatFloat } from './literals.ts'
import { quantileOf } from './quantile.ts'

interface Group {
  readonly labels: Labels
  readonly members: StepSeries[]
}

/** The labels that name a series' group. */
function groupLabels(labels: Labels, { grouping, without }: AggregateExpr): Labels {
  return labels.filter(([name]) => (without ? name !== METRIC_NAME && !grouping.includes(name) : grouping.includes(name)))
}

function groupsOf(series: readonly StepSeries[], node: AggregateExpr): Group[] {
  const groups = new Map<string, Group>()
  for (const one of series) {
    const labels = groupLabels(one.labels, node)
    const key = labelsKey(labels)
    const group = groups.get(key)
    if (group === undefined) groups.set(key, { labels, members: [one] })
    else group.members.push(one)
  }
  return [...groups.values()]
}

export interface AggregateInput {
  readonly node: AggregateExpr
  readonly series: readonly StepSeries[]
  readonly steps: number
  /** The scalar parameter, step by step. */
  readonly param: Float64Array | undefined
  /** The parameter of count_values. */
  readonly label: string
}

/** Folds the series of each group into one, or, for topk and bottomk, picks from them. */
export async function aggregate(input: AggregateInput, budget: Budget): Promise<readonly StepSeries[]> {
  const { node, steps } = input
  if (node.op === 'count_values') return countValues(input, budget)
  const result: StepSeries[] = []
  for (const group of groupsOf(input.series, node)) {
    if (node.op === 'topk' || node.op === 'bottomk') result.push(...(await pick(group, node.op, input.param!, steps, budget)))
    else result.push(await fold(group, node.op, input.param, steps, budget))
  }
  return result
}

/** Gathers the values present at one step. */
function gather(members: readonly StepSeries[], step: number, into: number[]): void {
  into.length = 0
  for (const { present, values } of members) if (present[step] === 1) into.push(values[step]!)
}

async function fold(
  group: Group,
  op: Exclude<AggregateOp, 'topk' | 'bottomk' | 'count_values'>,
  param: Float64Array | undefined,
  steps: number,
  budget: Budget,
): Promise<StepSeries> {
  budget.chargeSeries(1, steps)
  const result = createStepSeries(group.labels, steps)
  const found: number[] = []
  for (let step = 0; step < steps; step++) {
    gather(group.members, step, found)
    if (budget.due(group.members.length)) await budget.breathe()
    if (found.length === 0) continue
    result.present[step] = 1
    result.values[step] = op === 'quantile' ? quantileOf(param![step]!, Float64Array.from(found)) : foldOne(op, found)
  }
  return result
}

const sum = new KahanSum()
const mean = new KahanMean()

function foldOne(op: Exclude<AggregateOp, 'topk' | 'bottomk' | 'count_values' | 'quantile'>, found: readonly number[]): number {
  switch (op) {
    case 'sum':
      sum.set(0, 0)
      for (const value of found) sum.add(value)
      return sum.total
    case 'avg':
      mean.clear()
      for (const value of found) mean.add(value)
      return mean.mean
    case 'min':
      return found.reduce((best, value) => (value < best || Number.isNaN(best) ? value : best))
    case 'max':
      return found.reduce((best, value) => (value > best || Number.isNaN(best) ? value : best))
    case 'count':
      return found.length
    case 'group':
      return 1
    case 'stdvar':
      return variance(found)
    case 'stddev':
      return Math.sqrt(variance(found))
    default:
      return assertNever(op)
  }
}

function variance(found: readonly number[]): number {
  let average = found[0]!
  // One infinite value has no spread that could be told, just as several have not.
  let squares = Number.isFinite(average) ? 0 : Number.NaN
  for (let i = 1; i < found.length; i++) {
    const delta = found[i]! - average
    average += delta / (i + 1)
    squares += delta * (found[i]! - average)
  }
  return squares / found.length
}

/** The k largest or smallest of the group at each step; series keep their labels. At one step they come best first. */
async function pick(group: Group, op: 'topk' | 'bottomk', param: Float64Array, steps: number, budget: Budget): Promise<StepSeries[]> {
  const { members } = group
  budget.chargeSeries(members.length, steps)
  const picked = members.map((member) => createStepSeries(member.labels, steps))
  const sign = op === 'topk' ? -1 : 1
  const candidates: number[] = []
  for (let step = 0; step < steps; step++) {
    const k = wholeNumber(param[step]!)
    if (k < 1) continue
    candidates.length = 0
    if (budget.due(members.length * 4)) await budget.breathe()
    for (let i = 0; i < members.length; i++) if (members[i]!.present[step] === 1) candidates.push(i)
    const value = (i: number) => members[i]!.values[step]!
    // NaN is worst either way. The sort is stable, so between equals the first in order of labels wins.
    candidates.sort((a, b) => {
      const [nanA, nanB] = [Number.isNaN(value(a)), Number.isNaN(value(b))]
      if (nanA || nanB) return Number(nanA) - Number(nanB)
      return value(a) === value(b) ? 0 : (value(a) < value(b) ? -1 : 1) * sign
    })
    for (const i of candidates.slice(0, k)) {
      picked[i]!.present[step] = 1
      picked[i]!.values[step] = value(i)
    }
  }
  const order = steps === 1 ? candidates.map((i) => picked[i]!) : picked
  return order.filter((series) => !isEmpty(series))
}

/** @throws MW_PROMQL_EXECUTION for what is no 64-bit integer. */
function wholeNumber(value: number): number {
  if (Number.isNaN(value)) throw promqlErrors.MW_PROMQL_EXECUTION('Parameter value is NaN')
  if (Math.abs(value) >= 2 ** 63) throw promqlErrors.MW_PROMQL_EXECUTION(`Scalar value ${formatFloat(value)} overflows int64`)
  return Math.trunc(value)
}

/** One series per group and distinct value, counting the members that have it. The value is a label before the groups are made. */
async function countValues({ node, series, steps, label }: AggregateInput, budget: Budget): Promise<readonly StepSeries[]> {
  const grouped = node.without ? node : { ...node, grouping: [...node.grouping, label] }
  const result = new Map<string, StepSeries>()
  for (const { labels, present, values } of series) {
    const byText = new Map<string, StepSeries>()
    for (let step = 0; step < steps; step++) {
      if (present[step] === 0) continue
      const text = formatFloat(values[step]!)
      let target = byText.get(text)
      if (target === undefined) {
        const targetLabels = groupLabels(withLabel(labels, label, text), grouped)
        const key = labelsKey(targetLabels)
        target = result.get(key)
        if (target === undefined) {
          budget.chargeSeries(result.size + 1, 0)
          budget.charge(steps)
          target = createStepSeries(targetLabels, steps)
          result.set(key, target)
        }
        byText.set(text, target)
      }
      target.present[step] = 1
      target.values[step]! += 1
    }
    if (budget.due(steps)) await budget.breathe()
  }
  return [...result.values()]
}

/** @throws MW_PROMQL_EXECUTION when the text cannot name a label. */
export function checkLabelName(name: string, message: string): void {
  if (name === '' || !name.isWellFormed()) throw promqlErrors.MW_PROMQL_EXECUTION(`${message}: ${name.toWellFormed()}`)
}

/** The metric's name of a series, '' when it has none. */
export function metricName(labels: Labels): string {
  return labelValue(labels, METRIC_NAME)
}
