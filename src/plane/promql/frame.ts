import { type Labels, labelsKey, METRIC_NAME } from '../../core/labels.ts'
import { promqlErrors } from './errors.ts'

/** The points in time an expression is evaluated at: start, start + step, …; `count` of them. */
export interface Grid {
  readonly startMs: number
  readonly stepMs: number
  readonly count: number
}

/** One series over the grid: a value per step, and whether there is one (a NaN may well be a value). */
export interface StepSeries {
  readonly labels: Labels
  readonly values: Float64Array
  /** 1 where the series has a value. */
  readonly present: Uint8Array
}

/** What an expression comes to over a grid. Columns belong to whoever holds the frame, who may change them in place. */
export type Frame =
  | { readonly kind: 'scalar'; readonly values: Float64Array }
  | { readonly kind: 'string'; readonly value: string }
  | { readonly kind: 'vector'; readonly series: readonly StepSeries[] }

/** One series of samples, oldest first, staleness markers taken out. */
export interface SampleSeries {
  readonly labels: Labels
  readonly timesMs: Float64Array
  readonly values: Float64Array
}

/** A range vector over a grid: the window of step i holds the samples of (endsMs[i] − rangeMs, endsMs[i]]. */
export interface Windows {
  readonly series: readonly SampleSeries[]
  /** Never falling. */
  readonly endsMs: Float64Array
  readonly rangeMs: number
}

export function createStepSeries(labels: Labels, count: number): StepSeries {
  return { labels, values: new Float64Array(count), present: new Uint8Array(count) }
}

export function isEmpty(series: StepSeries): boolean {
  return !series.present.includes(1)
}

export function withoutName(labels: Labels): Labels {
  const at = labels.findIndex(([name]) => name === METRIC_NAME)
  return at < 0 ? labels : labels.toSpliced(at, 1)
}

/** Labels with one of them set to a value; '' removes it. */
export function withLabel(labels: Labels, name: string, value: string): Labels {
  const rest = labels.filter(([n]) => n !== name)
  if (value === '') return rest
  const at = rest.findIndex(([n]) => n > name)
  return rest.toSpliced(at < 0 ? rest.length : at, 0, [name, value])
}

/** The order in which Prometheus lists series: by name, then value, label by label. */
export function compareLabels(a: Labels, b: Labels): number {
  const shorter = Math.min(a.length, b.length)
  for (let i = 0; i < shorter; i++) {
    const [nameA, valueA] = a[i]!
    const [nameB, valueB] = b[i]!
    if (nameA !== nameB) return nameA < nameB ? -1 : 1
    if (valueA !== valueB) return valueA < valueB ? -1 : 1
  }
  return a.length - b.length
}

export function sameLabelset(): Error {
  return promqlErrors.MW_PROMQL_EXECUTION('vector cannot contain metrics with the same labelset')
}

/**
 * Joins series whose labels have become equal: a query may hold each label set only once at a time.
 * @param strict - Whether equal labels are wrong even where the series never meet, as Prometheus has it for functions over whole series.
 * @throws MW_PROMQL_EXECUTION when two of them have a value at the same step.
 */
export function mergeSeries(series: readonly StepSeries[], strict: boolean): readonly StepSeries[] {
  const byKey = new Map<string, StepSeries>()
  for (const one of series) {
    const key = labelsKey(one.labels)
    const first = byKey.get(key)
    if (first === undefined) byKey.set(key, one)
    else if (strict) throw sameLabelset()
    else mergeInto(first, one)
  }
  return byKey.size === series.length ? series : [...byKey.values()]
}

function mergeInto(target: StepSeries, other: StepSeries): void {
  for (let i = 0; i < other.present.length; i++) {
    if (other.present[i] === 0) continue
    if (target.present[i] === 1) throw sameLabelset()
    target.present[i] = 1
    target.values[i] = other.values[i]!
  }
}

/** Takes the metric's name from every series; see `mergeSeries` for what follows. */
export function dropNames(series: readonly StepSeries[], strict: boolean): readonly StepSeries[] {
  const renamed = series.map((one) => ({ ...one, labels: withoutName(one.labels) }))
  return mergeSeries(renamed, strict)
}
