import { array, assert, asyncProperty, constantFrom, double, integer, string, tuple, uniqueArray } from 'fast-check'
import { expect, test } from 'vitest'
import { formatLabels, toLabels } from '../../core/labels.ts'
import { formatNumber } from '../../core/number-text.ts'
import { readOpenMetrics } from './open-metrics.ts'
import { Collector, drain, inputOf } from './testing.ts'

const read = async (...pieces: string[]) => {
  const target = new Collector()
  await drain(readOpenMetrics(inputOf(...pieces), target))
  return target
}

test.for([
  { why: 'seconds become milliseconds', text: 'a 1 1700000000\n', want: { a: [[1_700_000_000_000, 1]] } },
  { why: 'three decimals are exact, though their double is not', text: 'a 1 1700000000.123\n', want: { a: [[1_700_000_000_123, 1]] } },
  { why: 'finer times go to the nearest millisecond', text: 'a 1 0.0016\n', want: { a: [[2, 1]] } },
  { why: 'times before 1970', text: 'a 1 -1.5\n', want: { a: [[-1500, 1]] } },
  {
    why: 'numbers in every form',
    text: 'a -0 1\na +Inf 2\na -1.5e-3 3\na 1e300 4\na NaN 5\na 123456789012345678 6\n',
    want: {
      a: [
        [1000, -0],
        [2000, Number.POSITIVE_INFINITY],
        [3000, -0.0015],
        [4000, 1e300],
        [5000, Number.NaN],
        [6000, 123456789012345680],
      ],
    },
  },
  {
    why: 'labels are sorted, empty ones left out, escapes undone',
    text: 'a{z="1",b="x\\"y\\\\\\n",e=""} 1 1\n',
    want: { 'a{b="x\\"y\\\\\\n", z="1"}': [[1000, 1]] },
  },
  { why: 'a name in quotes', text: '{"a.b",c="d"} 1 1\n', want: { '{__name__="a.b"}': undefined, 'a.b{c="d"}': [[1000, 1]] } },
  {
    why: 'one name is the beginning of another',
    text: 'a 1 1\nab 2 1\na 3 2\na{b="c"} 4 2\n',
    want: {
      a: [
        [1000, 1],
        [2000, 3],
      ],
      ab: [[1000, 2]],
      'a{b="c"}': [[2000, 4]],
    },
  },
  {
    why: 'bounds of buckets in one spelling',
    text: '# TYPE h histogram\nh_bucket{le="1"} 1 1\nh_bucket{le="+Inf"} 2 1\n',
    want: { 'h_bucket{le="1.0"}': [[1000, 1]], 'h_bucket{le="+Inf"}': [[1000, 2]] },
  },
  { why: 'an exemplar is left out', text: 'a_total 1 1 # {trace="x"} 0.5 1.5\n', want: { a_total: [[1000, 1]] } },
  { why: 'a brace inside a value', text: 'a{b="}"} 1 1\n', want: { 'a{b="}"}': [[1000, 1]] } },
])('$why', async ({ text, want }) => {
  const { samples } = await read(`${text}# EOF\n`)
  for (const [series, expected] of Object.entries(want)) expect(samples.get(series)).toEqual(expected)
})

test('what is said of a metric is told as it is complete', async () => {
  const { told } = await read('# TYPE a_seconds counter\n# UNIT a_seconds seconds\n# HELP a_seconds How \\"long\\".\n# EOF\n')
  expect(told.at(-1)).toBe('a_seconds counter How "long". seconds')
})

test.for(['# EOF', '# EOF\n'])('a file may be empty but for its end: %j', async (text) => {
  expect((await read(text)).samples.size).toBe(0)
})

