import { promqlErrors } from '../errors.ts'
import type { AtModifier, SubqueryExpr, TimeShift } from '../language/ast.ts'
import type { Grid } from './frame.ts'

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

/** The time of each step. */
export function timesOf(grid: Grid): Float64Array {
  const timesMs = new Float64Array(grid.count)
  for (let i = 0; i < grid.count; i++) timesMs[i] = grid.startMs + i * grid.stepMs
  return timesMs
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
  return { startMs, stepMs, count, endMs: endsMs.at(-1)! }
}
