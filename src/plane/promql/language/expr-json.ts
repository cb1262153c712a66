import { assertNever } from '../../../core/errors.ts'
import type { Matcher } from '../../store/contract.ts'
import { type AtModifier, type BinaryExpr, type Expr, isSetOp, type TimeShift, type VectorSelectorExpr } from './ast.ts'
import { formatFloat } from './literals.ts'
import { parseToPrint } from './parse.ts'
import { signatures } from './signatures.ts'
import { typeOf } from './typecheck.ts'

/**
 * A query as the tree that Prometheus's `parse_query` answers with, for JSON: `{ type: 'binaryExpr', op, lhs, rhs, … }`.
 * Durations are in milliseconds; one that is more than a number counts as 0, as there.
 * @throws MW_PROMQL_PARSE, MW_PROMQL_LIMIT, as `parseToPrint`.
 */
export function parseQueryTree(query: string): unknown {
  return toTree(parseToPrint(query))
}

function toTree(node: Expr): unknown {
  switch (node.kind) {
    case 'number':
      return { type: 'numberLiteral', val: formatFloat(node.value) }
    case 'string':
      return { type: 'stringLiteral', val: node.value.toWellFormed() }
    case 'paren':
      return { type: 'parenExpr', expr: toTree(node.expr) }
    case 'unary':
      return { type: 'unaryExpr', op: node.op, expr: toTree(node.expr) }
    case 'vectorSelector':
      return { type: 'vectorSelector', ...selectorTree(node) }
    case 'matrixSelector':
      return { type: 'matrixSelector', ...selectorTree(node.selector), range: milliseconds(node.rangeMs) }
    case 'subquery':
      return {
        type: 'subquery',
        expr: toTree(node.expr),
        range: milliseconds(node.rangeMs),
        step: milliseconds(node.stepMs),
        ...shiftTree(node),
      }
    case 'call': {
      const { args, variadic, returns } = signatures.get(node.name)!
      return { type: 'call', func: { name: node.name, argTypes: args, variadic, returnType: returns }, args: node.args.map(toTree) }
    }
    case 'aggregate': {
      const { op, grouping, without } = node
      const param = node.param === undefined ? null : toTree(node.param)
      return { type: 'aggregation', op, expr: toTree(node.expr), param, grouping, without }
    }
    case 'binary': {
      const { op, lhs, rhs, bool } = node
      return { type: 'binaryExpr', op, lhs: toTree(lhs), rhs: toTree(rhs), matching: matchingTree(node), bool }
    }
    default:
      return assertNever(node)
  }
}

function selectorTree(node: VectorSelectorExpr) {
  return { name: node.name, matchers: node.matchers.map(matcherTree), ...shiftTree(node) }
}

function matcherTree({ name, op, value }: Matcher) {
  return { name: name.toWellFormed(), value: value.toWellFormed(), type: op }
}

function shiftTree({ offsetMs, at }: TimeShift) {
  return { offset: milliseconds(offsetMs), timestamp: at?.kind === 'time' ? at.timeMs : null, startOrEnd: boundary(at) }
}

function boundary(at: AtModifier | undefined): string | null {
  return at === undefined || at.kind === 'time' ? null : at.kind
}

/** Durations that are not worked out are NaN here, and 0 on the wire. */
function milliseconds(durationMs: number | undefined): number {
  return durationMs === undefined || Number.isNaN(durationMs) ? 0 : durationMs
}

const cardinalities = { none: 'one-to-one', left: 'many-to-one', right: 'one-to-many' } as const

/** How vectors are matched; null where one of the operands is none. */
function matchingTree({ op, lhs, rhs, matching }: BinaryExpr) {
  if (typeOf(lhs) !== 'vector' || typeOf(rhs) !== 'vector') return null
  const { labels, on, many, include } = matching
  return { card: isSetOp(op) ? 'many-to-many' : cardinalities[many], labels, on, include }
}
