import { expect, test } from 'vitest'
import { parseSelector } from './selector.ts'

test('a selector is its matchers', () => {
  expect(parseSelector('up{job=~"a|b",zone!=""}')).toEqual(
    expect.arrayContaining([
      { name: '__name__', op: '=', value: 'up' },
      { name: 'job', op: '=~', value: 'a|b' },
      { name: 'zone', op: '!=', value: '' },
    ]),
  )
})

test.for(['up[5m]', 'up offset 5m', 'up @ 3', 'rate(up[5m])', '1', '"up"', '{job=~".*"}', '', 'up{'])('%s is none', (text) => {
  expect(() => parseSelector(text)).toThrow(expect.objectContaining({ code: 'MW_PROMQL_PARSE' }))
})
