import { METRIC_NAME } from '../../../core/labels.ts'
import { formatFixed } from '../../../core/number-text.ts'
import type { Matcher } from '../../store/contract.ts'
import {
  type AggregateOp,
  type AtModifier,
  type BinaryOp,
  type DurationExpr,
  type Expr,
  parameterOps,
  type VectorMatching,
  type VectorSelectorExpr,
} from './ast.ts'
import { literalDurationMs } from './duration-value.ts'
import { isSpace } from './lexer-scan.ts'
import { quote } from './literals.ts'
import { parseOffsetDuration, parsePositiveDuration } from './parse-duration.ts'
import { parseGrouping, parseMatchers } from './parse-labels.ts'
import { tooLong, treeTooDeep } from './position.ts'
import { experimentalAggregations, signatures } from './signatures.ts'
import { isAggregation, isMetricName, type Token, type TokenKind } from './token.ts'
import { type Place, TokenReader } from './token-reader.ts'

/** Most operators in a row, as in `a + b + c`: each makes the tree one level deeper. */
const CHAIN_MAX = 1000
/** Levels of the deepest tree; the evaluator goes down them one inside the other. */
const TREE_DEPTH_MAX = 1500

const POWER = 6
const precedences = new Map<string, number>(
  Object.entries({
    or: 1,
    and: 2,
    unless: 2,
    '==': 3,
    '!=': 3,
    '>': 3,
    '<': 3,
    '>=': 3,
    '<=': 3,
    '+': 4,
    '-': 4,
    '*': 5,
    '/': 5,
    '%': 5,
    atan2: 5,
    '^': POWER,
  } satisfies Record<BinaryOp, number>),
)

/*
 * Places where Prometheus tells what it expected. An error inside of one of them, however deep, is told as of the innermost place that is
 * still open; so a place is handed down to whatever is read within it.
 */
const outermost: Place = { place: '', expected: '' }
const inAggregation: Place = { place: 'aggregation', expected: '' }
const behindOffset: Place = { place: 'offset', expected: 'number or duration' }
const behindAt: Place = { place: '@', expected: 'timestamp' }
const inBrackets: Place = { place: 'subquery selector', expected: 'number or duration' }
const behindRange: Place = { place: 'subquery or range', expected: '":" or "]"' }
const behindColon: Place = { place: 'subquery selector', expected: 'number or duration or "]"' }
const behindStep: Place = { place: 'subquery selector', expected: '"]"' }

/** Reads one query, from left to right, by precedence climbing. What it builds is not yet checked for types. */
export class ExpressionParser {
  readonly #reader: TokenReader
  readonly #experimental: boolean
  /** Levels of the tree that was built last. */
  #height = 0

  constructor(query: string, experimental: boolean) {
    this.#reader = new TokenReader(query)
    this.#experimental = experimental
  }

  /** @throws MW_PROMQL_PARSE, MW_PROMQL_UNSUPPORTED, MW_PROMQL_LIMIT */
  parse(): Expr {
    const reader = this.#reader
    if (reader.peek().kind === 'end of input') throw reader.error(0, 'no expression found in input')
    const expr = this.#expression(outermost, 0, 0)
    reader.expect('end of input', outermost)
    return expr
  }

  /** To be called when everything else is right; see `Lexer.refuseLetterColon`. @throws MW_PROMQL_PARSE */
  refuseLetterColon(): void {
    this.#reader.refuseLetterColon()
  }

  /** Reads a series selector and nothing else. @throws as above. */
  parseSelector(): VectorSelectorExpr {
    const reader = this.#reader
    const token = reader.peek()
    if (token.kind !== '{' && !isMetricName(token.kind)) reader.unexpected(outermost)
    const selector = this.#selector(token.kind === '{' ? undefined : reader.take())
    reader.expect('end of input', outermost)
    return selector
  }

