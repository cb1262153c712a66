import { expect, test } from 'vitest'
import type { Expr } from './ast.ts'
import { formatQuery } from './format.ts'
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
      return (expr.name === '' ? `{${expr.matchers[0]!.value}}` : expr.name) + shift(expr)
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
  ['a ^ last_over_time(b[5m:1m]) + 1', '((a ^ last_over_time(b[300000:60000])) + 1)'],
  ['a unless rate(b[90])', '(a unless rate(b[90000]))'],
  ['(a + b)[1h:] @ end()', '(a + b)[3600000:]@end'],
  ['a[5m] offset 1.5 @ -1.5', 'a@-1500-1500[300000]'],
  ['2. + 2.e1', '(2 + 20)'],
  ['SUM(a) BY (x, "y.z")', 'sum by(x,y.z)(a)'],
  ['topk without () (3, a)', 'topk without()(3, a)'],
  ['count_values("v", a)', 'count_values by()("v", a)'],
  ['# comment\nsum(a) # more', 'sum by()(a)'],
  ['sum + on', undefined],
  ['{"a.b", c="d"}', '{a.b}'],
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
    message: '1:2002: expression too long: more than 1000 operators in a row',
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
  expect(() => parse(`${chain(900, 'a', ' or ')} or )`)).toThrow("1:4502: parse error: unexpected right parenthesis ')'")
})

test.for([
  ['', 'unknown position: parse error: no expression found in input'],
  [' # nothing\n', '1:1: parse error: no expression found in input'],
  ['a\n  + )', "2:6: parse error: unexpected right parenthesis ')'"],
  ['"é" + é', "1:8: parse error: unexpected character: 'é'"],
] as const)('tells where %j goes wrong', ([query, message]) => expect(() => parse(query)).toThrow(message))

// Durations are whole milliseconds; precedence is that of numbers.
test.for([
  ['a[5m*2]', 'a[600000]'],
  ['a[2^3^2]', 'a[512000]'],
  ['a[-2^2+5]', 'a[1000]'],
  ['a[1+2*3]', 'a[7000]'],
  ['a[(1+2)*3]', 'a[9000]'],
  ['a[-(1-3)*1m]', 'a[120000]'],
  ['a[1m%7]', 'a[4000]'],
  ['a[1h/2:1m/2]', 'a[1800000:30000]'],
  ['a offset (1h+2)', 'a-3602000'],
  ['a offset -(1h/2)', 'a--1800000'],
  ['a offset -1h*2', '(a--3600000 * 2)'],
  ['a offset --1h*2', 'a-7200000'],
  ['a offset (1h)*2 > 1', '(a-7200000 > 1)'],
  ['a offset 1h^2', '(a-3600000 ^ 2)'],
  ['sum(rate(a[5m+5m] offset (1h-30m) @ end()))', 'sum by()(rate(a@end-1800000[600000]))'],
] as const)('computes %s', ([query, want]) => expect(show(parse(query))).toBe(want))

test('the deepest tree that is read can be printed, too', () => {
  const query = `${'('.repeat(250)}a${`)${'+1'.repeat(4)}`.repeat(250)}`
  expect(formatQuery(query)).toContain('a')
  expect(() => parse(`${'('.repeat(390)}a${`)${'+1'.repeat(4)}`.repeat(390)}`)).toThrow('its tree has more than 1500 levels')
})
