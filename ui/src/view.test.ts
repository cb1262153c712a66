import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseView, rangeNames, toSearch, type View } from './view.ts'

const text = fc.string({ minLength: 1, maxLength: 20, unit: 'grapheme' })

test('an address gives back the view it was made from', () => {
  const views: fc.Arbitrary<View> = fc.record({
    model: fc.option(text, { nil: undefined }),
    revision: fc.option(text, { nil: undefined }),
    range: fc.constantFrom(...rangeNames),
    atMs: fc.option(
      fc.integer({ min: 1, max: 2e9 }).map((seconds) => seconds * 1000),
      { nil: undefined },
    ),
    value: fc.option(text, { nil: undefined }),
    expr: text,
    tab: fc.constantFrom('graph', 'table'),
  })
  fc.assert(
    fc.property(views, (view) => {
      expect(parseView(toSearch(view))).toEqual(view)
    }),
  )
})

test('nothing chosen is an empty address', () => expect(toSearch(parseView(''))).toBe(''))

test.for([
  { search: '?range=2y', key: 'range', want: '15m' },
  { search: '?range=constructor', key: 'range', want: '15m' },
  { search: '?at=soon', key: 'atMs', want: undefined },
  { search: '?at=-5', key: 'atMs', want: undefined },
  { search: '?model=', key: 'model', want: undefined },
  { search: '?tab=pie', key: 'tab', want: 'graph' },
] as const)('$search is as if it were not there', ({ search, key, want }) => expect(parseView(search)[key]).toBe(want))
