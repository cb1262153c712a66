import { assertNever } from '../../../core/errors.ts'
import { METRIC_NAME } from '../../../core/labels.ts'
import { formatFixed } from '../../../core/number-text.ts'
import { formatDuration } from '../../../core/time.ts'
import {
  type AggregateExpr,
  type BinaryExpr,
  type DurationExpr,
  type Expr,
  type MatrixSelectorExpr,
  parameterOps,
  type SubqueryExpr,
  type TimeShift,
  type VectorSelectorExpr,
} from './ast.ts'
import { formatFloat, quote } from './literals.ts'
import { parseToPrint } from './parse.ts'
import { typeOf } from './typecheck.ts'

/** Longest line, in bytes of UTF-8; what is longer is broken, where it can be. */
const LINE_BYTES_MAX = 100

/**
 * A query as Prometheus's `format_query` prints it: on one line where it fits, and otherwise each argument and operand on its own,
 * two blanks further in than what it belongs to. Comments are lost, keywords become lower case, `by (…)` moves to the front.
 * @throws MW_PROMQL_PARSE, MW_PROMQL_LIMIT, as `parseToPrint`.
 */
export function formatQuery(query: string): string {
  return new Printer().pretty(parseToPrint(query), 0)
}

const bytesOf = (text: string) => Buffer.byteLength(text)

class Printer {
  /** Widths on one line by node: the layout asks for them again at each level. Texts would take memory by the square of the query. */
  readonly #widths = new Map<Expr, number>()

  /** @param level - Levels of indentation; 0 where the text begins behind something else. */
  pretty(node: Expr, level: number): string {
    const indent = '  '.repeat(level)
    if (node.kind === 'unary') return `${indent}${node.op}${this.pretty(node.expr, level).trim()}`
    if (this.#width(node) <= LINE_BYTES_MAX || isLeaf(node)) {
      // Prometheus does not indent a short subquery.
      return node.kind === 'subquery' ? lineOf(node) : indent + lineOf(node)
    }
    switch (node.kind) {
      case 'subquery':
        return this.pretty(node.expr, level) + subquerySuffix(node)
      case 'paren':
        return `${indent}(\n${this.pretty(node.expr, level + 1)}\n${indent})`
      case 'call': {
        const args = node.args.map((arg) => this.pretty(arg, level + 1)).join(',\n')
        return `${indent}${node.name}(\n${args}\n${indent})`
      }
      case 'aggregate': {
        const args = argumentsOf(node).map((arg) => this.pretty(arg, level + 1))
        return `${indent}${aggregateHead(node)}(\n${args.join(',\n')}\n${indent})`
      }
      case 'binary':
        return `${this.pretty(node.lhs, level + 1)}\n${indent}${operatorText(node)}\n${this.pretty(node.rhs, level + 1)}`
      default:
        return assertNever(node)
    }
  }

  /** Bytes of what `lineOf` would give. */
  #width(node: Expr): number {
    let width = this.#widths.get(node)
    if (width === undefined) {
      width = this.#measure(node)
      this.#widths.set(node, width)
    }
    return width
  }

  #measure(node: Expr): number {
    if (isLeaf(node)) return bytesOf(lineOf(node))
    switch (node.kind) {
      case 'subquery':
        return this.#width(node.expr) + bytesOf(subquerySuffix(node))
      case 'paren':
        return this.#width(node.expr) + 2
      case 'unary':
        return this.#width(node.expr) + 1
      case 'call':
        return node.name.length + this.#argumentsWidth(node.args)
      case 'aggregate':
        return bytesOf(aggregateHead(node)) + this.#argumentsWidth(argumentsOf(node))
      case 'binary':
        return this.#width(node.lhs) + bytesOf(operatorText(node)) + 2 + this.#width(node.rhs)
      default:
        return assertNever(node)
    }
  }

  #argumentsWidth(args: readonly Expr[]): number {
    return args.reduce((sum, arg) => sum + this.#width(arg), 2 + 2 * Math.max(0, args.length - 1))
  }
}

type LeafExpr = Extract<Expr, { kind: 'number' | 'string' | 'vectorSelector' | 'matrixSelector' }>

/** What is never broken over lines. */
function isLeaf(node: Expr): node is LeafExpr {
  return node.kind === 'number' || node.kind === 'string' || node.kind === 'vectorSelector' || node.kind === 'matrixSelector'
}

