import { assertNever } from '../../../core/errors.ts'
import { METRIC_NAME } from '../../../core/labels.ts'
import type { Matcher } from '../../store/contract.ts'
import { promqlErrors } from '../errors.ts'
import type { CallExpr, Expr, MatrixSelectorExpr, SubqueryExpr, TimeShift, VectorSelectorExpr } from './ast.ts'
import { computeDurationMs } from './duration-value.ts'
import { parseError } from './position.ts'

/**
 * Makes a tree ready for evaluation: works out the arithmetic of durations, from the outside in, and gives every info() a selector of the
 * info series.
 * @returns The same tree where nothing is to be done. @throws MW_PROMQL_PARSE, see `computeDurationMs`.
 */
export function resolve(query: string, root: Expr): Expr {
  const shift = <T extends TimeShift>(node: T): T =>
    node.offsetExpr === undefined ? node : { ...node, offsetMs: computeDurationMs(query, node.offsetExpr, true) }

  function matrix(node: MatrixSelectorExpr): MatrixSelectorExpr {
    const rangeMs = node.rangeExpr === undefined ? node.rangeMs : computeDurationMs(query, node.rangeExpr, false)
    const selector: VectorSelectorExpr = shift(node.selector)
    return rangeMs === node.rangeMs && selector === node.selector ? node : { ...node, rangeMs, selector }
  }

  function subquery(node: SubqueryExpr): SubqueryExpr {
    const shifted = shift(node)
    const stepMs = node.stepExpr === undefined ? node.stepMs : computeDurationMs(query, node.stepExpr, false)
    const rangeMs = node.rangeExpr === undefined ? node.rangeMs : computeDurationMs(query, node.rangeExpr, false)
    // Prometheus fails here by dividing by zero.
    if (stepMs === 0) throw parseError(query, node.from, 'the step of a subquery must be at least 1ms')
    const expr = visit(node.expr)
    const same = shifted === node && stepMs === node.stepMs && rangeMs === node.rangeMs && expr === node.expr
    return same ? node : { ...shifted, stepMs, rangeMs, expr }
  }

  function visit(node: Expr): Expr {
    switch (node.kind) {
      case 'number':
      case 'string':
        return node
      case 'vectorSelector':
        return shift(node)
      case 'matrixSelector':
        return matrix(node)
      case 'subquery':
        return subquery(node)
      case 'paren':
      case 'unary': {
        const expr = visit(node.expr)
        return expr === node.expr ? node : { ...node, expr }
      }
      case 'call': {
        const args = node.args.map(visit)
        if (node.name === 'info') return withInfoSelector({ ...node, args })
        return args.every((arg, i) => arg === node.args[i]) ? node : { ...node, args }
      }
      case 'aggregate': {
        const expr = visit(node.expr)
        const param = node.param === undefined ? undefined : visit(node.param)
        return expr === node.expr && param === node.param ? node : { ...node, expr, param }
      }
      case 'binary': {
        const lhs = visit(node.lhs)
        const rhs = visit(node.rhs)
        return lhs === node.lhs && rhs === node.rhs ? node : { ...node, lhs, rhs }
      }
      default:
        return assertNever(node)
    }
  }

  return visit(root)
}

const targetInfo: Matcher = { name: METRIC_NAME, op: '=', value: 'target_info' }

/** What info() is not told, it looks up in `target_info`. */
function withInfoSelector(node: CallExpr): CallExpr {
  const [base, given] = node.args
  const { from, to } = node
  if (given?.kind !== 'vectorSelector') {
    const selector: VectorSelectorExpr = {
      kind: 'vectorSelector',
      name: '',
      matchers: [targetInfo],
      offsetMs: undefined,
      at: undefined,
      from,
      to,
    }
    return { ...node, args: [base!, selector], infoLabels: 'all' }
  }
  if (given.at !== undefined)
    throw promqlErrors.MW_PROMQL_EXECUTION('the label selector of info() cannot have a time: remove its @ modifier')
  // Its offset says nothing: info series are looked up where the samples of the argument are, see `infoWindow`.
  const { offsetExpr: _, ...selector } = { ...given, offsetMs: undefined }
  if (given.matchers.some(({ name }) => name === METRIC_NAME)) return { ...node, args: [base!, selector], infoLabels: 'named' }
  return { ...node, args: [base!, { ...selector, matchers: [...given.matchers, targetInfo] }], infoLabels: 'chosen' }
}
