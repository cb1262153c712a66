import { compareLabels, type Labels } from '../../core/labels.ts'
import { sortInTurns } from '../../core/sort-in-turns.ts'
import type { Budget } from './budget.ts'
import type { MatrixSeries, MatrixValue, QueryValue, VectorSample } from './contract.ts'
import { checkDistinct, countPresent, type Frame, type Grid, type SampleSeries, withoutMetadata } from './evaluation/frame.ts'
import { timesOf } from './evaluation/query-times.ts'

export interface ResultOptions {
  readonly budget: Budget
  /** Whether names are dropped now, rather than by each function. */
  readonly delayed: boolean
}

/** What an instant query answers. Names that were to be dropped are. @throws MW_PROMQL_EXECUTION when two series then have the same labels. */
export async function toInstant(frame: Frame, timeMs: number, { budget, delayed }: ResultOptions): Promise<QueryValue> {
  if (frame.kind === 'scalar') return { kind: 'scalar', timeMs, value: frame.values[0]! }
  if (frame.kind === 'string') return { kind: 'string', timeMs, value: frame.value.toWellFormed() }
  const samples: VectorSample[] = []
  for (const { labels, present, values, dropName } of frame.series) {
    if (present[0] === 0) continue
    samples.push({ labels: finalLabels(labels, dropName), timeMs, value: values[0]! })
    if (budget.due(20)) await budget.breathe()
  }
  if (delayed) await checkDistinct(samples, budget)
  return { kind: 'vector', samples }
}

/** What a range query answers, sorted by labels; see `toInstant`. */
export async function toMatrix(frame: Frame, grid: Grid, { budget, delayed }: ResultOptions): Promise<MatrixValue> {
  if (frame.kind === 'string') throw new Error('type check let a string pass for a range query')
  const timesMs = timesOf(grid)
  if (frame.kind === 'scalar') return { kind: 'matrix', series: [{ labels: [], timesMs, values: frame.values }] }
  const found: MatrixSeries[] = []
  for (const { labels, present, values, dropName } of frame.series) {
    const count = countPresent({ labels, present, values, dropName })
    if (budget.due(grid.count + 20)) await budget.breathe()
    if (count === 0) continue
    const points =
      count === grid.count
        ? { labels: finalLabels(labels, dropName), timesMs, values }
        : { labels: finalLabels(labels, dropName), timesMs: new Float64Array(count), values: new Float64Array(count) }
    found.push(points)
    if (count === grid.count) continue
    let at = 0
    for (let step = 0; step < grid.count; step++) {
      if (present[step] === 0) continue
      points.timesMs[at] = timesMs[step]!
      points.values[at++] = values[step]!
    }
  }
  if (delayed) await checkDistinct(found, budget)
  return sortedMatrix(found, budget)
}

/** What an instant query of a range vector answers: its samples. */
export async function toSampleMatrix(series: readonly SampleSeries[], { budget, delayed }: ResultOptions): Promise<MatrixValue> {
  const found = series.map(({ labels, dropName, timesMs, values }) => ({ labels: finalLabels(labels, dropName), timesMs, values }))
  if (delayed) await checkDistinct(found, budget)
  return sortedMatrix(found, budget)
}

function finalLabels(labels: Labels, dropName: boolean): Labels {
  return dropName ? withoutMetadata(labels) : labels
}

async function sortedMatrix(series: MatrixSeries[], budget: Budget): Promise<MatrixValue> {
  await sortInTurns(series, (a, b) => compareLabels(a.labels, b.labels), budget)
  return { kind: 'matrix', series }
}
