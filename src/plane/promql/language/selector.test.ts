import { expect, test } from 'vitest'
import { parseSelector } from './selector.ts'

test('a selector is its matchers', () => {
  expect(parseSelector('up{job=~"a|b",zone!=""}')).toEqual([
    { name: 'job', op: '=~', value: 'a|b' },
    { name: 'zone', op: '!=', value: '' },
    { name: '__name__', op: '=', value: 'up' },
  ])
})

test.for(['sum', 'by', 'a:b', '{"a.b"}', 'up{__name__="up"}', '{job="x",}', 'up # all'])('%s is one', (text) => {
  expect(parseSelector(text)).not.toEqual([])
})

// What Prometheus 3.5.3 says of each as match[], but for the last two, which the API tells in words of its own.
test.for([
  ['up[5m]', '1:3: parse error: unexpected "["'],
  ['up offset 5m', '1:4: parse error: unexpected <offset>'],
  ['rate(up[5m])', '1:5: parse error: unexpected "("'],
  ['up down', '1:4: parse error: unexpected identifier "down"'],
  ['1', '1:1: parse error: unexpected number "1"'],
  ['"up"', '1:1: parse error: unexpected string "\\"up\\""'],
  ['', 'unknown position: parse error: unexpected end of input'],
  ['up{', '1:4: parse error: unexpected end of input inside braces'],
  ['{}', '1:1: parse error: vector selector must contain at least one non-empty matcher'],
  ['{job=~".*"}', '1:1: parse error: vector selector must contain at least one non-empty matcher'],
] as const)('%s is none', ([text, message]) => {
  expect(() => parseSelector(text)).toThrow(expect.objectContaining({ code: 'MW_PROMQL_PARSE', message }))
})
