import { formatLabels, type Labels, labelsKey, labelValue, METRIC_NAME } from '../../../core/labels.ts'
import { compileMatcher, type Matcher } from '../../store/index.ts'
import type { Budget } from '../budget.ts'
import { promqlErrors } from '../errors.ts'
import { createStepSeries, mergeSeries, type StepSeries, withLabel } from '../evaluation/frame.ts'
import type { CallExpr } from '../language/ast.ts'

/** The labels by which series find what is said about their target. */
const identifyingLabels = ['instance', 'job'] as const

export interface InfoInput {
  /** As given out by `parse`: with the matchers of the info series. */
  readonly labels: NonNullable<CallExpr['infoLabels']>
  readonly matchers: readonly Matcher[]
  readonly base: readonly StepSeries[]
  /** The info series; their values are the times of the samples found, in seconds. */
  readonly info: readonly StepSeries[]
  readonly steps: number
}

/**
 * `info()`: adds to each series labels of the info series of the same `instance` and `job`, step by step.
 *
 * A label that the series has already stays. Where matchers are given, only labels named there are taken over, and a series that gains none
 * of them is left out, unless all of the matchers accept that a label is absent. Info series themselves are left as they are. Of several
 * info series of one metric and target, the one with the newest sample counts.
 *
 * @throws MW_PROMQL_EXECUTION where two are equally new, or two metrics say different things of one label.
 */
export async function addInfo(input: InfoInput, budget: Budget): Promise<readonly StepSeries[]> {
  const { base, matchers, steps } = input
  const nameMatchers = matchers.filter(({ name }) => name === METRIC_NAME).map(compileMatcher)
  const isInfo = ({ labels }: StepSeries) =>
    input.labels !== 'chosen' && nameMatchers.every((matcher) => matcher.matches(labelValue(labels, METRIC_NAME)))
  const enriched = base.filter((series) => !isInfo(series))
  const known = identifyingLabels.map(
    (name) => new Set(enriched.map(({ labels }) => labelValue(labels, name)).filter((value) => value !== '')),
  )
  const anyKnown = known.some(({ size }) => size > 0)
  const info = anyKnown ? input.info.filter(({ labels }) => isKnown(labels, known)) : []
  const sources = new InfoSources(info)
  const duplicate = await firstDuplicate(sources, anyPresent(base, steps), budget)
  const dataMatchers = matchers.filter(({ name }) => name !== METRIC_NAME).map(compileMatcher)
  const chosen = new Set(dataMatchers.map(({ name }) => name))
  // Without a target to look for, Prometheus counts a given name among the labels that are missing.
  const mayBeBare = [...dataMatchers, ...(anyKnown || input.labels !== 'named' ? [] : nameMatchers)].every(
    ({ matchesEmpty }) => matchesEmpty,
  )

  const result: StepSeries[] = []
  let conflict: Flaw | undefined
  for (const series of base) {
    if (isInfo(series)) {
      budget.chargeSeries(1, steps)
      result.push({ ...series, values: series.values.slice(), present: series.present.slice(), dropName: false })
      continue
    }
    const found = sources.of(series.labels)
    const byAdded = new Map<string, StepSeries | undefined>()
    for (let step = 0; step < steps; step++) {
      if (series.present[step] === 0) continue
      const newest = found.map((candidates) => newestAt(candidates, step)).filter((one) => one !== undefined)
      const key = newest.map(({ labels }) => labelsKey(labels)).join(';')
      if (!byAdded.has(key)) {
        const added = addedLabels(series.labels, newest, chosen)
        if (added.conflict !== undefined && !(conflict !== undefined && conflict.step <= step))
          conflict = { step, toError: () => promqlErrors.MW_PROMQL_EXECUTION(`conflicting label: ${added.conflict}`) }
        byAdded.set(key, added.values.size === 0 && !mayBeBare ? undefined : target(series.labels, added.values, steps))
      }
      const to = byAdded.get(key)
      if (to !== undefined) {
        to.present[step] = 1
        to.values[step] = series.values[step]!
      }
      if (budget.due(found.length * 8 + 1)) await budget.breathe()
    }
    for (const one of byAdded.values()) {
      if (one === undefined) continue
      budget.chargeSeries(1, steps)
      result.push(one)
    }
  }
  // Prometheus goes step by step, and within a step looks at the info series first.
  const flaw = conflict !== undefined && !(duplicate !== undefined && duplicate.step <= conflict.step) ? conflict : duplicate
  if (flaw !== undefined) throw flaw.toError()
  return mergeSeries(result, false, budget)
}

/** What is wrong with a step, and makes the query fail. */
interface Flaw {
  readonly step: number
  readonly toError: () => Error
}

