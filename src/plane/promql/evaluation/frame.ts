import { type Labels, labelsKey, METRIC_NAME } from '../../../core/labels.ts'
import type { Pace } from '../../../core/turns.ts'
import { promqlErrors } from '../errors.ts'

/** What it takes to build a key of labels and to look it up, in the units of the budget. */
const KEY_WORK = 50

/** The points in time an expression is evaluated at: start, start + step, …; `count` of them. */
export interface Grid {
  readonly startMs: number
  readonly stepMs: number
  readonly count: number
  /** The end of the range, which need not be a step; without it, it is the last step. A lone step with time behind it is no instant to Prometheus. */
  readonly endMs?: number
}

export function endOf({ startMs, stepMs, count, endMs }: Grid): number {
  return endMs ?? startMs + (count - 1) * stepMs
}

/** Whether Prometheus evaluates the grid as an instant: it then checks less, and keeps another order. */
export function isInstant(grid: Grid): boolean {
  return grid.count === 1 && endOf(grid) === grid.startMs
}

/** One series over the grid: a value per step, and whether there is one (a NaN may well be a value). */
export interface StepSeries {
  readonly labels: Labels
  readonly values: Float64Array
  /** 1 where the series has a value, 0 elsewhere; what `values` holds there means nothing. */
  readonly present: Uint8Array
  /** The metric's name goes when the query is answered, or where something asks for the series without it. Only when names are dropped late. */
  readonly dropName: boolean
}

/**
 * What an expression comes to over a grid. Columns of a vector that is not `shared` belong to whoever holds the frame, who may change them in
 * place; shared ones and those of a scalar are for reading.
 */
export type Frame =
  | { readonly kind: 'scalar'; readonly values: Float64Array }
  | { readonly kind: 'string'; readonly value: string }
  | { readonly kind: 'vector'; readonly series: readonly StepSeries[]; readonly shared: boolean }

/** A vector that nobody else reads. */
export function vector(series: readonly StepSeries[]): Frame {
  return { kind: 'vector', series, shared: false }
}

/** One series of samples, oldest first, staleness markers taken out. */
export interface SampleSeries {
  readonly labels: Labels
  readonly timesMs: Float64Array
  readonly values: Float64Array
  readonly dropName: boolean
}

export function createStepSeries(labels: Labels, count: number, dropName = false): StepSeries {
  return { labels, values: new Float64Array(count), present: new Uint8Array(count), dropName }
}

export function isEmpty(series: StepSeries): boolean {
  return !series.present.includes(1)
}

/** Whether the series has a value at every step. */
export function isFull(series: StepSeries): boolean {
  return !series.present.includes(0)
}

/** At how many steps a series has a value. */
export function countPresent({ present }: StepSeries): number {
  let count = 0
  for (let i = 0; i < present.length; i++) count += present[i]!
  return count
}

/** Labels that speak of the metric as it was: what is computed from it is another thing. */
export function isMetadata(name: string): boolean {
  return name === METRIC_NAME || name === '__type__' || name === '__unit__'
}

/** Labels without the metric's name, and without its type and unit, which go with the name. */
export function withoutMetadata(labels: Labels): Labels {
  const first = metadataFrom(labels, 0)
  if (first < 0) return labels
  // Nearly always the name alone.
  if (metadataFrom(labels, first + 1) < 0) return labels.toSpliced(first, 1)
  return labels.filter(([name]) => !isMetadata(name))
}

const UNDERSCORE = 95

/** Where the next label of metadata stands, −1 when there is none. Names rise, so that none comes behind one that begins with a small letter. */
export function metadataFrom(labels: Labels, start: number): number {
  for (let i = start; i < labels.length; i++) {
    const name = labels[i]![0]
    if (name.charCodeAt(0) > UNDERSCORE) return -1
    if (isMetadata(name)) return i
  }
  return -1
}

/** Labels with one of them set to a value; '' removes it. */
export function withLabel(labels: Labels, name: string, value: string): Labels {
  const rest = labels.filter(([n]) => n !== name)
  if (value === '') return rest
  const at = rest.findIndex(([n]) => n > name)
  return rest.toSpliced(at < 0 ? rest.length : at, 0, [name, value])
}

export function sameLabelset(): Error {
  return promqlErrors.MW_PROMQL_EXECUTION('vector cannot contain metrics with the same labelset')
}

/**
 * Joins series whose labels have become equal: a query may hold each label set only once at a time. The columns stay as they are.
 * @param strict - Whether equal labels are wrong even where the series never meet, as Prometheus has it for functions over whole series.
 * @throws MW_PROMQL_EXECUTION when two of them have a value at the same step.
 */
export async function mergeSeries(series: readonly StepSeries[], strict: boolean, pace: Pace): Promise<readonly StepSeries[]> {
  if (series.length < 2) return series
  const byKey = new Map<string, number>()
  const merged: StepSeries[] = []
  const copied = new Set<number>()
  for (const one of series) {
    const key = labelsKey(one.labels)
    if (pace.due(KEY_WORK)) await pace.breathe()
    const at = byKey.get(key)
    if (at === undefined) {
      byKey.set(key, merged.length)
      merged.push(one)
      continue
    }
    if (strict) throw sameLabelset()
    const first = merged[at]!
    // Prometheus goes step by step: who comes first says whether the name stays.
    const { dropName } = one.present.indexOf(1) < first.present.indexOf(1) ? one : first
    merged[at] = copied.has(at)
      ? { ...first, dropName }
      : { ...first, values: first.values.slice(), present: first.present.slice(), dropName }
    copied.add(at)
    mergeInto(merged[at], one)
  }
  return copied.size === 0 ? series : merged
}

function mergeInto(target: StepSeries, other: StepSeries): void {
  for (let i = 0; i < other.present.length; i++) {
    if (other.present[i] === 0) continue
    if (target.present[i] === 1) throw sameLabelset()
    target.present[i] = 1
    target.values[i] = other.values[i]!
  }
}

/** @throws MW_PROMQL_EXECUTION when two have the same labels. */
export async function checkDistinct(series: readonly { readonly labels: Labels }[], pace: Pace): Promise<void> {
  if (series.length < 2) return
  const seen = new Set<string>()
  for (const { labels } of series) {
    seen.add(labelsKey(labels))
    if (pace.due(KEY_WORK)) await pace.breathe()
  }
  if (seen.size < series.length) throw sameLabelset()
}
