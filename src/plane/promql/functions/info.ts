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
  const dataMatchers = matchers.filter(({ name }) => name !== METRIC_NAME).map(compileMatcher)
  const chosen = new Set(dataMatchers.map(({ name }) => name))
  // Without a target to look for, Prometheus counts a given name among the labels that are missing.
  const mayBeBare = dataMatchers.every(({ matchesEmpty }) => matchesEmpty) && (anyKnown || input.labels !== 'named')

  const result: StepSeries[] = []
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
      if (!byAdded.has(key)) byAdded.set(key, target(series, newest, { chosen, mayBeBare, steps }))
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
  return mergeSeries(result, false, budget)
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

  constructor(info: readonly StepSeries[]) {
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
}

function newestAt(candidates: readonly StepSeries[], step: number): StepSeries | undefined {
  let newest: StepSeries | undefined
  for (const candidate of candidates) {
    if (candidate.present[step] === 0) continue
    const seconds = candidate.values[step]!
    if (newest !== undefined && newest.values[step] === seconds) {
      const both = `${formatLabels(newest.labels)} and ${formatLabels(candidate.labels)}`
      throw promqlErrors.MW_PROMQL_EXECUTION(`found duplicate series for info metric ${labelValue(candidate.labels, METRIC_NAME)}`, {
        hint: `Two series of one target are equally new: ${both}. Select one of them with a matcher.`,
      })
    }
    if (newest === undefined || newest.values[step]! < seconds) newest = candidate
  }
  return newest
}

interface TargetOptions {
  /** Labels to take over; none means all. */
  readonly chosen: ReadonlySet<string>
  /** Whether a series that gains no label stays. */
  readonly mayBeBare: boolean
  readonly steps: number
}

/** @returns An empty series with the labels of both, undefined where the series is to be left out. */
function target(series: StepSeries, info: readonly StepSeries[], { chosen, mayBeBare, steps }: TargetOptions): StepSeries | undefined {
  const added = new Map<string, string>()
  for (const { labels } of info) {
    for (const [name, value] of labels) {
      if (name === METRIC_NAME || (chosen.size > 0 && !chosen.has(name))) continue
      const before = added.get(name)
      if (before !== undefined && before !== value) throw promqlErrors.MW_PROMQL_EXECUTION(`conflicting label: ${name}`)
      if (labelValue(series.labels, name) === '') added.set(name, value)
    }
  }
  if (added.size === 0 && !mayBeBare) return undefined
  let labels = series.labels
  for (const [name, value] of added) labels = withLabel(labels, name, value)
  // As in Prometheus, a name that was to be dropped stays.
  return createStepSeries(labels, steps)
}