function anyPresent(series: readonly StepSeries[], steps: number): Uint8Array {
  const any = new Uint8Array(steps)
  for (const { present } of series) for (let i = 0; i < steps; i++) any[i]! |= present[i]!
  return any
}

function isKnown(labels: Labels, known: readonly ReadonlySet<string>[]): boolean {
  return identifyingLabels.every((name, i) => known[i]!.size === 0 || known[i]!.has(labelValue(labels, name)))
}

function identity(labels: Labels): string {
  return labelsKey(labels.filter(([name]) => name === 'instance' || name === 'job'))
}

/** Info series by the target that they speak of, then by metric. */
class InfoSources {
  readonly #byIdentity = new Map<string, Map<string, StepSeries[]>>()
  /** The place of each among all of them. */
  readonly places: ReadonlyMap<StepSeries, number>

  constructor(info: readonly StepSeries[]) {
    this.places = new Map(info.map((series, i) => [series, i]))
    for (const series of info) {
      const key = identity(series.labels)
      const metric = labelValue(series.labels, METRIC_NAME)
      const byMetric = this.#byIdentity.get(key) ?? new Map<string, StepSeries[]>()
      this.#byIdentity.set(key, byMetric)
      const candidates = byMetric.get(metric)
      if (candidates === undefined) byMetric.set(metric, [series])
      else candidates.push(series)
    }
  }

  /** What there is for a series, metric by metric. */
  of(labels: Labels): StepSeries[][] {
    return [...(this.#byIdentity.get(identity(labels))?.values() ?? [])]
  }

  /** Series that speak of the same target in the same metric. */
  rivals(): StepSeries[][] {
    return [...this.#byIdentity.values()].flatMap((byMetric) => [...byMetric.values()]).filter(({ length }) => length > 1)
  }
}

/**
 * The first step at which two series of one metric and target are equally new; as in Prometheus, whether or not a series asks for that target.
 * @param asked - The steps at which there is any series to add to.
 */
async function firstDuplicate(sources: InfoSources, asked: Uint8Array, budget: Budget): Promise<Flaw | undefined> {
  let first: (Flaw & { readonly place: number }) | undefined
  for (const candidates of sources.rivals()) {
    for (let step = 0; step <= (first?.step ?? asked.length - 1); step++) {
      if (budget.due(candidates.length)) await budget.breathe()
      if (asked[step] === 0) continue
      const pair = equallyNew(candidates, step)
      if (pair === undefined) continue
      const place = sources.places.get(pair[1])!
      if (first === undefined || step < first.step || place < first.place) first = { step, place, toError: () => duplicates(...pair) }
      break
    }
  }
  return first
}

function equallyNew(candidates: readonly StepSeries[], step: number): [StepSeries, StepSeries] | undefined {
  let newest: StepSeries | undefined
  for (const candidate of candidates) {
    if (candidate.present[step] === 0) continue
    if (newest !== undefined && newest.values[step] === candidate.values[step]) return [newest, candidate]
    if (newest === undefined || newest.values[step]! < candidate.values[step]!) newest = candidate
  }
  return undefined
}

function duplicates(one: StepSeries, other: StepSeries): Error {
  return promqlErrors.MW_PROMQL_EXECUTION(`found duplicate series for info metric ${labelValue(other.labels, METRIC_NAME)}`, {
    hint: `Two series of one target are equally new: ${formatLabels(one.labels)} and ${formatLabels(other.labels)}. Select one of them with a matcher.`,
  })
}

function newestAt(candidates: readonly StepSeries[], step: number): StepSeries | undefined {
  let newest: StepSeries | undefined
  for (const candidate of candidates) {
    if (candidate.present[step] === 0) continue
    if (newest === undefined || newest.values[step]! < candidate.values[step]!) newest = candidate
  }
  return newest
}

interface AddedLabels {
  readonly values: ReadonlyMap<string, string>
  /** A label of which two metrics say different things. */
  readonly conflict: string | undefined
}

/** What info series say of a series that it does not say itself. @param chosen - Labels to take over; none means all. */
function addedLabels(labels: Labels, info: readonly StepSeries[], chosen: ReadonlySet<string>): AddedLabels {
  const values = new Map<string, string>()
  let conflict: string | undefined
  for (const one of info) {
    for (const [name, value] of one.labels) {
      if (name === METRIC_NAME || (chosen.size > 0 && !chosen.has(name)) || labelValue(labels, name) !== '') continue
      const before = values.get(name)
      if (before !== undefined && before !== value) conflict ??= name
      values.set(name, value)
    }
  }
  return { values, conflict }
}

/** An empty series. As in Prometheus, a name that was to be dropped stays. */
function target(labels: Labels, added: ReadonlyMap<string, string>, steps: number): StepSeries {
  let all = labels
  for (const [name, value] of added) all = withLabel(all, name, value)
  return createStepSeries(all, steps)
}
