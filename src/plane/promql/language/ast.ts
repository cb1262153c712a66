import { assertNever } from '../../../core/errors.ts'
import type { Matcher } from '../../store/index.ts'

export type ValueType = 'scalar' | 'string' | 'vector' | 'matrix'

/** Where a node stands in the query: offsets of its first character and behind its last. */
export interface Span {
  readonly from: number
  readonly to: number
}

export type AtModifier = { readonly kind: 'time'; readonly timeMs: number } | { readonly kind: 'start' } | { readonly kind: 'end' }

export interface NumberExpr extends Span {
  readonly kind: 'number'
  readonly value: number
  /** Whether it was written as a duration (`5m`): it is printed as one. */
  readonly isDuration?: boolean
}

export interface StringExpr extends Span {
  readonly kind: 'string'
  readonly value: string
}

/** A number in the arithmetic of a duration. */
export interface DurationNumber extends Span {
  readonly kind: 'durationNumber'
  readonly seconds: number
  readonly isDuration: boolean
}

export interface DurationNegation extends Span {
  readonly kind: 'durationNegation'
  readonly rhs: DurationExpr
  /** Whether it stood in parentheses, which are printed again. */
  readonly wrapped: boolean
}

export interface DurationBinary extends Span {
  readonly kind: 'durationBinary'
  readonly op: '+' | '-' | '*' | '/' | '%' | '^'
  readonly lhs: DurationExpr
  readonly rhs: DurationExpr
  readonly wrapped: boolean
}

/** What may stand in brackets and behind `offset`. Where it is more than a number, the node that it belongs to keeps it for printing. */
export type DurationExpr = DurationNumber | DurationNegation | DurationBinary

/** What `offset` and `@` say about a selector or a subquery. */
export interface TimeShift {
  /** Positive looks into the past. */
  readonly offsetMs: number | undefined
  readonly offsetExpr?: DurationExpr
  readonly at: AtModifier | undefined
}

export interface VectorSelectorExpr extends Span, TimeShift {
  readonly kind: 'vectorSelector'
  /** '' when the selector gives no name in front of its braces. */
  readonly name: string
  /** A name in front of the braces is the last of them, as a matcher of `__name__`. */
  readonly matchers: readonly Matcher[]
}

export interface MatrixSelectorExpr extends Span {
  readonly kind: 'matrixSelector'
  readonly selector: VectorSelectorExpr
  readonly rangeMs: number
  readonly rangeExpr?: DurationExpr
}

export interface SubqueryExpr extends Span, TimeShift {
  readonly kind: 'subquery'
  readonly expr: Expr
  readonly rangeMs: number
  readonly rangeExpr?: DurationExpr
  /** undefined means the engine's evaluation interval. */
  readonly stepMs: number | undefined
  readonly stepExpr?: DurationExpr
}

export interface CallExpr extends Span {
  readonly kind: 'call'
  readonly name: string
  readonly args: readonly Expr[]
  /** Of info(): all labels of `target_info`, those of `target_info` that a selector chooses, or those of the metrics that it names. */
  readonly infoLabels?: 'all' | 'chosen' | 'named'
}

const parameterOpNames = ['topk', 'bottomk', 'quantile', 'count_values', 'limitk', 'limit_ratio'] as const
type ParameterOp = (typeof parameterOpNames)[number]
/** Aggregations that take their vector in series by series and make one series of each group. */
export type FoldOp = 'sum' | 'avg' | 'min' | 'max' | 'count' | 'group' | 'stddev' | 'stdvar'
export type AggregateOp = FoldOp | ParameterOp

/** Aggregations with a parameter in front of the vector. */
export const parameterOps: ReadonlySet<AggregateOp> = new Set<AggregateOp>(parameterOpNames)

export function isFoldOp(op: AggregateOp): op is FoldOp {
  return !parameterOps.has(op)
}

export interface AggregateExpr extends Span {
  readonly kind: 'aggregate'
  readonly op: AggregateOp
  readonly expr: Expr
  readonly param: Expr | undefined
  readonly grouping: readonly string[]
  readonly without: boolean
}

export type ArithmeticOp = '+' | '-' | '*' | '/' | '%' | '^' | 'atan2'
export type ComparisonOp = '==' | '!=' | '>' | '<' | '>=' | '<='
export type SetOp = 'and' | 'or' | 'unless'
export type BinaryOp = ArithmeticOp | ComparisonOp | SetOp

export interface VectorMatching {
  /** Whether `labels` are the ones to compare (`on`) or the ones to leave out (`ignoring`, and no clause at all). */
  readonly on: boolean
  readonly labels: readonly string[]
  /** Which side may have several series per group: `left` is group_left. */
  readonly many: 'none' | 'left' | 'right'
  /** Labels to take over from the other side. */
  readonly include: readonly string[]
}

export interface BinaryExpr extends Span {
  readonly kind: 'binary'
  readonly op: BinaryOp
  readonly opSpan: Span
  readonly lhs: Expr
  readonly rhs: Expr
  readonly bool: boolean
  readonly matching: VectorMatching
}

export interface UnaryExpr extends Span {
  readonly kind: 'unary'
  readonly op: '+' | '-'
  readonly expr: Expr
}

export interface ParenExpr extends Span {
  readonly kind: 'paren'
  readonly expr: Expr
}

export type Expr =
  | NumberExpr
  | StringExpr
  | VectorSelectorExpr
  | MatrixSelectorExpr
  | SubqueryExpr
  | CallExpr
  | AggregateExpr
  | BinaryExpr
  | UnaryExpr
  | ParenExpr

export function isComparison(op: BinaryOp): op is ComparisonOp {
  return op === '==' || op === '!=' || op === '>' || op === '<' || op === '>=' || op === '<='
}

export function isSetOp(op: BinaryOp): op is SetOp {
  return op === 'and' || op === 'or' || op === 'unless'
}

/** The expression inside any parentheses. */
export function unwrap(expr: Expr): Exclude<Expr, ParenExpr> {
  let inner = expr
  while (inner.kind === 'paren') inner = inner.expr
  return inner
}

/** The text of an argument that the type check knows to be a string. */
export function stringOf(node: Expr): string {
  const inner = unwrap(node)
  if (inner.kind !== 'string') throw new Error(`type check let a ${inner.kind} pass for a string`)
  return inner.value
}

/** The expressions directly inside an expression. */
export function childrenOf(expr: Expr): readonly Expr[] {
  switch (expr.kind) {
    case 'number':
    case 'string':
    case 'vectorSelector':
      return []
    case 'matrixSelector':
      return [expr.selector]
    case 'subquery':
    case 'paren':
    case 'unary':
      return [expr.expr]
    case 'call':
      return expr.args
    case 'aggregate':
      return expr.param === undefined ? [expr.expr] : [expr.param, expr.expr]
    case 'binary':
      return [expr.lhs, expr.rhs]
    default:
      return assertNever(expr)
  }
}
