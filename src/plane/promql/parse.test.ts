import { expect, test } from 'vitest'
import type { Expr } from './ast.ts'
import { parse } from './parse.ts'
import { typecheck } from './typecheck.ts'

/** The tree, fully parenthesised. */
function show(expr: Expr): string {
  const shift = (node: { offsetMs: number | undefined; at: { kind: string; timeMs?: number } | undefined }) =>
    (node.at === undefined ? '' : `@${node.at.timeMs ?? node.at.kind}`) + (node.offsetMs === undefined ? '' : `-${node.offsetMs}`)
  switch (expr.kind) {
    case 'number':
      return String(expr.value)
    case 'string':
      return JSON.stringify(expr.value)
    case 'vectorSelector':
      return expr.name + shift(expr)
    case 'matrixSelector':
      return `${show(expr.selector)}[${expr.rangeMs}]`
    case 'subquery':
      return `${show(expr.expr)}[${expr.rangeMs}:${expr.stepMs ?? ''}]${shift(expr)}`
    case 'paren':
      return show(expr.expr)
    case 'unary':
      return `(${expr.op}${show(expr.expr)})`
    case 'binary':
      return `(${show(expr.lhs)} ${expr.op} ${show(expr.rhs)})`
    case 'call':
      return `${expr.name}(${expr.args.map(show).join(', ')})`
    case 'aggregate':
      return `${expr.op} ${expr.without ? 'without' : 'by'}(${expr.grouping.join(',')})(${[expr.param, expr.expr].flatMap((arg) => (arg === undefined ? [] : [show(arg)])).join(', ')})`
  }
}

// Precedence by https://prometheus.io/docs/prometheus/latest/querying/operators/#binary-operator-precedence
test.for([
  ['2 ^ 3 ^ 2', '(2 ^ (3 ^ 2))'],
  ['-2 ^ 2', '(-(2 ^ 2))'],
  ['-1 ^ 2 * 3', '((-(1 ^ 2)) * 3)'],
  ['2 ^ -3 * 4', '((2 ^ -3) * 4)'],
  ['2 * -a ^ 2', '(2 * (-(a ^ 2)))'],
  ['- - -1', '-1'],
  ['- # why\n 1', '-1'],
  ['1 - 2 - 3', '((1 - 2) - 3)'],
  ['8 / 4 % 3 * 2', '(((8 / 4) % 3) * 2)'],
  ['-a atan2 b', '((-a) atan2 b)'],
  ['a + b * c == d', '((a + (b * c)) == d)'],
  ['a or b and c unless d', '(a or ((b and c) unless d))'],
  ['a > b > c', '((a > b) > c)'],
  ['a + b offset 5m', '(a + b-300000)'],
  ['-a offset -5m', '(-a--300000)'],
  ['a * b @ 10 offset 1m', '(a * b@10000-60000)'],
  ['a ^ b[5m:1m] + 1', '((a ^ b[300000:60000]) + 1)'],
  ['a unless rate(b[90])', '(a unless rate(b[90000]))'],
  ['(a + b)[1h:] @ end()', '(a + b)[3600000:]@end'],
  ['a[5m] offset 1.5 @ -1.5', 'a@-1500-1500[300000]'],
  ['2. + 2.e1', '(2 + 20)'],
  ['SUM(a) BY (x, "y.z")', 'sum by(x,y.z)(a)'],
  ['topk without () (3, a)', 'topk without()(3, a)'],
  ['count_values("v", a)', 'count_values by()("v", a)'],
  ['# comment\nsum(a) # more', 'sum by()(a)'],
  ['sum + on', undefined],
  ['{"a.b", c="d"}', 'a.b'],
  ['sum', 'sum'],
] as const)('%s', ([query, want]) => {
  if (want === undefined) expect(() => parse(query)).toThrow(expect.objectContaining({ code: 'MW_PROMQL_PARSE' }))
  else expect(show(parse(query))).toBe(want)
})

const chain = (count: number, term: string, operator: string) => Array(count).fill(term).join(operator)
const nest = (count: number, open: string) => open.repeat(count) + 1 + ')'.repeat(count)

test.for([
  { why: 'short terms', query: chain(1001, '1', '+'), type: 'scalar' },
  { why: 'terms with much to read', query: chain(1001, 'a{b="c",d!~"e.*"} offset 5m', ' * on(x, y) group_left(z) '), type: 'vector' },
  { why: 'set operators', query: chain(1001, 'a{b="c"}', ' or '), type: 'vector' },
  { why: 'nesting', query: nest(400, '('), type: 'scalar' },
  { why: 'many matchers', query: `a{${chain(5000, 'b!="c"', ',')}}`, type: 'vector' },
])('reads a long query: $why', ({ query, type }) => expect(typecheck(query, parse(query))).toBe(type))

