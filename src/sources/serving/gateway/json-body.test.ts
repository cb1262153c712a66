import { expect, test } from 'vitest'
import { parseJsonBody } from './json-body.ts'

test.for([
  { why: 'JSON', text: '{"a":[1,"NaN"]}', want: { a: [1, 'NaN'] } },
  { why: 'a byte order mark', text: '\ufeff{"a":1}', want: { a: 1 } },
  { why: 'NaN', text: '{"a":NaN,"b":"say \\"NaN\\""}', want: { a: Number.POSITIVE_INFINITY, b: 'say "NaN"' } },
  { why: 'infinities', text: '[Infinity,-Infinity]', want: [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY] },
])('$why is read', ({ text, want }) => expect(parseJsonBody(text)).toEqual(want))

test.for(['', '{', '{"a":NaNa}', '{"a":"NaN', 'NaN NaN', '{"a":nan}'])('%j is not JSON', (text) => {
  expect(() => parseJsonBody(text)).toThrow(expect.objectContaining({ code: 'MW_BODY_INVALID' }))
})

test('hostile text costs one pass: a million escaped quotes and no end', () => {
  // A quadratic scan takes many minutes, and fails by the limit of every test.
  const text = `{"b":NaN,"a":"${'\\"'.repeat(1_000_000)}`
  expect(() => parseJsonBody(text)).toThrow(expect.objectContaining({ code: 'MW_BODY_INVALID' }))
})

test('a long string beside NaN is no obstacle', () => {
  const long = 'x'.repeat(5_000_000)
  expect(parseJsonBody(`{"a":"${long}","b":NaN}`)).toEqual({ a: long, b: Number.POSITIVE_INFINITY })
})