test.for([
  { why: 'no time', text: 'a 1\n# EOF\n', message: 'in:1: the sample has no time, and without one it has no place' },
  { why: 'no time, an exemplar', text: 'a 1 # {b="c"} 1\n# EOF\n', message: 'in:1: the sample has no time' },
  { why: 'no value', text: 'b 1 1\na\n# EOF\n', message: 'in:2: expected value after metric, got the end of the line' },
  { why: 'a value that is none', text: 'a x 1\n# EOF\n', message: 'in:1: expected value after metric: "x" is not a number' },
  { why: 'a time that is none', text: 'a 1 1:2\n# EOF\n', message: 'in:1: expected timestamp: "1:2" is not a number' },
  { why: 'an infinite time', text: 'a 1 +Inf\n# EOF\n', message: 'in:1: invalid timestamp +Inf' },
  { why: 'a time beyond exact numbers', text: 'a 1 1e15\n# EOF\n', message: 'in:1: invalid timestamp 1e15' },
  { why: 'two blanks', text: 'a  1 1\n# EOF\n', message: 'in:1: expected value after metric, got " "' },
  { why: 'more behind the time', text: 'a 1 1 1\n# EOF\n', message: 'in:1: expected next entry after timestamp, got " "' },
  { why: 'an open brace', text: 'a{b="c" 1 1\n# EOF\n', message: 'in:1: expected comma or brace close, got " "' },
  { why: 'an open quote takes no other line', text: 'a{b="c 1 1\nd{e="f"} 1 1\n# EOF\n', message: 'in:1: expected label value, got "\\""' },
  { why: 'a label twice', text: 'a{b="1",b="2"} 1 1\n# EOF\n', message: 'in:1: label name "b" is not unique' },
  { why: 'a blank line', text: 'a 1 1\n\n# EOF\n', message: 'in:2: expected a valid start token, got the end of the line' },
  { why: 'a comment', text: '# hello\n# EOF\n', message: 'in:1: expected a valid start token, got "# hello"' },
  { why: 'a type that is none', text: '# TYPE a untyped\n# EOF\n', message: 'in:1: invalid metric type "untyped"' },
  { why: 'a unit that the name does not end in', text: '# UNIT a seconds\n# EOF\n', message: 'in:1: unit "seconds" not a suffix' },
  { why: 'more behind the end', text: 'a 1 1\n# EOF\na 1 2\n', message: 'in:3: unexpected data after # EOF' },
  { why: 'a blank line behind the end', text: '# EOF\n\n', message: 'in:2: unexpected data after # EOF' },
  { why: 'an exemplar without a value', text: 'a 1 1 # {b="c"}\n# EOF\n', message: 'in:1: expected value after exemplar labels' },
])('$why is refused with its line', async ({ text, message }) => {
  await expect(read(text)).rejects.toThrow(
    expect.objectContaining({ code: 'MW_BACKFILL_SYNTAX', message: expect.stringContaining(message) }),
  )
})

test.for([
  { text: '', line: 0 },
  { text: 'a 1 1\n', line: 1 },
  { text: 'a 1 1\na 2 2', line: 2 },
  { text: 'a 1 1\n# EO', line: 2 },
])('a file that is cut off is refused: $text', async ({ text, line }) => {
  await expect(read(text)).rejects.toThrow(
    expect.objectContaining({ code: 'MW_BACKFILL_NO_EOF', message: expect.stringContaining(`its last line is line ${line}`) }),
  )
})

test('any series reads back as it was written, wherever the text is cut', async () => {
  const names = string({ minLength: 1, maxLength: 3, unit: constantFrom('a', 'b', '_', 'é', '0', '{', '"') })
  const labels = uniqueArray(tuple(names, string({ maxLength: 5, unit: 'grapheme' })), { selector: ([name]) => name, maxLength: 3 })
  const line = tuple(constantFrom('a', 'ab', 'b:c'), labels, integer({ min: -(2 ** 43), max: 2 ** 43 }), double())
  const quote = (text: string) => `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')}"`
  await assert(
    asyncProperty(array(line), array(integer({ min: 0, max: 500 })), async (lines, cuts) => {
      const want = new Collector()
      let text = ''
      for (const [name, pairs, timeMs, value] of lines) {
        text += `${name}{${pairs.map(([n, v]) => `${quote(n)}=${quote(v)}`).join(',')}} ${formatNumber(value)} ${secondsText(timeMs)}\n`
        want.add({ labels: toLabels({ ...Object.fromEntries(pairs), __name__: name }), ref: 0 }, timeMs, value)
      }
      text += '# EOF\n'
      const pieces: string[] = []
      for (const cut of cuts) {
        pieces.push(text.slice(0, cut))
        text = text.slice(cut)
      }
      expect((await read(...pieces, text)).samples).toEqual(want.samples)
    }),
    { numRuns: 300 },
  )
})

/** Milliseconds as decimal seconds, exactly. */
function secondsText(timeMs: number): string {
  const digits = String(Math.abs(timeMs)).padStart(4, '0')
  return `${timeMs < 0 ? '-' : ''}${digits.slice(0, -3)}.${digits.slice(-3)}`
}

test('series are told apart by all their labels', () => {
  expect(formatLabels(toLabels({ __name__: 'a', b: 'c' }))).toBe('a{b="c"}')
})
