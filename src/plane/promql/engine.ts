import type { SeriesReader } from '../store/index.ts'
import { Annotations } from './annotations.ts'
import type { Expr, ValueType } from './ast.ts'
import { Budget } from './budget.ts'
import { type QueryEngineConfig, queryEngineDefaults } from './config.ts'
import type { MatrixSeries, MatrixValue, QueryEngine, QueryOptions, QueryResult, QueryValue, StepRange } from './contract.ts'
import { promqlErrors } from './errors.ts'
import { Evaluator } from './evaluate.ts'
import { compareLabels, type Frame, type Grid, type StepSeries, type Windows } from './frame.ts'
import { parse } from './parse.ts'
import { readSelections } from './selection.ts'
import { typecheck, typeName } from './typecheck.ts'

export interface QueryEngineDeps {
  readonly reader: SeriesReader
  /** Milliseconds of a clock that only goes forward, for timeouts; the process's own by default. */
  readonly now?: () => number
}

/** An engine that answers PromQL from a reader of series, as Prometheus 3.5 does. See QueryEngine, and QueryEngineConfig for its bounds. */
export function createQueryEngine(config: Partial<QueryEngineConfig>, deps: QueryEngineDeps): QueryEngine {
  const settings = { ...queryEngineDefaults, ...config }

  function prepare(query: string): { expr: Expr; type: ValueType } {
    if (query.length > settings.queryLengthMax) {
      throw promqlErrors.MW_PROMQL_LIMIT(`the query has ${query.length} characters; at most ${settings.queryLengthMax} are accepted`, {
        hint: 'Write a shorter query, for instance over recorded series.',
      })
    }
    const expr = parse(query)
    return { expr, type: typecheck(query, expr) }
  }

  async function begin(
    query: string,
    expr: Expr,
    grid: Grid,
    endMs: number,
    options: QueryOptions,
  ): Promise<{ evaluator: Evaluator; annotations: Annotations }> {
    const budget = new Budget({
      samplesMax: settings.samplesMax,
      seriesMax: settings.seriesMax,
      timeoutMs: Math.min(options.timeoutMs ?? settings.timeoutMs, settings.timeoutMs),
      signal: options.signal,
      now: deps.now ?? (() => performance.now()),
    })
    budget.check()
    const times = {
      startMs: grid.startMs,
      endMs,
      lookbackMs: options.lookbackMs ?? settings.lookbackMs,
      defaultStepMs: settings.evaluationIntervalMs,
      subqueryStepsMax: settings.subqueryStepsMax,
    }
    const selections = await readSelections(expr, grid, times, deps.reader, budget)
    const annotations = new Annotations(query)
    return { evaluator: new Evaluator({ times, selections, budget, annotations }), annotations }
  }

  return {
    check: (query) => prepare(query).type,

    async instant(query, timeMs, options = {}): Promise<QueryResult> {
      const { expr, type } = prepare(query)
      const grid = { startMs: timeMs, stepMs: 1, count: 1 }
      const { evaluator, annotations } = await begin(query, expr, grid, timeMs, options)
      const value =
        type === 'matrix' ? toMatrixOfSamples(await evaluator.windows(expr, grid)) : toInstant(await evaluator.evaluate(expr, grid), timeMs)
      return { value, warnings: annotations.warnings, infos: annotations.infos }
    },

    async range(query, range, options = {}): Promise<QueryResult<MatrixValue>> {
      const { expr, type } = prepare(query)
      if (type !== 'scalar' && type !== 'vector') {
        throw promqlErrors.MW_PROMQL_EXECUTION(
          `invalid expression type ${JSON.stringify(typeName(type))} for range query, must be Scalar or instant Vector`,
        )
      }
      const grid = toGrid(range, settings.pointsMax)
      const { evaluator, annotations } = await begin(query, expr, grid, range.endMs, options)
      const value = toMatrix(await evaluator.evaluate(expr, grid), grid)
      return { value, warnings: annotations.warnings, infos: annotations.infos }
    },
  }
}

function toGrid({ startMs, endMs, stepMs }: StepRange, pointsMax: number): Grid {
  if (!(stepMs > 0)) throw promqlErrors.MW_PROMQL_EXECUTION(`zero or negative query resolution step widths are not accepted: ${stepMs} ms`)
  if (endMs < startMs) throw promqlErrors.MW_PROMQL_EXECUTION('end timestamp must not be before start time')
  const count = Math.floor((endMs - startMs) / stepMs) + 1
  if (count > pointsMax) {
    throw promqlErrors.MW_PROMQL_LIMIT(`exceeded maximum resolution of ${pointsMax} points per timeseries: ${count} are asked for`, {
      hint: 'Try decreasing the query resolution (?step=XX).',
    })
  }
  return { startMs, stepMs, count }
}

function toInstant(frame: Frame, timeMs: number): QueryValue {
  if (frame.kind === 'scalar') return { kind: 'scalar', timeMs, value: frame.values[0]! }
  if (frame.kind === 'string') return { kind: 'string', timeMs, value: frame.value }
  const samples = frame.series
    .filter((series) => series.present[0] === 1)
    .map(({ labels, values }) => ({ labels, timeMs, value: values[0]! }))
  return { kind: 'vector', samples }
}

function toMatrix(frame: Frame, grid: Grid): MatrixValue {
  if (frame.kind === 'string') throw new Error('type check let a string pass for a range query')
  const series =
    frame.kind === 'scalar' ? [{ labels: [], values: frame.values, present: new Uint8Array(grid.count).fill(1) }] : frame.series
  return sortedMatrix(series.map((one) => toPoints(one, grid)))
}

function toPoints({ labels, values, present }: StepSeries, grid: Grid): MatrixSeries {
  const count = present.reduce((sum, one) => sum + one, 0)
  const points = { labels, timesMs: new Float64Array(count), values: new Float64Array(count) }
  let at = 0
  for (let step = 0; step < grid.count; step++) {
    if (present[step] === 0) continue
    points.timesMs[at] = grid.startMs + step * grid.stepMs
    points.values[at++] = values[step]!
  }
  return points
}

/** The samples of an instant query's only window. */
function toMatrixOfSamples({ series, endsMs, rangeMs }: Windows): MatrixValue {
  const endMs = endsMs[0]!
  return sortedMatrix(
    series.map(({ labels, timesMs, values }) => {
      const from = timesMs.findIndex((time) => time > endMs - rangeMs)
      const to = timesMs.findLastIndex((time) => time <= endMs) + 1
      return from < 0
        ? { labels, timesMs: new Float64Array(), values: new Float64Array() }
        : { labels, timesMs: timesMs.slice(from, to), values: values.slice(from, to) }
    }),
  )
}

function sortedMatrix(series: readonly MatrixSeries[]): MatrixValue {
  return { kind: 'matrix', series: series.filter((one) => one.values.length > 0).sort((a, b) => compareLabels(a.labels, b.labels)) }
}
