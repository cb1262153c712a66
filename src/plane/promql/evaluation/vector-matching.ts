import { type Labels, labelsKey, labelValue, METRIC_NAME } from '../../../core/labels.ts'
import type { Budget } from '../budget.ts'
import { promqlErrors } from '../errors.ts'
import { type ArithmeticOp, type ComparisonOp, isComparison, type SetOp, type VectorMatching } from '../language/ast.ts'
import { quote } from '../language/literals.ts'
import { isEmpty, mergeSeries, type StepSeries, sameLabelset, withLabel, withoutMetadata } from './frame.ts'
import { Grouping } from './grouping.ts'
import { applyArithmetic, applyComparison } from './operators.ts'

export interface MatchInput {
  readonly left: readonly StepSeries[]
  readonly right: readonly StepSeries[]
  readonly matching: VectorMatching
  readonly steps: number
}

export interface MatchOperation {
  readonly op: ArithmeticOp | ComparisonOp
  readonly bool: boolean
  /** Whether names are dropped at the end of the query. */
  readonly delayed: boolean
  /** Whether equal labels at one step are left for the end of the query. */
  readonly lenient: boolean
}

/** Series by what they are matched by: the same number for the same values, on either side. */
async function bySignature(series: readonly StepSeries[], signatures: Grouping, budget: Budget): Promise<StepSeries[][]> {
  const groups: StepSeries[][] = []
  for (const one of series) {
    const at = signatures.groupOf(one.labels)
    const group = groups[at]
    if (group === undefined) groups[at] = [one]
    else group.push(one)
    if (budget.due(20)) await budget.breathe()
  }
  return groups
}

/** For each step, whether any of the series has a value. */
function anyPresent(series: readonly StepSeries[], steps: number): Uint8Array {
  const any = new Uint8Array(steps)
  for (const { present } of series) for (let i = 0; i < steps; i++) any[i]! |= present[i]!
  return any
}

/**
 * Arithmetic and comparison between two vectors: each series finds its partner by the matching labels.
 * With group_right the sides change places; `many` below is the side that may have several series per group, `one` the other.
 * The columns that come in stay as they are.
 * @throws MW_PROMQL_EXECUTION where the match is ambiguous at some step.
 */
export async function matchVectors(input: MatchInput, operation: MatchOperation, budget: Budget): Promise<readonly StepSeries[]> {
  const { matching, steps } = input
  const swapped = matching.many === 'right'
  const [many, one] = swapped ? [input.right, input.left] : [input.left, input.right]
  const signatures = new Grouping({ grouping: matching.labels, without: !matching.on })
  const ones = await bySignature(one, signatures, budget)
  const clashes = new Clashes()
  await checkUnique({ one, ones, many, matching, side: swapped ? 'left' : 'right', steps }, clashes, budget)

  const results = new Results(matching, operation.lenient)
  // In a one-to-one match a step of a group is used up by its first result.
  const used: (Uint8Array | undefined)[] = []
  for (const member of many) {
    const signature = signatures.groupOf(member.labels)
    const partners = ones[signature]
    if (partners === undefined) {
      if (budget.due(20)) await budget.breathe()
      continue
    }
    for (const partner of partners) {
      const series = combine({ member, partner, swapped, matching, operation, steps })
      if (isEmpty(series)) continue
      if (matching.many === 'none') {
        const before = used[signature]
        if (before === undefined) used[signature] = series.present.slice()
        else useUp(before, series.present, clashes)
      }
      budget.chargeSeries(1, steps)
      results.add(series, signature, clashes)
      budget.checkSeries(results.size)
    }
    if (budget.due(partners.length * (steps + 20))) await budget.breathe()
  }
  if (clashes.first !== undefined) throw clashes.first.toError()
  return results.series()
}

interface Clash {
  readonly step: number
  readonly toError: () => Error
  readonly order: number
}

