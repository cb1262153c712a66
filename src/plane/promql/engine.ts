import type { SeriesReader } from '../store/index.ts'
import { Annotations } from './annotations.ts'
import { Budget } from './budget.ts'
import { type QueryEngineConfig, queryEngineDefaults } from './config.ts'
import type { MatrixValue, QueryEngine, QueryOptions, QueryResult, QueryValue, StepRange } from './contract.ts'
import { promqlErrors } from './errors.ts'
import { Evaluator } from './evaluation/evaluate.ts'
import type { Grid } from './evaluation/frame.ts'
import { planQuery } from './evaluation/plan.ts'
import { readSelections } from './evaluation/selection.ts'
import type { Expr, ValueType } from './language/ast.ts'
import { parseUnresolved } from './language/parse.ts'
import { resolve } from './language/resolve.ts'
import { typeName, typeOf } from './language/typecheck.ts'
import { QueryMemory } from './query-memory.ts'
import { type ResultOptions, toInstant, toMatrix, toSampleMatrix } from './result.ts'
import { SampleCounter } from './stats.ts'

export interface QueryEngineDeps {
  readonly reader: SeriesReader
  /** Milliseconds of a clock that only goes forward, for timeouts; the process's own by default. */
  readonly now?: () => number
}

interface Question {
  readonly query: string
  readonly expr: Expr
  readonly grid: Grid
  /** The end of the whole query, which need not be on its grid. */
  readonly endMs: number
  readonly isInstant: boolean
}

type Convert<V> = (evaluator: Evaluator, options: ResultOptions, evaluated: () => void) => Promise<V>

/** An engine that answers PromQL from a reader of series, as Prometheus 3.5 does. See QueryEngine, and QueryEngineConfig for its bounds. */
export function createQueryEngine(config: Partial<QueryEngineConfig>, deps: QueryEngineDeps): QueryEngine {
  const settings = { ...queryEngineDefaults, ...config }
  const now = deps.now ?? (() => performance.now())
  const memory = new QueryMemory(settings.bytesTotalMax)

  /** @param accept - Refuses types by throwing; asked before durations are worked out, as in Prometheus. */
  function prepare(query: string, accept: (type: ValueType) => void = () => {}): { expr: Expr; type: ValueType } {
    if (query.length > settings.queryLengthMax) {
      throw promqlErrors.MW_PROMQL_LIMIT(`the query has ${query.length} characters; at most ${settings.queryLengthMax} are accepted`, {
        hint: 'Write a shorter query, for instance over recorded series.',
      })
    }
    const expr = parseUnresolved(query, { experimentalFunctions: settings.experimentalFunctions })
    const type = typeOf(expr)
    accept(type)
    return { expr: resolve(query, expr), type }
  }

  async function answer<V extends QueryValue>(question: Question, options: QueryOptions, convert: Convert<V>): Promise<QueryResult<V>> {
    const budget = new Budget({
      samplesMax: settings.samplesMax,
      seriesMax: settings.seriesMax,
      bytesMax: settings.bytesMax,
      memory,
      timeoutMs: Math.min(options.timeoutMs ?? settings.timeoutMs, settings.timeoutMs),
      signal: options.signal,
      now,
    })
    try {
      return await evaluate(question, options, convert, budget)
    } finally {
      budget.close()
    }
  }

  async function evaluate<V extends QueryValue>(
    { query, expr, grid, endMs, isInstant }: Question,
    options: QueryOptions,
    convert: Convert<V>,
    budget: Budget,
  ): Promise<QueryResult<V>> {
    const beganMs = now()
    budget.check()
    const times = {
      startMs: grid.startMs,
      endMs,
      lookbackMs: options.lookbackMs ?? settings.lookbackMs,
      defaultStepMs: settings.evaluationIntervalMs,
      subqueryStepsMax: settings.subqueryStepsMax,
    }
    const plan = planQuery(expr, grid, times)
    const selections = await readSelections(plan, deps.reader, budget)
    const annotations = new Annotations(query)
    for (const warning of selections.warnings) annotations.storeWarning(warning)
    const eachStep = options.perStepStats ?? false
    const counter = new SampleCounter(grid.count, eachStep)
    const { delayedNameRemoval } = settings
    const evaluator = new Evaluator({
      plan,
      times,
      selections,
      budget,
      annotations,
      counter,
      exactCounts: eachStep,
      delayedNameRemoval,
      isInstant,
    })
    const preparedMs = now()
    let evaluatedMs = preparedMs
    const value = await convert(evaluator, { budget, delayed: delayedNameRemoval }, () => {
      evaluatedMs = now()
    })
    const endedMs = now()
    const timings = {
      evalTotalTime: (endedMs - beganMs) / 1000,
      resultSortTime: (endedMs - evaluatedMs) / 1000,
      queryPreparationTime: (preparedMs - beganMs) / 1000,
      innerEvalTime: (evaluatedMs - preparedMs) / 1000,
      // Who lets queries wait for their turn knows how long that took.
      execQueueTime: 0,
      execTotalTime: (endedMs - beganMs) / 1000,
    }
    const stats = { timings, samples: counter.toStats(grid.startMs, grid.stepMs, budget.peak) }
    return { value, warnings: annotations.warnings, infos: annotations.infos, stats }
  }

  return {
    check: (query) => prepare(query).type,

    async instant(query, timeMs, options = {}): Promise<QueryResult> {
      const { expr, type } = prepare(query)
      const grid = { startMs: timeMs, stepMs: 1, count: 1 }
      return answer({ query, expr, grid, endMs: timeMs, isInstant: true }, options, async (evaluator, converting, evaluated) => {
        if (type === 'matrix') {
          const series = await evaluator.samples(expr, grid)
          evaluated()
          return toSampleMatrix(series, converting)
        }
        const frame = await evaluator.evaluate(expr, grid)
        evaluated()
        return toInstant(frame, timeMs, converting)
      })
    },

    async range(query, range, options = {}): Promise<QueryResult<MatrixValue>> {
      const { expr } = prepare(query, (type) => {
        if (type === 'scalar' || type === 'vector') return
        throw promqlErrors.MW_PROMQL_EXECUTION(
          `invalid expression type ${JSON.stringify(typeName(type))} for range query, must be Scalar or instant Vector`,
        )
      })
      const grid = toGrid(range, settings.pointsMax)
      return answer({ query, expr, grid, endMs: range.endMs, isInstant: false }, options, async (evaluator, converting, evaluated) => {
        const frame = await evaluator.evaluate(expr, grid)
        evaluated()
        return toMatrix(frame, grid, converting)
      })
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
  return { startMs, stepMs, count, endMs }
}
