import { type Expr, unwrap } from './ast.ts'
import { createStepSeries, type Grid, isEmpty, type SampleSeries, type StepSeries } from './frame.ts'
import { absentLabels } from './label-functions.ts'

/** The time of each step. */
export function timesOf(grid: Grid): Float64Array {
  return Float64Array.from({ length: grid.count }, (_, i) => grid.startMs + i * grid.stepMs)
}

/** A series without labels that has a value at every step. */
export function full(values: Float64Array): StepSeries {
  return { labels: [], values, present: new Uint8Array(values.length).fill(1) }
}

/** Changes every value, in place. */
export function mapValues(series: readonly StepSeries[], f: (value: number, step: number) => number): readonly StepSeries[] {
  for (const { values } of series) for (let step = 0; step < values.length; step++) values[step] = f(values[step]!, step)
  return series
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

/** 1 at each step where none of the series has a value, with the labels the question asked for. */
export function absent(series: readonly StepSeries[], node: Expr, grid: Grid): readonly StepSeries[] {
  const inner = unwrap(node)
  const matchers = inner.kind === 'vectorSelector' ? inner.matchers : inner.kind === 'matrixSelector' ? inner.selector.matchers : []
  const result = createStepSeries(absentLabels(matchers), grid.count)
  result.present.fill(1)
  result.values.fill(1)
  for (const { present } of series) for (let step = 0; step < grid.count; step++) if (present[step] === 1) result.present[step] = 0
  return isEmpty(result) ? [] : [result]
}

/** Orders an instant vector by value, NaN last both ways. A matrix has an order of its own, so there a sort does nothing. */
export function sorted(series: readonly StepSeries[], direction: 1 | -1, grid: Grid): readonly StepSeries[] {
  if (grid.count !== 1) return series
  return series.toSorted(({ values: [a = 0] }, { values: [b = 0] }) => {
    if (Number.isNaN(a) || Number.isNaN(b)) return Number(Number.isNaN(a)) - Number(Number.isNaN(b))
    return a === b ? 0 : (a < b ? -1 : 1) * direction
  })
}

/** The steps at which a series has a value, as samples. */
export function toSamples({ labels, values, present }: StepSeries, grid: Grid): SampleSeries {
  const count = present.reduce((sum, one) => sum + one, 0)
  const samples = { labels, timesMs: new Float64Array(count), values: new Float64Array(count) }
  let at = 0
  for (let step = 0; step < grid.count; step++) {
    if (present[step] === 0) continue
    samples.timesMs[at] = grid.startMs + step * grid.stepMs
    samples.values[at++] = values[step]!
  }
  return samples
}