/** The order of what goes wrong within a step: duplicates of one side first, as they come (from 0 on), then pairs, and at its end the result. */
const PAIR_ORDER = Number.MAX_SAFE_INTEGER
const RESULT_ORDER = Number.POSITIVE_INFINITY

/** Where a match is ambiguous, and how. Prometheus goes step by step and tells the first. */
class Clashes {
  first: Clash | undefined

  /** @param order - Which of several at one step is told: that of the least number; of equal ones the first. */
  add(step: number, toError: () => Error, order: number): void {
    const { first } = this
    if (first === undefined || step < first.step || (step === first.step && order < first.order)) this.first = { step, toError, order }
  }
}

interface Uniqueness {
  readonly one: readonly StepSeries[]
  /** The same by group. */
  readonly ones: readonly (readonly StepSeries[])[]
  readonly many: readonly StepSeries[]
  readonly matching: VectorMatching
  readonly side: string
  readonly steps: number
}

async function checkUnique({ one, ones, many, matching, side, steps }: Uniqueness, clashes: Clashes, budget: Budget): Promise<void> {
  if (ones.every((group) => group === undefined || group.length === 1)) return
  // Where one side is empty there is nothing to match, and so nothing ambiguous either.
  const anyMany = anyPresent(many, steps)
  const places = new Map(one.map((series, i) => [series, i]))
  for (const group of ones) {
    if (group === undefined || group.length === 1) continue
    const stepMax = clashes.first?.step ?? steps - 1
    for (let step = 0; step <= stepMax; step++) {
      if (budget.due(group.length)) await budget.breathe()
      if (anyMany[step] === 0) continue
      const [first, second] = group.filter((series) => series.present[step] === 1)
      if (first === undefined || second === undefined) continue
      clashes.add(step, () => duplicates(first.labels, second.labels, matching, side), places.get(second)!)
      break
    }
  }
}

function duplicates(first: Labels, second: Labels, { on, labels: listed }: VectorMatching, side: string): Error {
  const shared = formatBraced(first.filter(([name]) => (on ? listed.includes(name) : name !== METRIC_NAME && !listed.includes(name))))
  return promqlErrors.MW_PROMQL_EXECUTION(
    `found duplicate series for the match group ${shared} on the ${side} hand-side of the operation: [${formatBraced(second)}, ` +
      `${formatBraced(first)}];many-to-many matching not allowed: matching labels must be unique on one side`,
  )
}

/** Labels as Go's client prints them: the metric's name is one among them. */
function formatBraced(labels: Labels): string {
  return `{${labels.map(([name, value]) => `${/^[a-zA-Z_]\w*$/.test(name) ? name : quote(name)}=${quote(value)}`).join(', ')}}`
}

interface Pair {
  readonly member: StepSeries
  readonly partner: StepSeries
  readonly swapped: boolean
  readonly matching: VectorMatching
  readonly operation: MatchOperation
  readonly steps: number
}

function combine({ member, partner, swapped, matching, operation, steps }: Pair): StepSeries {
  const { op, bool, delayed } = operation
  const [left, right] = swapped ? [partner, member] : [member, partner]
  const present = new Uint8Array(steps)
  for (let i = 0; i < steps; i++) present[i] = left.present[i]! & right.present[i]!
  let values = new Float64Array(steps)
  if (isComparison(op)) {
    const holds = new Uint8Array(steps)
    applyComparison(op, left.values, right.values, holds)
    if (bool) for (let i = 0; i < steps; i++) values[i] = holds[i]!
    else {
      values = left.values.slice()
      for (let i = 0; i < steps; i++) present[i]! &= holds[i]!
    }
  } else applyArithmetic(op, left.values, right.values, values)
  const labels = resultLabels(member.labels, partner.labels, matching, operation)
  // What `bool` gives is no longer that metric, even where group_left brought the name.
  return { labels: bool && !delayed ? withoutMetadata(labels) : labels, values, present, dropName: delayed && bool }
}

