import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseAnswer, toBareInteger } from './json-text.ts'

test.for([
  { why: 'a number that is none', text: '{"a": NaN}', want: { a: null } },
  { why: 'infinities', text: '[Infinity, -Infinity]', want: [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY] },
  { why: 'the same words in a text', text: '["NaN", NaN, "a\\"NaN", "\\\\", NaN]', want: ['NaN', null, 'a"NaN', '\\', null] },
])('$why', ({ text, want }) => expect(parseAnswer(text, { wide: false })).toEqual(want))

test.for(['', '<html>', '{"a": NaNa}', '["NaN', 'NaN"', '{"a": "NaN\\'])('%s is not JSON', (text) => {
  expect(() => parseAnswer(text, { wide: false })).toThrow(SyntaxError)
})

test('whole numbers of 64 bits keep every digit where that is asked for', () => {
  const text = '[9223372036854775807, -9223372036854775808, 18446744073709551615, 9007199254740991, 1e300, 1.5, NaN]'
  expect(parseAnswer(text, { wide: true })).toEqual([2n ** 63n - 1n, -(2n ** 63n), 2n ** 64n - 1n, 9007199254740991, 1e300, 1.5, null])
  expect(parseAnswer('[9223372036854775807]', { wide: false })).toEqual([2 ** 63])
  expect(JSON.stringify({ a: toBareInteger(2n ** 64n - 1n) })).toBe('{"a":18446744073709551615}')
})

test('what is JSON is read as JSON, words that are none beside it', () => {
  const property = fc.property(fc.json(), (text) => {
    expect(parseAnswer(text, { wide: false })).toEqual(JSON.parse(text))
    expect(parseAnswer(`[NaN, ${text}, NaN]`, { wide: false })).toEqual([null, JSON.parse(text), null])
  })
  fc.assert(property, { numRuns: 300 }) // A failure prints its seed.
})

test('a text of megabytes beside such a word is read in one pass', () => {
  const long = 'A'.repeat(8_000_000)
  expect(parseAnswer(`[NaN, "${long}"]`, { wide: false })).toEqual([null, long])
})