  #expression(place: Place, minimum: number, depth: number): Expr {
    const reader = this.#reader
    reader.checkDepth(depth)
    let lhs = this.#operand(place, depth)
    let height = this.#height
    for (let operators = 1; ; operators++) {
      const operator = reader.peek()
      const precedence = precedences.get(operator.kind)
      if (precedence === undefined || precedence < minimum) break
      reader.take()
      if (operators > CHAIN_MAX) throw tooLong(reader.query, operator.from, CHAIN_MAX)
      const op = operator.kind as BinaryOp
      const { bool, matching } = this.#modifiers()
      // Only the power is grouped from the right: 2^3^2 is 2^9.
      const rhs = this.#expression(place, precedence === POWER ? POWER : precedence + 1, depth + 1)
      lhs = { kind: 'binary', op, opSpan: this.#operatorSpan(lhs, operator), lhs, rhs, bool, matching, from: lhs.from, to: rhs.to }
      height = Math.max(height, this.#height) + 1
      if (height > TREE_DEPTH_MAX) throw treeTooDeep(reader.query, operator.from, TREE_DEPTH_MAX)
    }
    this.#height = height
    return lhs
  }

  /** Prometheus points at what follows the left side, which may be a comment. */
  #operatorSpan(lhs: Expr, operator: Token): { from: number; to: number } {
    let from = lhs.to
    while (isSpace(this.#reader.query.charCodeAt(from))) from++
    return { from, to: operator.to }
  }

  #modifiers(): { bool: boolean; matching: VectorMatching } {
    const reader = this.#reader
    const bool = reader.accept('bool') !== undefined
    const none: VectorMatching = { on: false, labels: [], many: 'none', include: [] }
    const word = reader.accept('on') ?? reader.accept('ignoring')
    if (word === undefined) return { bool, matching: none }
    const labels = parseGrouping(reader)
    const group = reader.accept('group_left') ?? reader.accept('group_right')
    // Its labels may be left out, but only in front of the right side: of anything else Prometheus says that they are missing.
    const hasLabels = group !== undefined && (reader.peek().kind === '(' || !beginsExpression(reader.peek().kind))
    const include = hasLabels ? parseGrouping(reader) : []
    const many = group === undefined ? 'none' : group.kind === 'group_left' ? 'left' : 'right'
    return { bool, matching: { on: word.kind === 'on', labels, many, include } }
  }

  #operand(place: Place, depth: number): Expr {
    const sign = this.#reader.accept('+') ?? this.#reader.accept('-')
    if (sign === undefined) return this.#suffixed(this.#atom(place, depth), depth)
    // A sign binds like a multiplication, so a power goes first: -2^2 is -4.
    const expr = this.#expression(place, POWER, depth + 1)
    this.#height++
    const negative = sign.kind === '-'
    if (expr.kind === 'number') return { ...expr, value: negative ? -expr.value : expr.value, from: sign.from }
    return { kind: 'unary', op: negative ? '-' : '+', expr, from: sign.from, to: expr.to }
  }

