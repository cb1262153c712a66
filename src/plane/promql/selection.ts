import { ModelwatchError } from '../../core/errors.ts'
import { isStaleMarker, type SeriesColumns, type SeriesReader, type TimeRange } from '../store/index.ts'
import { type AtModifier, childrenOf, type Expr, type SubqueryExpr, type TimeShift, type VectorSelectorExpr } from './ast.ts'
import type { Budget } from './budget.ts'
import { promqlErrors } from './errors.ts'
import { compareLabels, type Grid, type SampleSeries } from './frame.ts'
import { sortInTurns } from './sort.ts'

/** What times mean in one query. */
export interface QueryTimes {
  /** Start and end of the whole query, for `@ start()` and `@ end()`. */
  readonly startMs: number
  readonly endMs: number
  readonly lookbackMs: number
  /** The step of subqueries that name none. */
  readonly defaultStepMs: number
  readonly subqueryStepsMax: number
}

/** The time a selector or a subquery looks at, for each step of the grid. */
export function shiftedTimes(shift: TimeShift, grid: Grid, times: QueryTimes): Float64Array {
  const offsetMs = shift.offsetMs ?? 0
  const fixedMs = shift.at === undefined ? undefined : atMs(shift.at, times)
  const shifted = new Float64Array(grid.count)
  for (let i = 0; i < grid.count; i++) shifted[i] = (fixedMs ?? grid.startMs + i * grid.stepMs) - offsetMs
  return shifted
}

function atMs(at: AtModifier, times: QueryTimes): number {
  if (at.kind === 'time') return at.timeMs
  return at.kind === 'start' ? times.startMs : times.endMs
}

/** The grid on which a subquery evaluates its expression: multiples of its step, in (first end − range, last end]. */
export function subqueryGrid(node: SubqueryExpr, endsMs: Float64Array, times: QueryTimes): Grid {
  const stepMs = node.stepMs ?? times.defaultStepMs
  const startMs = (Math.floor((endsMs[0]! - node.rangeMs) / stepMs) + 1) * stepMs
  const count = Math.max(0, Math.floor((endsMs.at(-1)! - startMs) / stepMs) + 1)
  if (count > times.subqueryStepsMax) {
    throw promqlErrors.MW_PROMQL_LIMIT(`a subquery would be evaluated at ${count} steps; at most ${times.subqueryStepsMax} are allowed`, {
      hint: 'Give the subquery a longer step, or a shorter range.',
    })
  }
  return { startMs, stepMs, count }
}

/** What the selectors of a query found, by selector. */
export type Selections = ReadonlyMap<VectorSelectorExpr, readonly SeriesColumns[]>

/**
 * Reads every selector of a query, each once, and all before anything is computed: so they see the store at one and the same moment.
 * @throws MW_PROMQL_LIMIT
 */
export async function readSelections(root: Expr, grid: Grid, times: QueryTimes, reader: SeriesReader, budget: Budget): Promise<Selections> {
  const selections = new Map<VectorSelectorExpr, readonly SeriesColumns[]>()
  const known = new Map<string, SeriesColumns[]>()

  function read(selector: VectorSelectorExpr, on: Grid, windowMs: number): void {
    const endsMs = shiftedTimes(selector, on, times)
    // Times are whole milliseconds, so the open left end is one later.
    const range = { fromMs: endsMs[0]! - windowMs + 1, toMs: endsMs.at(-1)! }
    const key = JSON.stringify([selector.matchers, range])
    let found = known.get(key)
    if (found === undefined) {
      found = select(selector, range, reader, budget)
      known.set(key, found)
    }
    selections.set(selector, found)
  }

  function visit(node: Expr, on: Grid): void {
    if (on.count === 0) return
    if (node.kind === 'vectorSelector') read(node, on, times.lookbackMs)
    else if (node.kind === 'matrixSelector') read(node.selector, on, node.rangeMs)
    else if (node.kind === 'subquery') visit(node.expr, subqueryGrid(node, shiftedTimes(node, on, times), times))
    else for (const child of childrenOf(node)) visit(child, on)
  }

  visit(root, grid)
  // Sorted, because sums depend on the order in the last digits, and topk on it between equals: the same query gives the same answer.
  // What was read stays as it is, so from here on others may work in between.
  for (const found of known.values()) await sortInTurns(found, (a, b) => compareLabels(a.labels, b.labels), budget)
  return selections
}

function select(selector: VectorSelectorExpr, range: TimeRange, reader: SeriesReader, budget: Budget): SeriesColumns[] {
  try {
    return reader.select(selector.matchers, range, { seriesMax: budget.seriesMax, samplesMax: budget.samplesLeft })
  } catch (error) {
    if (error instanceof ModelwatchError && error.code === 'MW_STORE_SELECT_LIMIT') {
      throw promqlErrors.MW_PROMQL_LIMIT(`query processing would load too much: ${error.message}`, { cause: error })
    }
    throw error
  }
}

/** Samples without staleness markers. */
export function freshSamples({ labels, timesMs, values }: SeriesColumns): SampleSeries {
  let stale = 0
  for (let i = 0; i < values.length; i++) if (isStaleMarker(values, i)) stale++
  if (stale === 0) return { labels, timesMs, values }
  const kept = { labels, timesMs: new Float64Array(values.length - stale), values: new Float64Array(values.length - stale) }
  let at = 0
  for (let i = 0; i < values.length; i++) {
    if (isStaleMarker(values, i)) continue
    kept.timesMs[at] = timesMs[i]!
    kept.values[at++] = values[i]!
  }
  return kept
}
