import type { SyntaxNode } from '@lezer/common'
import { ModelwatchError } from '../../core/errors.ts'
import { METRIC_NAME } from '../../core/labels.ts'
import { compileMatcher, type Matcher, type MatchOp } from '../store/index.ts'
import {
  type AggregateOp,
  type AtModifier,
  aggregateOps,
  type BinaryOp,
  type Expr,
  type Span,
  type VectorMatching,
  type VectorSelectorExpr,
} from './ast.ts'
import { promqlErrors } from './errors.ts'
import { parseNumber, unquote } from './literals.ts'
import { nestedTooDeep, parseError, positionOf, tooLong, unsupported } from './position.ts'
import { signatures } from './signatures.ts'
import { children, failOnErrorNode, parseTree, withoutBareDots } from './syntax.ts'

/** Deepest nesting of expressions: each level costs stack when it is evaluated, and the grammar's own stack ends at some more. */
const DEPTH_MAX = 400
/** Most operators in a row, as in `a + b + c`: each costs stack when it is evaluated. */
const CHAIN_MAX = 1000

/**
 * Parses PromQL with the official grammar and turns the tree into our own.
 * @throws MW_PROMQL_PARSE with line and column; MW_PROMQL_UNSUPPORTED for what the grammar knows and the evaluator does not;
 *   MW_PROMQL_LIMIT for an expression that is nested too deep or has too many operators in a row.
 */
export function parse(text: string): Expr {
  const query = withoutBareDots(text)
  const tree = parseTree(query)
  failOnErrorNode(query, tree.topNode, DEPTH_MAX)
  const root = children(tree.topNode).find((node) => node.name !== 'LineComment')
  if (root === undefined) throw parseError(query, 0, 'no expression found in input')
  return new Converter(query).expression(root, 0)
}

/** One step of a flattened expression: see `Converter.expression`. */
type Item =
  | { readonly kind: 'atom'; readonly node: SyntaxNode; readonly span: Span }
  | { readonly kind: 'sign'; readonly op: '+' | '-'; readonly span: Span }
  | { readonly kind: 'operator'; readonly op: BinaryOp; readonly span: Span; readonly bool: boolean; readonly matching: VectorMatching }
  | { readonly kind: 'suffix'; readonly node: SyntaxNode; readonly span: Span }

const POWER = 6
const precedences: Readonly<Record<BinaryOp, number>> = {
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
}
const operatorNodes: Readonly<Record<string, BinaryOp>> = {
  Add: '+',
  Sub: '-',
  Mul: '*',
  Div: '/',
  Mod: '%',
  Pow: '^',
  Atan2: 'atan2',
  Eql: '==',
  Neq: '!=',
  Gtr: '>',
  Lss: '<',
  Gte: '>=',
  Lte: '<=',
  And: 'and',
  Or: 'or',
  Unless: 'unless',
}
const suffixNodes = new Set(['OffsetExpr', 'StepInvariantExpr', 'MatrixSelector', 'SubqueryExpr', 'AnchoredExpr', 'SmoothedExpr'])

class Converter {
  readonly #query: string

  constructor(query: string) {
    this.#query = query
  }

