import type { Series, TimeGrid } from '../api.ts'
import { duration, qualityQueries, type Scope, type SignalName, signalQueries, troubleQuery, valueQueries } from '../queries.ts'
import { gridTimesMs, onGrid } from '../series.ts'
import { keyOf } from '../values.ts'
import type { Ask, AskRange } from './ask.ts'
import type { Model } from './catalogue.ts'
import { qualityWindowMs } from './quality.ts'
import { loadTaskHistory, type TaskHistory } from './tasks.ts'
import { loadShareHistory, type ShareHistory } from './traffic.ts'

/** Lines of the charts, all on one grid. */
export interface History {
  readonly grid: TimeGrid
  readonly timesMs: readonly number[]
  readonly signals: Readonly<Record<SignalName, readonly (number | null)[]>>
  readonly trouble: readonly (number | null)[]
  readonly psi: ReadonlyMap<string, readonly (number | null)[]>
  readonly quality: ReadonlyMap<string, Readonly<Record<'mae' | 'rmse', readonly (number | null)[]>>>
  readonly tasks: TaskHistory
  /** Share of the traffic, by revision. */
  readonly shares: ShareHistory
  /** What it was loaded for; another key means it must be loaded anew. */
  readonly key: string
}

export type SignalsNow = Readonly<Record<SignalName, number | undefined>>

export async function loadSignals(ask: Ask, scope: Scope, windowMs: number, atMs: number | undefined): Promise<SignalsNow> {
  const names = Object.keys(signalQueries) as SignalName[]
  const samples = await Promise.all(names.map((name) => ask(signalQueries[name](scope, duration(windowMs)), atMs)))
  return Object.fromEntries(names.map((name, i) => [name, samples[i]![0]?.value])) as Record<SignalName, number | undefined>
}

export async function loadHistory(
  ask: AskRange,
  scope: Scope,
  grid: TimeGrid,
  windowMs: number,
  key: string,
  reporters: Model['reporters'],
): Promise<History> {
  const names = Object.keys(signalQueries) as SignalName[]
  // A window shorter than the step would leave out what happens between two points.
  const window = duration(Math.max(windowMs, grid.stepMs))
  const qualityWindow = duration(Math.max(qualityWindowMs, grid.stepMs))
  const jobs = [...new Set(reporters.map(({ job }) => job))].filter((job) => job !== '')
  const [signals, trouble, psi, mae, rmse, tasks, shares] = await Promise.all([
    Promise.all(names.map((name) => ask(signalQueries[name](scope, window), grid))),
    ask(troubleQuery(scope, jobs, window), grid),
    ask(valueQueries.psi(scope), grid),
    ask(qualityQueries.mae(scope, qualityWindow), grid),
    ask(qualityQueries.rmse(scope, qualityWindow), grid),
    loadTaskHistory(ask, scope, window, grid),
    loadShareHistory(ask, scope, grid),
  ])
  const byName = (series: readonly Series[], name: string) =>
    onGrid(
      series.find(({ labels }) => (labels.name ?? '') === name),
      grid,
    )
  return {
    key,
    grid,
    timesMs: gridTimesMs(grid),
    signals: Object.fromEntries(names.map((name, i) => [name, onGrid(signals[i]![0], grid)])) as unknown as History['signals'],
    trouble: onGrid(trouble[0], grid),
    psi: new Map(psi.map((series) => [keyOf(series.labels.role ?? '', series.labels.name ?? ''), onGrid(series, grid)])),
    quality: new Map(
      mae.map(({ labels }) => [labels.name ?? '', { mae: byName(mae, labels.name ?? ''), rmse: byName(rmse, labels.name ?? '') }]),
    ),
    tasks,
    shares,
  }
}
