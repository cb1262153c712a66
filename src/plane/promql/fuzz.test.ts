import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ModelwatchError } from '../../core/errors.ts'
import { parseQueryTree } from './language/expr-json.ts'
import { formatQuery } from './language/format.ts'
import { parse } from './language/parse.ts'
import { QueryTexts } from './testing/query-texts.ts'

const numRuns = Number(process.env.MODELWATCH_FUZZ_CASES ?? 10_000)
const seed = Number(process.env.MODELWATCH_FUZZ_SEED ?? Math.trunc(Math.random() * 2 ** 31))
console.log(`PromQL texts: MODELWATCH_FUZZ_SEED=${seed} MODELWATCH_FUZZ_CASES=${numRuns}`)

/** Whether the text was read. Anything thrown but an error with a place is a failure. */
function isRead(query: string): boolean {
  try {
    parse(query, { experimentalFunctions: true })
    return true
  } catch (error) {
    if (error instanceof ModelwatchError && /^(?:\d+:\d+|unknown position): /.test(error.message)) return false
    throw error
  }
}

const mixed = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 60 }),
  fc.array(fc.constantFrom(...'(){}[],:=~!<>+-*/%^@#"\'`\\ \n.0159aexsmhd_é'), { maxLength: 60 }).map((chars) => chars.join('')),
  fc.integer().map((textSeed) => new QueryTexts(textSeed).next()),
)

test('any text is read or refused with a place', () => {
  fc.assert(
    fc.property(mixed, (query) => {
      isRead(query)
    }),
    { numRuns, seed },
  )
}, 600_000)

test('what is printed reads back, and prints the same again', () => {
  const texts = new QueryTexts(seed)
  for (let i = 0; i < numRuns; i++) {
    const query = texts.next()
    // Durations may be such that cannot be computed.
    if (!isRead(query)) continue
    // Prometheus prints neither parentheses around a number behind offset, where they decide how far it goes, nor the empty selector of info().
    if (/offset\s*[-+(#]|\{\s*\}/.test(query)) continue
    const printed = formatQuery(query)
    // Infinity is printed with its sign; read again in front of a power, that is the sign of the power.
    if (printed.includes('+Inf ^')) continue
    expect(formatQuery(printed), query).toBe(printed)
    expect(withSortedMatchers(parseQueryTree(printed)), query).toEqual(withSortedMatchers(parseQueryTree(query)))
  }
}, 600_000)

/** Printing sorts matchers. */
function withSortedMatchers(tree: unknown): unknown {
  return JSON.parse(JSON.stringify(tree), (key, value) =>
    key === 'matchers' ? value.map((matcher: unknown) => JSON.stringify(matcher)).sort() : value,
  )
}

// A million characters, read to their end or refused, in time that grows with their number alone.
test.for([
  { why: 'parentheses', query: '('.repeat(1e6) },
  { why: 'pairs of them', query: `${'('.repeat(5e5)}1${')'.repeat(5e5)}` },
  { why: 'signs', query: `${'-'.repeat(1e6)}1` },
  { why: 'powers', query: '2^'.repeat(5e5) },
  { why: 'sums', query: '1+'.repeat(5e5) },
  { why: 'calls', query: 'abs('.repeat(2.5e5) },
  { why: 'aggregations', query: 'sum by (x) ('.repeat(8e4) },
  { why: 'subqueries', query: `a${'[5m:1m]'.repeat(1.4e5)}` },
  { why: 'offsets', query: `a${' offset 5m'.repeat(1e5)}` },
  { why: 'brackets', query: '['.repeat(1e6) },
  { why: 'durations', query: `a[${'1+'.repeat(5e5)}1]` },
  { why: 'durations in parentheses', query: `a[${'('.repeat(1e6)}` },
  { why: 'signs of durations', query: `a[${'-'.repeat(1e6)}1]` },
  { why: 'matchers', query: `a{${'b="c",'.repeat(1.6e5)}}` },
  { why: 'labels', query: `sum by (${'x,'.repeat(5e5)}) (a)` },
  { why: 'arguments', query: `label_join(a, "b", ",",${'"c",'.repeat(2.4e5)}"d")` },
  { why: 'a string', query: `"${'é'.repeat(5e5)}"` },
  { why: 'a string without an end', query: `"${'x'.repeat(1e6)}` },
  { why: 'escapes', query: `"${'\\n'.repeat(5e5)}"` },
  { why: 'a word', query: 'x'.repeat(1e6) },
  { why: 'digits', query: '1'.repeat(1e6) },
  { why: 'digits and underscores', query: '1_'.repeat(5e5) },
  { why: 'a duration', query: '1s1m'.repeat(2.5e5) },
  { why: 'blanks', query: ' '.repeat(1e6) },
  { why: 'comments', query: '#\n'.repeat(5e5) },
  { why: 'lines before an error', query: `${'\n'.repeat(1e6)})` },
  { why: 'letters beyond ASCII', query: '😀'.repeat(5e5) },
])('a long text: $why', ({ query }) => {
  const started = performance.now()
  isRead(query)
  expect(performance.now() - started).toBeLessThan(5000)
})