  /**
   * The grammar leaves open how tightly signs, `offset`, `@` and `[…]` bind (it reads `a + b offset 5m` as `(a + b) offset 5m`, and `-1^2` in
   * two ways). So the tree is flattened up to parentheses and calls, and put together again by Prometheus's own precedence.
   */
  expression(node: SyntaxNode, depth: number): Expr {
    if (depth > DEPTH_MAX) throw nestedTooDeep(this.#query, node.from, DEPTH_MAX)
    const items: Item[] = []
    this.#flatten(node, items)
    const reader = { items, at: 0 }
    return this.#climb(reader, 0, depth)
  }

  #flatten(node: SyntaxNode, items: Item[]): void {
    // An explicit stack: a chain of a thousand operators is a tree a thousand levels deep.
    const todo: (SyntaxNode | Item)[] = [node]
    while (todo.length > 0) {
      const next = todo.pop()!
      if ('kind' in next) {
        items.push(next)
        continue
      }
      if (next.name === 'BinaryExpr') {
        const parts = children(next)
        todo.push(parts.at(-1)!, this.#operator(parts), parts[0]!)
      } else if (next.name === 'UnaryExpr') {
        const [op, operand] = children(next)
        todo.push(operand!, { kind: 'sign', op: this.#text(op!) as '+' | '-', span: op! })
      } else if (suffixNodes.has(next.name)) {
        todo.push({ kind: 'suffix', node: next, span: next }, next.firstChild!)
      } else if (next.name === 'NumberDurationLiteral' && /^[+-]/.test(this.#text(next))) {
        const number = this.#unsigned(next)
        items.push({ kind: 'sign', op: this.#text(next)[0] as '+' | '-', span: next }, { kind: 'atom', node: next, span: number })
      } else {
        items.push({ kind: 'atom', node: next, span: next })
      }
    }
  }

  #operator(parts: readonly SyntaxNode[]): Item {
    const node = parts[1]!
    const op = operatorNodes[node.name]
    if (op === undefined) throw unsupported(this.#query, node.from, `the operator ${this.#text(node)}`)
    let bool = false
    let matching: VectorMatching = { on: false, labels: [], many: 'none', include: [] }
    for (const part of parts.slice(2, -1)) {
      if (part.name === 'BoolModifier') bool = true
      else if (part.name === 'MatchingModifierClause') matching = this.#matching(part)
      else throw unsupported(this.#query, part.from, `the modifier ${this.#text(part)}`)
    }
    return { kind: 'operator', op, span: node, bool, matching }
  }

  #matching(clause: SyntaxNode): VectorMatching {
    let on = false
    let many: VectorMatching['many'] = 'none'
    let labels: string[] = []
    let include: string[] = []
    for (const part of children(clause)) {
      if (part.name === 'On') on = true
      else if (part.name === 'GroupLeft') many = 'left'
      else if (part.name === 'GroupRight') many = 'right'
      else if (part.name === 'GroupingLabels') {
        if (many === 'none') labels = this.#grouping(part)
        else include = this.#grouping(part)
      }
    }
    return { on, labels, many, include }
  }

  /** Precedence climbing over the flattened items. */
  #climb(reader: { readonly items: readonly Item[]; at: number }, minimum: number, depth: number): Expr {
    if (depth > DEPTH_MAX) throw nestedTooDeep(this.#query, reader.items[reader.at]?.span.from ?? 0, DEPTH_MAX)
    let left = this.#operand(reader, depth)
    for (let operators = 1; ; operators++) {
      const item = reader.items[reader.at]
      if (item?.kind !== 'operator' || precedences[item.op] < minimum) return left
      reader.at++
      if (operators > CHAIN_MAX) throw tooLong(this.#query, item.span.from, CHAIN_MAX)
      const precedence = precedences[item.op]
      // Only the power is grouped from the right: 2^3^2 is 2^9.
      const rhs = this.#climb(reader, precedence === POWER ? precedence : precedence + 1, depth + 1)
      left = {
        kind: 'binary',
        op: item.op,
        opSpan: item.span,
        lhs: left,
        rhs,
        bool: item.bool,
        matching: item.matching,
        from: left.from,
        to: rhs.to,
      }
    }
  }

  #operand(reader: { readonly items: readonly Item[]; at: number }, depth: number): Expr {
    const item = reader.items[reader.at++]!
    if (item.kind === 'sign') {
      // A sign binds like a multiplication, so a power goes first: -2^2 is -4.
      const expr = this.#climb(reader, POWER, depth + 1)
      if (expr.kind === 'number')
        return { kind: 'number', value: item.op === '-' ? -expr.value : expr.value, from: item.span.from, to: expr.to }
      return { kind: 'unary', op: item.op, expr, from: item.span.from, to: expr.to }
    }
    if (item.kind !== 'atom') throw parseError(this.#query, 0, 'unexpected operator')
    let expr = this.#atom(item.node, item.span, depth)
    for (let next = reader.items[reader.at]; next?.kind === 'suffix'; next = reader.items[reader.at]) {
      reader.at++
      expr = this.#suffix(expr, next.node)
    }
    return expr
  }

  #atom(node: SyntaxNode, span: Span, depth: number): Expr {
    const { from, to } = span
    switch (node.name) {
      case 'NumberDurationLiteral':
        return { kind: 'number', value: this.#number(span), from, to }
      case 'StringLiteral':
        return { kind: 'string', value: this.#string(node), from, to }
      case 'ParenExpr':
        return { kind: 'paren', expr: this.expression(children(node)[0]!, depth + 1), from, to }
      case 'VectorSelector':
        return this.#selector(node)
      case 'FunctionCall':
        return this.#call(node, depth)
      case 'AggregateExpr':
        return this.#aggregate(node, depth)
      default:
        throw unsupported(this.#query, from, `${JSON.stringify(this.#text(node))} (${node.name})`)
    }
  }

  #call(node: SyntaxNode, depth: number): Expr {
    const [identifier, body] = children(node)
    const name = this.#text(identifier!)
    if (!signatures.has(name)) throw unsupported(this.#query, node.from, `the function ${name}()`)
    return { kind: 'call', name, args: children(body!).map((arg) => this.expression(arg, depth + 1)), from: node.from, to: node.to }
  }

  #aggregate(node: SyntaxNode, depth: number): Expr {
    const [operator, ...rest] = children(node)
    const op = this.#text(operator!).toLowerCase()
    if (!aggregateOps.includes(op as AggregateOp)) throw unsupported(this.#query, node.from, `the aggregation ${op}`)
    let grouping: string[] = []
    let without = false
    let args: Expr[] = []
    for (const part of rest) {
      if (part.name === 'AggregateModifier') {
        const [word, labels] = children(part)
        without = word!.name === 'Without'
        grouping = this.#grouping(labels!)
      } else args = children(part).map((arg) => this.expression(arg, depth + 1))
    }
    const wanted = op === 'topk' || op === 'bottomk' || op === 'quantile' || op === 'count_values' ? 2 : 1
    if (args.length === 0) throw parseError(this.#query, node.from, 'no arguments for aggregate expression provided')
    if (args.length !== wanted) {
      throw parseError(
        this.#query,
        node.from,
        `wrong number of arguments for aggregate expression provided, expected ${wanted}, got ${args.length}`,
      )
    }
    const param = wanted === 2 ? args[0] : undefined
    return { kind: 'aggregate', op: op as AggregateOp, expr: args[wanted - 1]!, param, grouping, without, from: node.from, to: node.to }
  }

  #grouping(node: SyntaxNode): string[] {
    return children(node).map((label) => (label.name === 'QuotedLabelName' ? this.#labelName(label.firstChild!) : this.#text(label)))
  }

  #labelName(node: SyntaxNode): string {
    const name = this.#string(node)
    if (name === '' || !name.isWellFormed())
      throw parseError(this.#query, node.from, `invalid label name for grouping: ${JSON.stringify(name)}`)
    return name
  }

  #selector(node: SyntaxNode): VectorSelectorExpr {
    const matchers: Matcher[] = []
    let name = ''
    for (const part of children(node)) {
      for (const matcher of part.name === 'Identifier' ? [part] : children(part)) {
        if (matcher.name === 'Identifier' || matcher.name === 'QuotedLabelName') {
          name = matcher.name === 'Identifier' ? this.#text(matcher) : this.#string(matcher.firstChild!)
          matchers.push({ name: METRIC_NAME, op: '=', value: name })
          continue
        }
        const [label, op, value] = children(matcher)
        const labelName = label!.name === 'QuotedLabelName' ? this.#string(label!.firstChild!) : this.#text(label!)
        matchers.push({ name: labelName, op: this.#text(op!) as MatchOp, value: this.#string(value!) })
      }
    }
    const names = matchers.filter((matcher) => matcher.name === METRIC_NAME)
    if (name !== '' && names.length > 1) {
      const quoted = names.map((matcher) => JSON.stringify(matcher.value))
      throw parseError(this.#query, node.from, `metric name must not be set twice: ${quoted[0]} or ${quoted[1]}`)
    }
    this.#checkMatchers(node, matchers)
    return { kind: 'vectorSelector', name, matchers, offsetMs: undefined, at: undefined, from: node.from, to: node.to }
  }

  #checkMatchers(node: SyntaxNode, matchers: readonly Matcher[]): void {
    let selective = false
    for (const matcher of matchers) {
      try {
        if (!compileMatcher(matcher).matchesEmpty) selective = true
      } catch (error) {
        if (!(error instanceof ModelwatchError)) throw error
        if (error.kind === 'unsupported')
          throw promqlErrors.MW_PROMQL_UNSUPPORTED(`${positionOf(this.#query, node.from)}: ${error.message}`, { cause: error })
        throw parseError(this.#query, node.from, error.message)
      }
    }
    if (!selective) throw parseError(this.#query, node.from, 'vector selector must contain at least one non-empty matcher')
  }

  #suffix(expr: Expr, node: SyntaxNode): Expr {
    const to = node.to
    switch (node.name) {
      case 'MatrixSelector': {
        const rangeMs = this.#duration(children(node)[1]!, true)
        if (expr.kind !== 'vectorSelector') throw parseError(this.#query, expr.from, 'ranges only allowed for vector selectors')
        if (expr.offsetMs !== undefined) throw parseError(this.#query, expr.from, 'no offset modifiers allowed before range')
        if (expr.at !== undefined) throw parseError(this.#query, expr.from, 'no @ modifiers allowed before range')
        return { kind: 'matrixSelector', selector: expr, rangeMs, from: expr.from, to }
      }
      case 'SubqueryExpr': {
        const [, range, step] = children(node)
        const stepMs = step === undefined ? undefined : this.#duration(step, true)
        return {
          kind: 'subquery',
          expr,
          rangeMs: this.#duration(range!, true),
          stepMs,
          offsetMs: undefined,
          at: undefined,
          from: expr.from,
          to,
        }
      }
      case 'OffsetExpr': {
        const offsetMs = this.#duration(children(node)[2]!, false)
        return this.#shift(expr, to, 'offset modifier', (now) => {
          if (now.offsetMs !== undefined) throw parseError(this.#query, expr.from, 'offset may not be set multiple times')
          return { offsetMs, at: now.at }
        })
      }
      case 'StepInvariantExpr': {
        const at = this.#at(children(node)[2]!)
        return this.#shift(expr, to, '@ modifier', (now) => {
          if (now.at !== undefined) throw parseError(this.#query, expr.from, '@ <timestamp> may not be set multiple times')
          return { offsetMs: now.offsetMs, at }
        })
      }
      default:
        throw unsupported(this.#query, expr.to, `the modifier ${node.name === 'AnchoredExpr' ? 'anchored' : 'smoothed'}`)
    }
  }

  #shift(
    expr: Expr,
    to: number,
    what: string,
    change: (now: { offsetMs: number | undefined; at: AtModifier | undefined }) => object,
  ): Expr {
    if (expr.kind === 'vectorSelector' || expr.kind === 'subquery') return { ...expr, ...change(expr), to }
    if (expr.kind === 'matrixSelector') return { ...expr, selector: { ...expr.selector, ...change(expr.selector) }, to }
    throw parseError(
      this.#query,
      expr.from,
      `${what} must be preceded by an instant vector selector or range vector selector or a subquery`,
    )
  }

  #at(node: SyntaxNode): AtModifier {
    if (node.name === 'AtModifierPreprocessors') return { kind: node.firstChild!.name === 'AtStart' ? 'start' : 'end' }
    const text = this.#text(node)
    const seconds = this.#number(this.#unsigned(node)) * (text[0] === '-' ? -1 : 1)
    const timeMs = Math.round(seconds * 1000)
    if (!Number.isSafeInteger(timeMs)) throw parseError(this.#query, node.from, `timestamp out of bounds for @ modifier: ${seconds}`)
    return { kind: 'time', timeMs }
  }

  /** A duration in brackets or behind `offset`: `5m`, `300`, and for `offset` a sign. Arithmetic on durations is not known. */
  #duration(node: SyntaxNode, positive: boolean): number {
    let sign = 1
    let inner = node
    for (;;) {
      const parts = children(inner)
      if (parts.length === 2 && parts[0]!.name === 'UnaryOp' && !positive) {
        if (this.#text(parts[0]!) === '-') sign = -sign
        inner = parts[1]!
      } else if (parts.length === 1 && this.#text(inner)[0] !== '(') inner = parts[0]!
      else break
    }
    if (inner.name !== 'NumberDurationLiteralInDurationContext')
      throw unsupported(this.#query, node.from, `the duration expression ${this.#text(node)}`)
    // Nanoseconds first, as in Prometheus, so that 1.5 and 1500ms are the same.
    const durationMs = Math.trunc(Math.round(this.#number(inner) * 1e9) / 1e6) * sign
    if (!Number.isSafeInteger(durationMs)) throw parseError(this.#query, node.from, 'duration out of range')
    if (positive && durationMs <= 0) throw parseError(this.#query, node.from, 'duration must be greater than 0')
    return durationMs
  }

  /** Where the digits of a number begin, past a sign and the blanks or comments behind it. */
  #unsigned(node: SyntaxNode): Span {
    const sign = /^(?:[+-](?:\s|#[^\n]*)*)?/.exec(this.#text(node))![0]
    return { from: node.from + sign.length, to: node.to }
  }

  #number(span: Span): number {
    const text = this.#query.slice(span.from, span.to)
    const value = parseNumber(text)
    if (value === undefined) throw parseError(this.#query, span.from, `error parsing number: ${JSON.stringify(text)}`)
    return value
  }

  #string(node: SyntaxNode): string {
    const text = unquote(this.#text(node))
    if (text === undefined) throw parseError(this.#query, node.from, `unterminated or wrongly escaped string ${this.#text(node)}`)
    return text
  }

  #text(node: SyntaxNode): string {
    return this.#query.slice(node.from, node.to)
  }
}