test.for([
  {
    why: 'short terms',
    query: chain(4900, '1', '+'),
    message: 'expression too long or nested too deep: its tree has more than 2400 levels',
  },
  {
    why: 'some more terms than allowed',
    query: chain(1002, '1', '+'),
    message: '1:2002: expression too long: more than 1000 operators in a row',
  },
  { why: 'thousands of set operators', query: chain(5000, 'a', ' or '), message: 'expression too long' },
  { why: 'chains in parentheses', query: `${'('.repeat(390)}1${`)${'+1'.repeat(7)}`.repeat(390)}`, message: 'expression too long' },
  { why: 'set operators', query: chain(1002, 'a', ' or '), message: '1:5003: expression too long' },
  { why: 'parentheses', query: nest(401, '('), message: '1:402: expression nested too deep: more than 400 levels' },
  { why: 'thousands of parentheses', query: nest(5000, '('), message: 'nested too deep' },
  { why: 'calls', query: nest(5000, 'abs('), message: 'nested too deep' },
  { why: 'aggregations', query: nest(3000, 'sum by (x) ('), message: 'nested too deep' },
  { why: 'operands', query: nest(3000, 'a + on(x) group_left(y) sum without (z) ('), message: 'nested too deep' },
  { why: 'comparisons', query: nest(3000, '1 > bool ('), message: 'nested too deep' },
  { why: 'signs', query: `${'- '.repeat(5000)}a`, message: 'nested too deep' },
  { why: 'powers', query: chain(5000, 'a', '^'), message: 'nested too deep' },
  { why: 'subqueries', query: `${'max_over_time('.repeat(1000)}a${'[5m:1m])'.repeat(1000)}`, message: 'nested too deep' },
])('says that a query is longer than it reads: $why', ({ query, message }) => {
  expect(() => parse(query)).toThrow(expect.objectContaining({ code: 'MW_PROMQL_LIMIT', message: expect.stringContaining(message) }))
})

test('a long query that is wrong is told where', () => {
  expect(() => parse(`${chain(900, 'a', ' or ')} or )`)).toThrow('1:4501: parse error: unexpected ")"')
})

test.for([
  ['', '1:1: parse error: no expression found in input'],
  ['1 +', '1:4: parse error: unexpected end of input'],
  ['sum(a', '1:6: parse error: unexpected end of input'],
  ['a b', '1:3: parse error: unexpected "b"'],
  ['a\n  + )', '2:5: parse error: unexpected ")"'],
  ['foo(a)', '1:1: parse error: unknown function with name "foo"'],
  ['{}', '1:1: parse error: vector selector must contain at least one non-empty matcher'],
  ['{a=~".*"}', '1:1: parse error: vector selector must contain at least one non-empty matcher'],
  ['a{b=~"("}', '1:1: parse error: error parsing regexp: missing closing ): "("'],
  ['a{__name__="b"}', '1:1: parse error: metric name must not be set twice: "a" or "b"'],
  ['a{b="c}', '1:8: parse error: unexpected end of input'],
  ['a{b="\\q"}', '1:5: parse error: unterminated or wrongly escaped string "\\q"'],
  ['a[0s]', '1:3: parse error: duration must be greater than 0'],
  ['sum(a)[5m]', '1:1: parse error: ranges only allowed for vector selectors'],
  ['a offset 1m [5m]', '1:1: parse error: no offset modifiers allowed before range'],
  ['a offset 1m offset 2m', '1:1: parse error: offset may not be set multiple times'],
  [
    '1 offset 1m',
    '1:1: parse error: offset modifier must be preceded by an instant vector selector or range vector selector or a subquery',
  ],
  ['a @ 1 @ 2', '1:1: parse error: @ <timestamp> may not be set multiple times'],
  ['a @ Inf', '1:5: parse error: timestamp out of bounds for @ modifier: Infinity'],
  ['sum()', '1:1: parse error: no arguments for aggregate expression provided'],
  ['topk(a)', '1:1: parse error: wrong number of arguments for aggregate expression provided, expected 2, got 1'],
  ['topk("x", a)', '1:6: parse error: expected type scalar in aggregation parameter, got string'],
  ['sum(1)', '1:5: parse error: expected type instant vector in aggregation expression, got scalar'],
  ['rate(a)', '1:6: parse error: expected type range vector in call to function "rate", got instant vector'],
  ['rate()', '1:1: parse error: expected 1 argument(s) in call to "rate", got 0'],
  ['round()', '1:1: parse error: expected at least 1 argument(s) in call to "round", got 0'],
  ['round(a, 1, 2)', '1:1: parse error: expected at most 2 argument(s) in call to "round", got 3'],
  ['1 > 2', '1:3: parse error: comparisons between scalars must use BOOL modifier'],
  ['1 + bool 2', '1:3: parse error: bool modifier can only be used on comparison operators'],
  ['1 and a', '1:3: parse error: set operator "and" not allowed in binary scalar expression'],
  ['a + on(x) 1', '1:3: parse error: vector matching only allowed between instant vectors'],
  ['a and on(x) group_left() b', '1:3: parse error: no grouping allowed for "and" operation'],
  ['a + on(x) group_left(x) b', '1:3: parse error: label "x" must not occur in ON and GROUP clause at once'],
  ['a[5m] + 1', '1:1: parse error: binary expression must contain only scalar and instant vector types'],
  ['-"x"', '1:1: parse error: unary expression only allowed on expressions of type scalar or instant vector, got "string"'],
  ['1[5m:]', '1:1: parse error: subquery is only allowed on instant vector, got scalar instead'],
] as const)('refuses %s', ([query, message]) => {
  expect(() => typecheck(query, parse(query))).toThrow(expect.objectContaining({ code: 'MW_PROMQL_PARSE', message }))
})

test.for([
  ['1 + info(a)', '1:5: the function info() is not supported'],
  ['histogram_sum(a)', '1:1: the function histogram_sum() is not supported'],
  ['limitk(2, a)', '1:1: the aggregation limitk is not supported'],
  ['rate(a[5m] anchored)', '1:11: the modifier anchored is not supported'],
  ['rate(a[5m + 1m])', '1:8: the duration expression 5m + 1m is not supported'],
  ['a + fill(0) b', '1:5: the modifier fill(0) is not supported'],
  ['a </ b', '1:3: the operator </ is not supported'],
  ['start()', '1:1: the function start() is not supported'],
] as const)('names what it does not know: %s', ([query, message]) => {
  expect(() => parse(query)).toThrow(expect.objectContaining({ code: 'MW_PROMQL_UNSUPPORTED', message }))
})
