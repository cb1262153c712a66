import { formatLabels, type Labels, labelsKey, labelValue, METRIC_NAME } from '../../core/labels.ts'
import type { SetOp, VectorMatching } from './ast.ts'
import type { Budget } from './budget.ts'
import { promqlErrors } from './errors.ts'
import { createStepSeries, isEmpty, mergeSeries, type StepSeries, sameLabelset, withLabel, withoutName } from './frame.ts'
import type { Operation } from './operators.ts'

/** The labels two series must share to be matched. */
function matchLabels(labels: Labels, { on, labels: listed }: VectorMatching): Labels {
  return labels.filter(([name]) => (on ? listed.includes(name) : name !== METRIC_NAME && !listed.includes(name)))
}

function groupBySignature(series: readonly StepSeries[], matching: VectorMatching): Map<string, StepSeries[]> {
  const groups = new Map<string, StepSeries[]>()
  for (const one of series) {
    const key = labelsKey(matchLabels(one.labels, matching))
    const group = groups.get(key)
    if (group === undefined) groups.set(key, [one])
    else group.push(one)
  }
  return groups
}

/** For each step, whether any of the series has a value. */
function anyPresent(series: readonly StepSeries[], steps: number): Uint8Array {
  const any = new Uint8Array(steps)
  for (const { present } of series) for (let i = 0; i < steps; i++) any[i]! |= present[i]!
  return any
}

export interface MatchInput {
  readonly left: readonly StepSeries[]
  readonly right: readonly StepSeries[]
  readonly matching: VectorMatching
  readonly steps: number
}

/**
 * Arithmetic and comparison between two vectors: each series finds its partner by the matching labels.
 * With group_right the sides change places; `many` below is the side that may have several series per group, `one` the other.
 * @throws MW_PROMQL_EXECUTION where the match is ambiguous at some step.
 */
export async function matchVectors(input: MatchInput, op: Operation, bool: boolean, budget: Budget): Promise<readonly StepSeries[]> {
  const { matching, steps } = input
  const swapped = matching.many === 'right'
  const [many, one] = swapped ? [input.right, input.left] : [input.left, input.right]
  const ones = groupBySignature(one, matching)
  // Where one side is empty there is nothing to match, and so nothing ambiguous either.
  const anyMany = anyPresent(many, steps)
  for (const group of ones.values()) checkUnique(group, anyMany, matching, swapped ? 'left' : 'right', steps)

  const result = new Map<string, { readonly series: StepSeries; readonly group: string }>()
  for (const [signature, members] of groupBySignature(many, matching)) {
    const partners = ones.get(signature)
    if (partners === undefined) continue
    // In a one-to-one match a step of the group is used up by its first result.
    const used = matching.many === 'none' && members.length > 1 ? new Uint8Array(steps) : undefined
    for (const member of members) {
      for (const partner of partners) {
        const series = combine({
          member,
          partner,
          swapped,
          op,
          used,
          steps,
          labels: resultLabels(member.labels, partner.labels, matching, op, bool),
        })
        if (isEmpty(series)) continue
        add(result, series, signature, matching)
        budget.chargeSeries(result.size, 0)
        budget.charge(steps)
      }
      if (budget.due(partners.length * steps)) await budget.breathe()
    }
  }
  return Array.from(result.values(), ({ series }) => series)
}

function checkUnique(group: readonly StepSeries[], anyMany: Uint8Array, matching: VectorMatching, side: string, steps: number): void {
  if (group.length === 1) return
  for (let step = 0; step < steps; step++) {
    if (anyMany[step] === 0) continue
    const found = group.filter((series) => series.present[step] === 1)
    if (found.length < 2) continue
    const shared = formatBraced(matchLabels(found[0]!.labels, matching))
    throw promqlErrors.MW_PROMQL_EXECUTION(
      `found duplicate series for the match group ${shared} on the ${side} hand-side of the operation: [${formatBraced(found[1]!.labels)}, ` +
        `${formatBraced(found[0]!.labels)}];many-to-many matching not allowed: matching labels must be unique on one side`,
    )
  }
}

function formatBraced(labels: Labels): string {
  const text = formatLabels(labels)
  return text === '' ? '{}' : text
}

interface Pair {
  readonly member: StepSeries
  readonly partner: StepSeries
  readonly swapped: boolean
  readonly op: Operation
  readonly used: Uint8Array | undefined
  readonly steps: number
  readonly labels: Labels
}

function combine({ member, partner, swapped, op, used, steps, labels }: Pair): StepSeries {
  const series = createStepSeries(labels, steps)
  const [left, right] = swapped ? [partner, member] : [member, partner]
  for (let step = 0; step < steps; step++) {
    if (left.present[step] === 0 || right.present[step] === 0) continue
    const a = left.values[step]!
    const b = right.values[step]!
    if (!op.keep(a, b)) continue
    if (used !== undefined) {
      if (used[step] === 1) {
        throw promqlErrors.MW_PROMQL_EXECUTION(
          'multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)',
        )
      }
      used[step] = 1
    }
    series.present[step] = 1
    series.values[step] = op.value(a, b)
  }
  return series
}

function resultLabels(many: Labels, one: Labels, matching: VectorMatching, op: Operation, bool: boolean): Labels {
  let labels = op.dropsName ? withoutName(many) : many
  if (matching.many === 'none') labels = labels.filter(([name]) => matching.labels.includes(name) === matching.on)
  for (const name of matching.include) labels = withLabel(labels, name, labelValue(one, name))
  // Even a name that group_left brought: what `bool` gives is no longer that metric.
  return bool ? withoutName(labels) : labels
}

/** Adds a result; one with the same labels continues where the other pauses. */
function add(
  result: Map<string, { readonly series: StepSeries; readonly group: string }>,
  series: StepSeries,
  group: string,
  matching: VectorMatching,
): void {
  const key = labelsKey(series.labels)
  const known = result.get(key)
  if (known === undefined) {
    result.set(key, { series, group })
    return
  }
  for (let step = 0; step < series.present.length; step++) {
    if (series.present[step] === 0) continue
    if (known.series.present[step] === 1) {
      if (matching.many === 'none' || known.group !== group) throw sameLabelset()
      throw promqlErrors.MW_PROMQL_EXECUTION('multiple matches for labels: grouping labels must ensure unique matches')
    }
    known.series.present[step] = 1
    known.series.values[step] = series.values[step]!
  }
}

/** `and`, `or`, `unless`: series stay as they are, steps are kept or left out by what the other side's group has there. */
export async function matchSets({ left, right, matching, steps }: MatchInput, op: SetOp, budget: Budget): Promise<readonly StepSeries[]> {
  const [kept, asked] = op === 'or' ? [right, left] : [left, right]
  const wanted = op === 'and' ? 1 : 0
  const groups = new Map<string, Uint8Array>()
  for (const [signature, members] of groupBySignature(asked, matching)) {
    groups.set(signature, anyPresent(members, steps))
    if (budget.due(members.length * steps)) await budget.breathe()
  }
  const nothing = new Uint8Array(steps)
  for (const series of kept) {
    const there = groups.get(labelsKey(matchLabels(series.labels, matching))) ?? nothing
    for (let step = 0; step < steps; step++) if (there[step] !== wanted) series.present[step] = 0
    if (budget.due(steps)) await budget.breathe()
  }
  const filtered = kept.filter((series) => !isEmpty(series))
  return op === 'or' ? mergeSeries([...left, ...filtered], false) : filtered
}
