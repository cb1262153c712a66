import { type CallExpr, childrenOf, type Expr, type Span, unwrap, type VectorSelectorExpr } from '../language/ast.ts'
import type { Grid } from './frame.ts'
import { type QueryTimes, shiftedTimes, subqueryGrid } from './query-times.ts'

/** One selector on one grid: the samples it needs. Both ends are included. */
export interface SelectorRead {
  readonly selector: VectorSelectorExpr
  readonly fromMs: number
  readonly toMs: number
}

/** What there is to know about a query before it is evaluated. */
export interface QueryPlan {
  readonly root: Expr
  readonly reads: readonly SelectorRead[]
  /** A key for an expression that is evaluated more than once on the same grid, equal for equal expressions; undefined for one that is not. */
  sharedKey(node: Expr, grid: Grid): string | undefined
  /** Whether an expression has the same value at every step. */
  isInvariant(node: Expr): boolean
  /** Where annotations of an argument say that it stands. */
  placeOf(call: CallExpr, argument: Expr): Span
}

/** Functions that look at the time of evaluation. */
const timedFunctions: ReadonlySet<string> = new Set([
  'day_of_month',
  'day_of_week',
  'day_of_year',
  'days_in_month',
  'hour',
  'minute',
  'month',
  'predict_linear',
  'time',
  'timestamp',
  'year',
])

/** Walks an expression as the evaluator will. @throws MW_PROMQL_LIMIT when a subquery has too many steps. */
export function planQuery(root: Expr, grid: Grid, times: QueryTimes): QueryPlan {
  const ids = new Map<Expr, number>()
  const known = new Map<string, number>()
  const invariant = new Map<Expr, boolean>()
  const uses = new Map<string, number>()
  const reads: SelectorRead[] = []

  /** Equal expressions have equal numbers, whatever stands around them, parentheses included. */
  function idOf(node: Expr): number {
    const inner = unwrap(node)
    const before = ids.get(inner)
    if (before !== undefined) return before
    const text = JSON.stringify([properties(inner), childrenOf(inner).map(idOf)])
    const id = known.get(text) ?? known.size
    known.set(text, id)
    ids.set(inner, id)
    return id
  }

  function isInvariant(node: Expr): boolean {
    const before = invariant.get(node)
    if (before !== undefined) return before
    const children = childrenOf(node)
    let result = children.every(isInvariant)
    if (node.kind === 'vectorSelector') result = node.at !== undefined
    else if (node.kind === 'subquery') result = node.at !== undefined
    // The parameter does not count: so Prometheus 3.5 has it, and takes that of the first step for all.
    else if (node.kind === 'aggregate') result = isInvariant(node.expr)
    // Without a selector info() has the argument alone.
    else if (node.kind === 'call')
      result = node.infoLabels === 'all' ? isInvariant(node.args[0]!) : result && !timedFunctions.has(node.name)
    invariant.set(node, result)
    return result
  }

  const keyOf = (node: Expr, on: Grid) => `${idOf(node)}@${on.startMs},${on.stepMs},${on.count}`

  /** @param isNew - Whether this is not below an expression that was met before. */
  function visit(node: Expr, asked: Grid, isNew: boolean): void {
    const on = asked.count > 1 && isInvariant(node) ? firstStep(asked) : asked
    if (on.count === 0) return
    if (node.kind === 'matrixSelector') read(node.selector, on, node.rangeMs)
    else if (node.kind === 'subquery') visit(node.expr, subqueryGrid(node, shiftedTimes(node, on, times), times), isNew)
    else {
      // What is below an expression that was met before is not evaluated again; but each of its selectors has to find its samples.
      const goesOn = isNew && use(node, on) === 1
      if (node.kind === 'vectorSelector') read(node, on, times.lookbackMs)
      for (const child of childrenOf(node)) visit(child, on, goesOn)
    }
  }

  /** @returns How often an expression has been met, this time included. */
  function use(node: Expr, on: Grid): number {
    if (node.kind === 'paren' || node.kind === 'number' || node.kind === 'string') return 1
    const key = keyOf(node, on)
    const count = (uses.get(key) ?? 0) + 1
    uses.set(key, count)
    return count
  }

  function read(selector: VectorSelectorExpr, on: Grid, windowMs: number): void {
    const endsMs = shiftedTimes(selector, on, times)
    // Times are whole milliseconds, so the open left end is one later.
    reads.push({ selector, fromMs: endsMs[0]! - windowMs + 1, toMs: endsMs.at(-1)! })
  }

  visit(root, grid, true)
  const anyShared = [...uses.values()].some((count) => count > 1)
  return {
    root,
    reads,
    isInvariant,
    placeOf(call, argument) {
      // Prometheus looks through parentheses, but not through what it puts around an invariant argument of a call that is none.
      return isInvariant(argument) && !isInvariant(call) ? argument : unwrap(argument)
    },
    sharedKey(node, on) {
      if (!anyShared) return undefined
      const key = keyOf(node, on)
      return (uses.get(key) ?? 0) > 1 ? key : undefined
    },
  }
}

export function firstStep(grid: Grid): Grid {
  return { startMs: grid.startMs, stepMs: grid.stepMs, count: 1 }
}

/** What a node says for itself: neither where it stands nor what is below it. */
function properties(node: Expr): Record<string, unknown> {
  const below: ReadonlySet<unknown> = new Set(childrenOf(node))
  const own: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(node)) {
    if (name === 'from' || name === 'to' || name === 'opSpan' || below.has(value)) continue
    // Durations that were computed stand beside their result.
    if (name === 'args' || name === 'offsetExpr' || name === 'rangeExpr' || name === 'stepExpr') continue
    // JSON knows no −0, NaN or infinity; the first is not equal to 0 when something is divided by it.
    own[name] = typeof value === 'number' ? (Object.is(value, -0) ? '-0' : String(value)) : value
  }
  return own
}
