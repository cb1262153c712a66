import { assertNever } from '../../../core/errors.ts'
import { METRIC_NAME } from '../../../core/labels.ts'
import { compileMatcher } from '../../store/index.ts'
import { type BinaryExpr, type CallExpr, type Expr, isComparison, isSetOp, type ValueType, type VectorSelectorExpr } from './ast.ts'
import { quote } from './literals.ts'
import { parseError } from './position.ts'
import { signatures } from './signatures.ts'

const typeNames: Readonly<Record<ValueType, string>> = {
  scalar: 'scalar',
  string: 'string',
  vector: 'instant vector',
  matrix: 'range vector',
}

/** The name of a type as Prometheus writes it in messages. */
export function typeName(type: ValueType): string {
  return typeNames[type]
}

/** The type of an expression that has been checked. */
export function typeOf(expr: Expr): ValueType {
  switch (expr.kind) {
    case 'number':
      return 'scalar'
    case 'string':
      return 'string'
    case 'vectorSelector':
    case 'aggregate':
      return 'vector'
    case 'matrixSelector':
    case 'subquery':
      return 'matrix'
    case 'call':
      return signatures.get(expr.name)!.returns
    case 'paren':
    case 'unary':
      return typeOf(expr.expr)
    case 'binary':
      return typeOf(expr.lhs) === 'scalar' && typeOf(expr.rhs) === 'scalar' ? 'scalar' : 'vector'
    default:
      return assertNever(expr)
  }
}

/**
 * Checks types all the way down; the messages are Prometheus's.
 * @returns The expression's type. @throws MW_PROMQL_PARSE
 */
export function typecheck(query: string, expr: Expr): ValueType {
  const fail = (at: number, message: string) => parseError(query, at, message)
  const expectType = (arg: Expr, wanted: ValueType, context: string) => {
    const type = check(arg)
    if (type !== wanted) throw fail(arg.from, `expected type ${typeName(wanted)} in ${context}, got ${typeName(type)}`)
  }

  function check(node: Expr): ValueType {
    switch (node.kind) {
      case 'number':
      case 'string':
        return typeOf(node)
      case 'vectorSelector':
        checkSelector(node)
        return 'vector'
      case 'matrixSelector':
        checkSelector(node.selector)
        return 'matrix'
      case 'paren':
        return check(node.expr)
      case 'unary': {
        const type = check(node.expr)
        if (type !== 'scalar' && type !== 'vector') {
          throw fail(
            node.from,
            `unary expression only allowed on expressions of type scalar or instant vector, got ${quote(typeName(type))}`,
          )
        }
        return type
      }
      case 'subquery': {
        const type = check(node.expr)
        if (type !== 'vector') throw fail(node.from, `subquery is only allowed on instant vector, got ${type} instead`)
        return 'matrix'
      }
      case 'aggregate':
        expectType(node.expr, 'vector', 'aggregation expression')
        if (node.param !== undefined) expectType(node.param, node.op === 'count_values' ? 'string' : 'scalar', 'aggregation parameter')
        return 'vector'
      case 'call':
        return checkCall(node)
      case 'binary':
        return checkBinary(node)
      default:
        return assertNever(node)
    }
  }

  /** @param mayBeEmpty - Whether it may leave open which series are meant. */
  function checkSelector({ name, matchers, from }: VectorSelectorExpr, mayBeEmpty = false): void {
    if (name !== '') {
      const again = matchers.slice(0, -1).find((matcher) => matcher.name === METRIC_NAME)
      if (again !== undefined) throw fail(from, `metric name must not be set twice: ${quote(name)} or ${quote(again.value)}`)
    } else if (!mayBeEmpty && matchers.every((matcher) => compileMatcher(matcher).matchesEmpty)) {
      throw fail(from, 'vector selector must contain at least one non-empty matcher')
    }
  }

  function checkCall(node: CallExpr): ValueType {
    const { args, variadic, returns } = signatures.get(node.name)!
    const name = quote(node.name)
    const given = node.args.length
    const least = variadic === 0 ? args.length : args.length - 1
    if (variadic === 0 && given !== least) throw fail(node.from, `expected ${least} argument(s) in call to ${name}, got ${given}`)
    if (given < least) throw fail(node.from, `expected at least ${least} argument(s) in call to ${name}, got ${given}`)
    if (variadic > 0 && given > least + variadic)
      throw fail(node.from, `expected at most ${least + variadic} argument(s) in call to ${name}, got ${given}`)
    for (const [i, arg] of node.args.entries()) {
      if (node.name === 'info' && i === 1) checkLabelSelector(arg)
      else expectType(arg, args[Math.min(i, args.length - 1)]!, `call to function ${name}`)
    }
    return returns
  }

  /** The second argument of info() has the form of a selector, but tells which labels to take over. */
  function checkLabelSelector(node: Expr): void {
    if (node.kind !== 'vectorSelector') throw fail(node.from, 'expected label selectors only')
    if (node.name !== '') throw fail(node.from, 'expected label selectors only, got vector selector instead')
    checkSelector(node, true)
  }

  function checkBinary(node: BinaryExpr): ValueType {
    const left = check(node.lhs)
    const right = check(node.rhs)
    const { op, matching, from } = node
    const at = node.opSpan.from
    if (node.bool && !isComparison(op)) throw fail(at, 'bool modifier can only be used on comparison operators')
    if (isComparison(op) && !node.bool && left === 'scalar' && right === 'scalar')
      throw fail(at, 'comparisons between scalars must use BOOL modifier')
    for (const label of matching.on ? matching.labels : []) {
      if (matching.include.includes(label)) throw fail(at, `label ${quote(label)} must not occur in ON and GROUP clause at once`)
    }
    for (const [type, side] of [
      [left, node.lhs],
      [right, node.rhs],
    ] as const) {
      if (type !== 'scalar' && type !== 'vector')
        throw fail(side.from, 'binary expression must contain only scalar and instant vector types')
    }
    const vectors = left === 'vector' && right === 'vector'
    if (!vectors && matching.labels.length > 0) throw fail(from, 'vector matching only allowed between instant vectors')
    if (vectors && isSetOp(op) && matching.many !== 'none') throw fail(from, `no grouping allowed for ${quote(op)} operation`)
    if (!vectors && isSetOp(op)) throw fail(from, `set operator ${quote(op)} not allowed in binary scalar expression`)
    return left === 'scalar' && right === 'scalar' ? 'scalar' : 'vector'
  }

  return check(expr)
}