function lineOf(node: Expr): string {
  switch (node.kind) {
    case 'number':
      return node.isDuration === true ? signedDuration(node.value * 1000) : formatFloat(node.value)
    case 'string':
      return quote(node.value)
    case 'vectorSelector':
      return vectorSelectorText(node) + timestampText(node) + offsetText(node)
    case 'matrixSelector':
      return matrixSelectorText(node)
    case 'subquery':
      return lineOf(node.expr) + subquerySuffix(node)
    case 'paren':
      return `(${lineOf(node.expr)})`
    case 'unary':
      return node.op + lineOf(node.expr)
    case 'call':
      return `${node.name}(${node.args.map(lineOf).join(', ')})`
    case 'aggregate':
      return `${aggregateHead(node)}(${argumentsOf(node).map(lineOf).join(', ')})`
    case 'binary':
      return `${lineOf(node.lhs)} ${operatorText(node)} ${lineOf(node.rhs)}`
    default:
      return assertNever(node)
  }
}

function argumentsOf(node: AggregateExpr): readonly Expr[] {
  return parameterOps.has(node.op) ? [node.param!, node.expr] : [node.expr]
}

function aggregateHead({ op, grouping, without }: AggregateExpr): string {
  if (without) return `${op} without (${labelsText(grouping)}) `
  return grouping.length > 0 ? `${op} by (${labelsText(grouping)}) ` : op
}

function operatorText({ op, bool, matching, lhs, rhs }: BinaryExpr): string {
  const { on, labels, many, include } = matching
  let text: string = op
  if (bool) text += ' bool'
  // Between other operands nothing is matched: Prometheus forgets the clause.
  if (typeOf(lhs) !== 'vector' || typeOf(rhs) !== 'vector') return text
  if (labels.length > 0 || on || many !== 'none') text += ` ${on ? 'on' : 'ignoring'} (${labelsText(labels)})`
  if (many !== 'none') text += ` group_${many} (${labelsText(include)})`
  return text
}

function labelsText(labels: readonly string[]): string {
  return labels.map((label) => (/^[a-zA-Z_:][\w:]*$/.test(label) ? label : quote(label))).join(', ')
}

function vectorSelectorText({ name, matchers }: VectorSelectorExpr): string {
  const shown = matchers.filter((matcher) => !(matcher.name === METRIC_NAME && matcher.op === '=' && matcher.value === name))
  const texts = shown.map((one) => `${/^[a-zA-Z_]\w*$/.test(one.name) ? one.name : quote(one.name)}${one.op}${quote(one.value)}`)
  return texts.length === 0 ? name : `${name}{${texts.sort(compareText).join(',')}}`
}

const compareText = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0)

function matrixSelectorText({ selector, rangeMs, rangeExpr }: MatrixSelectorExpr): string {
  return `${vectorSelectorText(selector)}[${durationText(rangeMs, rangeExpr)}]${timestampText(selector)}${offsetText(selector)}`
}

function subquerySuffix(node: SubqueryExpr): string {
  const range = durationText(node.rangeMs, node.rangeExpr)
  const step = node.stepMs === undefined ? '' : durationText(node.stepMs, node.stepExpr)
  return `[${range}:${step}]${timestampText(node)}${offsetText(node)}`
}

function durationText(durationMs: number, expr: DurationExpr | undefined): string {
  return expr === undefined ? formatDuration(durationMs) : durationExprText(expr)
}

function durationExprText(duration: DurationExpr): string {
  if (duration.kind === 'durationNumber')
    return duration.isDuration ? signedDuration(duration.seconds * 1000) : formatFloat(duration.seconds)
  const text =
    duration.kind === 'durationNegation'
      ? `-${durationExprText(duration.rhs)}`
      : `${durationExprText(duration.lhs)} ${duration.op} ${durationExprText(duration.rhs)}`
  return duration.wrapped ? `(${text})` : text
}

function signedDuration(durationMs: number): string {
  return durationMs < 0 ? `-${formatDuration(-durationMs)}` : formatDuration(durationMs)
}

function timestampText({ at }: TimeShift): string {
  if (at === undefined) return ''
  return at.kind === 'time' ? ` @ ${formatFixed(at.timeMs / 1000, 3)}` : ` @ ${at.kind}()`
}

function offsetText({ offsetMs, offsetExpr }: TimeShift): string {
  if (offsetExpr !== undefined) return ` offset ${durationExprText(offsetExpr)}`
  return offsetMs === undefined || offsetMs === 0 ? '' : ` offset ${signedDuration(offsetMs)}`
}
