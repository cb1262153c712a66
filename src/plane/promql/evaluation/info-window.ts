import { childrenOf, type Expr, type TimeShift } from '../language/ast.ts'
import { endOf, type Grid } from './frame.ts'
import { type QueryTimes, shiftedTimes } from './query-times.ts'
import type { TimeSpan } from './selection.ts'

/**
 * When the samples of info series may be from. As in Prometheus 3.5 that follows the first selector or subquery of the argument: its `offset`
 * and `@` move where info series are looked for, though not the times for which they are.
 */
export function infoWindow(argument: Expr, grid: Grid, times: QueryTimes): TimeSpan {
  const shift = firstShift(argument) ?? { offsetMs: undefined, at: undefined }
  const shifted = (timeMs: number) => shiftedTimes(shift, { startMs: timeMs, stepMs: 1, count: 1 }, times)[0]!
  return { fromMs: shifted(grid.startMs) - times.lookbackMs + 1, toMs: shifted(endOf(grid)) }
}

function firstShift(node: Expr): TimeShift | undefined {
  if (node.kind === 'vectorSelector' || node.kind === 'subquery') return node
  if (node.kind === 'matrixSelector') return node.selector
  const children = childrenOf(node)
  // There the parameter of an aggregation comes second.
  for (const child of node.kind === 'aggregate' ? children.toReversed() : children) {
    const found = firstShift(child)
    if (found !== undefined) return found
  }
  return undefined
}