function resultLabels(many: Labels, one: Labels, matching: VectorMatching, { op }: MatchOperation): Labels {
  let labels = isComparison(op) ? many : withoutMetadata(many)
  if (matching.many === 'none') {
    if (matching.on || matching.labels.length > 0) labels = labels.filter(([name]) => matching.labels.includes(name) === matching.on)
  }
  for (const name of matching.include) labels = withLabel(labels, name, labelValue(one, name))
  return labels
}

function useUp(used: Uint8Array, present: Uint8Array, clashes: Clashes): void {
  for (let step = 0; step < used.length; step++) {
    if (present[step] === 0) continue
    if (used[step] === 1) {
      clashes.add(step, needsGroup, PAIR_ORDER)
    }
    used[step] = 1
  }
}

function needsGroup(): Error {
  return promqlErrors.MW_PROMQL_EXECUTION('multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)')
}

function ambiguousGroup(): Error {
  return promqlErrors.MW_PROMQL_EXECUTION('multiple matches for labels: grouping labels must ensure unique matches')
}

/** What a match has given so far. A result continues one with the same labels where that pauses. */
class Results {
  readonly #matching: VectorMatching
  readonly #lenient: boolean
  readonly #all: StepSeries[] = []
  readonly #byKey = new Map<string, { readonly series: StepSeries; readonly signature: number }>()

  constructor(matching: VectorMatching, lenient: boolean) {
    this.#matching = matching
    this.#lenient = lenient
  }

  get size(): number {
    return this.#all.length
  }

  series(): readonly StepSeries[] {
    return this.#all
  }

  add(series: StepSeries, signature: number, clashes: Clashes): void {
    const key = labelsKey(series.labels)
    const known = this.#byKey.get(key)
    if (known === undefined) {
      this.#byKey.set(key, { series, signature })
      this.#all.push(series)
      return
    }
    const sameGroup = this.#matching.many !== 'none' && known.signature === signature
    if (this.#lenient && !sameGroup) {
      this.#all.push(series)
      return
    }
    for (let step = 0; step < series.present.length; step++) {
      if (series.present[step] === 0) continue
      if (known.series.present[step] === 1) {
        clashes.add(step, sameGroup ? ambiguousGroup : sameLabelset, sameGroup ? PAIR_ORDER : RESULT_ORDER)
      }
      known.series.present[step] = 1
      known.series.values[step] = series.values[step]!
    }
  }
}

/**
 * `and`, `or`, `unless`: series stay as they are, steps are kept or left out by what the other side's group has there.
 * The result shares columns with the input.
 */
export async function matchSets(
  { left, right, matching, steps }: MatchInput,
  { op, lenient }: { readonly op: SetOp; readonly lenient: boolean },
  budget: Budget,
): Promise<readonly StepSeries[]> {
  const [kept, asked] = op === 'or' ? [right, left] : [left, right]
  const wanted = op === 'and' ? 1 : 0
  const signatures = new Grouping({ grouping: matching.labels, without: !matching.on })
  const there: Uint8Array[] = []
  for (const one of asked) {
    const signature = signatures.groupOf(one.labels)
    const any = there[signature]
    if (any === undefined) there[signature] = one.present.slice()
    else for (let i = 0; i < steps; i++) any[i]! |= one.present[i]!
    if (budget.due(steps + 20)) await budget.breathe()
  }
  const filtered: StepSeries[] = []
  for (const one of kept) {
    const any = there[signatures.groupOf(one.labels)]
    if (any === undefined) {
      if (wanted === 0) filtered.push(one)
      continue
    }
    const present = new Uint8Array(steps)
    for (let i = 0; i < steps; i++) present[i] = one.present[i]! & (any[i]! === wanted ? 1 : 0)
    const series = { ...one, present }
    if (!isEmpty(series)) filtered.push(series)
    if (budget.due(steps + 20)) await budget.breathe()
  }
  if (op !== 'or') return filtered
  const all = [...left, ...filtered]
  return lenient ? all : await mergeSeries(all, false, budget)
}