  #atom(place: Place, depth: number): Expr {
    const reader = this.#reader
    this.#height = 1
    const token = reader.peek()
    const { from, to } = token
    switch (token.kind) {
      case 'number':
      case 'duration': {
        reader.take()
        const value = reader.numberOf(token)
        return { kind: 'number', value, ...(token.kind === 'duration' && { isDuration: true }), from, to }
      }
      case 'string':
        reader.take()
        return { kind: 'string', value: reader.stringOf(token), from, to }
      case '{':
        return this.#selector(undefined)
      case '(': {
        reader.take()
        const expr = this.#expression(place, 0, depth + 1)
        reader.expect(')', place)
        this.#height++
        return { kind: 'paren', expr, from, to: reader.lastTo }
      }
      default:
        return this.#word(token, place, depth)
    }
  }

  /** A word may begin a call or an aggregation, or be the name of a metric: what follows decides. */
  #word(token: Token, place: Place, depth: number): Expr {
    const reader = this.#reader
    if (!isMetricName(token.kind)) return reader.unexpected(place)
    reader.take()
    const next = reader.peek().kind
    if (isAggregation(token.kind) && (next === '(' || next === 'by' || next === 'without')) return this.#aggregate(token, depth)
    if (token.kind === 'identifier' && next === '(') return this.#call(token, place, depth)
    return this.#selector(token)
  }

  #call(token: Token, place: Place, depth: number): Expr {
    const reader = this.#reader
    const args = this.#arguments(place, depth)
    const signature = signatures.get(token.text)
    if (signature === undefined) throw reader.error(token.from, `unknown function with name ${quote(token.text)}`)
    if (signature.experimental && !this.#experimental) throw reader.error(token.from, `function ${quote(token.text)} is not enabled`)
    return { kind: 'call', name: token.text, args, from: token.from, to: reader.lastTo }
  }

  #arguments(place: Place, depth: number): Expr[] {
    const reader = this.#reader
    reader.expect('(', place)
    const args: Expr[] = []
    let height = 0
    if (reader.accept(')') === undefined) {
      for (;;) {
        args.push(this.#expression(place, 0, depth + 1))
        height = Math.max(height, this.#height)
        const comma = reader.accept(',')
        if (comma === undefined) break
        if (!beginsExpression(reader.peek().kind)) throw reader.error(comma.from, 'trailing commas not allowed in function call args')
      }
      reader.expect(')', place)
    }
    this.#height = height + 1
    return args
  }

  #aggregate(token: Token, depth: number): Expr {
    const reader = this.#reader
    const op = token.kind as AggregateOp
    let modifier = this.#grouping()
    const args = this.#arguments(inAggregation, depth)
    modifier ??= this.#grouping()
    const { grouping = [], without = false } = modifier ?? {}
    if (args.length === 0) throw reader.error(token.from, 'no arguments for aggregate expression provided')
    if (experimentalAggregations.has(op) && !this.#experimental)
      throw reader.error(token.from, `${op}() is experimental and must be enabled with --enable-feature=promql-experimental-functions`)
    const wanted = parameterOps.has(op) ? 2 : 1
    if (args.length !== wanted) {
      const message = `wrong number of arguments for aggregate expression provided, expected ${wanted}, got ${args.length}`
      throw reader.error(token.from, message)
    }
    const param = wanted === 2 ? args[0] : undefined
    return { kind: 'aggregate', op, expr: args[wanted - 1]!, param, grouping, without, from: token.from, to: reader.lastTo }
  }

  #grouping(): { grouping: string[]; without: boolean } | undefined {
    const word = this.#reader.accept('by') ?? this.#reader.accept('without')
    return word === undefined ? undefined : { grouping: parseGrouping(this.#reader), without: word.kind === 'without' }
  }

  #selector(name: Token | undefined): VectorSelectorExpr {
    const reader = this.#reader
    const from = name?.from ?? reader.peek().from
    const matchers: Matcher[] = name === undefined || reader.peek().kind === '{' ? parseMatchers(reader) : []
    if (name !== undefined) matchers.push({ name: METRIC_NAME, op: '=', value: name.text })
    return { kind: 'vectorSelector', name: name?.text ?? '', matchers, offsetMs: undefined, at: undefined, from, to: reader.lastTo }
  }

  /** Ranges, subqueries, `offset` and `@` bind closer than anything else, and to whatever stands in front of them. */
  #suffixed(atom: Expr, depth: number): Expr {
    const reader = this.#reader
    let expr = atom
    for (let suffixes = 0; ; suffixes++) {
      reader.checkDepth(depth + suffixes)
      const token = reader.peek()
      if (token.kind === '[') expr = this.#bracketed(expr, depth)
      else if (token.kind === 'offset') {
        reader.take()
        expr = this.#withOffset(expr, parseOffsetDuration(reader, behindOffset, depth + 1))
      } else if (token.kind === '@') {
        reader.take()
        expr = this.#at(expr)
      } else return expr
    }
  }

  #bracketed(expr: Expr, depth: number): Expr {
    const reader = this.#reader
    const bracket = reader.take()
    const range = parsePositiveDuration(reader, inBrackets, depth + 1)
    const ofRange = { rangeMs: literalDurationMs(range), ...(range.kind !== 'durationNumber' && { rangeExpr: range }) }
    const { from } = expr
    if (reader.accept(':') === undefined) {
      reader.expect(']', behindRange)
      if (expr.kind !== 'vectorSelector') throw reader.error(bracket.from, 'ranges only allowed for vector selectors')
      // Arithmetic is not looked at: `a offset (1m + 1m)[5m]` is `a[5m] offset (1m + 1m)`.
      if (expr.offsetExpr === undefined && hasOffset(expr)) throw reader.error(bracket.from, 'no offset modifiers allowed before range')
      if (expr.at?.kind === 'time') throw reader.error(bracket.from, 'no @ modifiers allowed before range')
      return { kind: 'matrixSelector', selector: expr, ...ofRange, from, to: reader.lastTo }
    }
    let step: DurationExpr | undefined
    if (reader.accept(']') === undefined) {
      step = parsePositiveDuration(reader, behindColon, depth + 1)
      reader.expect(']', behindStep)
    }
    this.#height++
    const stepMs = step === undefined ? undefined : literalDurationMs(step)
    const ofStep = { stepMs, ...(step !== undefined && step.kind !== 'durationNumber' && { stepExpr: step }) }
    return { kind: 'subquery', expr, ...ofRange, ...ofStep, offsetMs: undefined, at: undefined, from, to: reader.lastTo }
  }

  #withOffset(expr: Expr, duration: DurationExpr): Expr {
    const selector = expr.kind === 'matrixSelector' ? expr.selector : expr
    if (selector.kind !== 'vectorSelector' && selector.kind !== 'subquery') throw this.#misplaced(expr, 'offset modifier')
    if (hasOffset(selector)) throw this.#reader.error(expr.from, 'offset may not be set multiple times')
    const offset = { offsetMs: literalDurationMs(duration), ...(duration.kind !== 'durationNumber' && { offsetExpr: duration }) }
    return this.#shifted(expr, offset)
  }

  #at(expr: Expr): Expr {
    const reader = this.#reader
    const at = this.#timestamp(expr)
    const selector = expr.kind === 'matrixSelector' ? expr.selector : expr
    if (selector.kind !== 'vectorSelector' && selector.kind !== 'subquery') throw this.#misplaced(expr, '@ modifier')
    if (selector.at !== undefined) throw reader.error(expr.from, '@ <timestamp> may not be set multiple times')
    return this.#shifted(expr, { at })
  }

  #timestamp(expr: Expr): AtModifier {
    const reader = this.#reader
    const word = reader.accept('start') ?? reader.accept('end')
    if (word !== undefined) {
      reader.expect('(', behindAt)
      reader.expect(')', behindAt)
      return { kind: word.kind as 'start' | 'end' }
    }
    const sign = reader.accept('+') ?? reader.accept('-')
    const token = reader.accept('number') ?? reader.accept('duration') ?? reader.unexpected(behindAt)
    const seconds = reader.numberOf(token) * (sign?.kind === '-' ? -1 : 1)
    if (!(Math.abs(seconds) < 2 ** 63)) throw reader.error(expr.from, `timestamp out of bounds for @ modifier: ${formatFixed(seconds, 6)}`)
    // Halves away from 0. No sample is as far away as 2^53 ms, so nothing is lost by stopping there. Adding 0 makes -0 plain.
    const timeMs = Math.sign(seconds) * Math.min(Math.round(Math.abs(seconds) * 1000), Number.MAX_SAFE_INTEGER) + 0
    return { kind: 'time', timeMs }
  }

  #shifted(expr: Expr, change: object): Expr {
    const to = this.#reader.lastTo
    return expr.kind === 'matrixSelector' ? { ...expr, selector: { ...expr.selector, ...change }, to } : { ...expr, ...change, to }
  }

  #misplaced(expr: Expr, what: string): Error {
    const message = `${what} must be preceded by an instant vector selector or range vector selector or a subquery`
    return this.#reader.error(expr.from, message)
  }
}

function beginsExpression(kind: TokenKind): boolean {
  return isMetricName(kind) || startSigns.has(kind)
}

const startSigns = new Set<TokenKind>(['+', '-', '(', '{', 'string', 'number', 'duration'])

/** An offset of nothing counts as none, as in Prometheus. */
function hasOffset({ offsetMs, offsetExpr }: { offsetMs: number | undefined; offsetExpr?: DurationExpr }): boolean {
  return offsetExpr !== undefined || (offsetMs !== undefined && offsetMs !== 0)
}
