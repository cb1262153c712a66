import { sortInTurns } from '../../../core/sort-in-turns.ts'
import type { Pace } from '../../../core/turns.ts'
import type { SampleBuffer } from '../../store/index.ts'
import { absentLabels } from '../functions/label-functions.ts'
import { type Expr, unwrap } from '../language/ast.ts'
import type { EvaluationDeps } from './evaluation.ts'
import { createStepSeries, type Grid, isEmpty, mergeSeries, type StepSeries, withoutMetadata } from './frame.ts'
import { mapInTurns } from './map-in-turns.ts'

/** A series without labels that has a value at every step. */
export function full(values: Float64Array): StepSeries {
  return { labels: [], values, present: new Uint8Array(values.length).fill(1), dropName: false }
}

/** Columns that may be changed, with the same values. */
export function copied(series: readonly StepSeries[], pace: Pace): Promise<readonly StepSeries[]> {
  const steps = series[0]?.values.length ?? 0
  return mapInTurns(series, steps + 20, pace, (one) => ({ ...one, values: one.values.slice(), present: one.present.slice() }))
}

/** Changes every value, in place. */
export async function mapValues(
  series: readonly StepSeries[],
  f: (value: number, step: number) => number,
  pace: Pace,
): Promise<readonly StepSeries[]> {
  for (const { values } of series) {
    for (let step = 0; step < values.length; step++) values[step] = f(values[step]!, step)
    // Some functions are no more than an instruction, others take a calendar.
    if (pace.due(values.length * 5)) await pace.breathe()
  }
  return series
}

/**
 * The same series under labels without the metric's name; or, where names are dropped at the end, marked for it.
 * @param strict - See `mergeSeries`.
 */
export async function nameless(
  series: readonly StepSeries[],
  strict: boolean,
  { budget, delayedNameRemoval }: Pick<EvaluationDeps, 'budget' | 'delayedNameRemoval'>,
): Promise<readonly StepSeries[]> {
  if (delayedNameRemoval) return mapInTurns(series, 20, budget, (one) => ({ ...one, dropName: true }))
  const renamed = await mapInTurns(series, 30, budget, (one) => ({ ...one, labels: withoutMetadata(one.labels) }))
  return mergeSeries(renamed, strict, budget)
}

/** The first step of each series, at `count` steps. */
export function repeated(series: readonly StepSeries[], count: number, pace: Pace): Promise<readonly StepSeries[]> {
  return mapInTurns(series, count + 20, pace, ({ labels, values, present, dropName }) => {
    const many = createStepSeries(labels, count, dropName)
    many.values.fill(values[0]!)
    many.present.fill(present[0]!)
    return many
  })
}

/** The value of the only series at each step, NaN where there is none or more than one. */
export function only(series: readonly StepSeries[], steps: number): Float64Array {
  const values = new Float64Array(steps).fill(Number.NaN)
  const counts = new Uint32Array(steps)
  for (const one of series) {
    for (let step = 0; step < steps; step++) {
      if (one.present[step] === 0) continue
      values[step] = counts[step] === 0 ? one.values[step]! : Number.NaN
      counts[step]!++
    }
  }
  return values
}

/** 1 at each step where `found` is 0, with the labels the question asked for. @param dropName - Whether the name, and its type and unit, go in the end. */
export function absent(found: Uint8Array, node: Expr, dropName: boolean): readonly StepSeries[] {
  const inner = unwrap(node)
  const matchers = inner.kind === 'vectorSelector' ? inner.matchers : inner.kind === 'matrixSelector' ? inner.selector.matchers : []
  const result = createStepSeries(absentLabels(matchers), found.length, dropName)
  result.values.fill(1)
  for (let step = 0; step < found.length; step++) result.present[step] = found[step] === 0 ? 1 : 0
  return isEmpty(result) ? [] : [result]
}

/** Orders an instant vector by value, NaN last both ways. A matrix has an order of its own, so there a sort does nothing. */
export async function sorted(series: readonly StepSeries[], direction: 1 | -1, grid: Grid, pace: Pace): Promise<readonly StepSeries[]> {
  if (grid.count !== 1) return series
  const inOrder = [...series]
  const compare = (x: StepSeries, y: StepSeries) => {
    const [a, b] = [x.values[0]!, y.values[0]!]
    if (Number.isNaN(a) || Number.isNaN(b)) return Number(Number.isNaN(a)) - Number(Number.isNaN(b))
    return a === b ? 0 : (a < b ? -1 : 1) * direction
  }
  await sortInTurns(inOrder, compare, pace)
  // Prometheus takes each NaN for less than the ones before it, so that they come out in turned order.
  const numbers = inOrder.findIndex((one) => Number.isNaN(one.values[0]!))
  return numbers < 0 ? inOrder : [...inOrder.slice(0, numbers), ...inOrder.slice(numbers).reverse()]
}

/** Writes the steps at which a series has a value, as samples, over the buffer's content. */
export function toSamples({ values, present }: StepSeries, grid: Grid, into: SampleBuffer): void {
  into.clear()
  into.reserve(grid.count)
  const { timesMs, values: samples } = into
  let at = 0
  for (let step = 0; step < grid.count; step++) {
    if (present[step] === 0) continue
    timesMs[at] = grid.startMs + step * grid.stepMs
    samples[at++] = values[step]!
  }
  into.length = at
}
