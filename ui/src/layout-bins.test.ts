import fc from 'fast-check'
import { expect, test } from 'vitest'
import { toBins } from './bins.ts'
import { layoutBins } from './layout-bins.ts'

const labels = fc.oneof(
  fc.uniqueArray(fc.integer({ min: -1000, max: 1000 }), { minLength: 2, maxLength: 25 }).map((edges) => {
    edges.sort((a, b) => a - b)
    return edges.slice(1).map((to, i) => `[${edges[i]},${to})`)
  }),
  fc.uniqueArray(fc.stringMatching(/^[a-z]{1,8}$/), { minLength: 1, maxLength: 12 }),
)
const specials = fc.uniqueArray(fc.constantFrom('below', 'above', 'missing', 'nan', 'other', 'invalid'))

test('bins stand side by side inside the picture, none upon another, all with a place', () => {
  fc.assert(
    fc.property(labels, specials, fc.integer({ min: 2, max: 10 }), (regular, special, labelsMax) => {
      const all = [...new Set([...regular, ...special])]
      const { slots, ticks, shareMax } = layoutBins(toBins(new Map(), new Map(all.map((label) => [label, 1]))), { labelsMax, long: false })
      expect(slots.map(({ bin }) => bin.label).sort()).toEqual(all.sort())
      for (const [i, { x, width, bin }] of slots.entries()) {
        expect(x).toBeGreaterThanOrEqual(i === 0 ? 0 : slots[i - 1]!.x + slots[i - 1]!.width - 1e-9)
        expect(x + width).toBeLessThanOrEqual(1 + 1e-9)
        expect(bin.current).toBeLessThanOrEqual(shareMax)
      }
      expect(ticks.length).toBeLessThanOrEqual(labelsMax + 1)
    }),
  )
})

test('what lies below stands on the left, apart; what lies above, on the right', () => {
  const rows = new Map([
    ['above', 1],
    ['below', 1],
    ['[0,1)', 1],
    ['[1,2]', 1],
  ])
  const { slots, ticks } = layoutBins(toBins(new Map(), rows), { labelsMax: 6, long: true })
  expect(slots.map(({ bin }) => bin.label)).toEqual(['below', '[0,1)', '[1,2]', 'above'])
  expect(slots[1]!.x - slots[0]!.x).toBeGreaterThan(slots[0]!.width * 1.5)
  expect(slots[3]!.x - slots[2]!.x).toBeGreaterThan(slots[0]!.width * 1.5)
  expect(ticks.map(({ label }) => label)).toEqual(['0', '1', '2'])
})

test('a bin of one value has one edge, not two upon each other', () => {
  const { ticks } = layoutBins(
    toBins(
      new Map([
        ['[0,1)', 0.5],
        ['[1,1]', 0.5],
      ]),
      new Map(),
    ),
    { labelsMax: 6, long: false },
  )
  expect(ticks.map(({ label }) => label)).toEqual(['0', '1'])
})

test('many categories are named all or not at all', () => {
  const rows = new Map(['a', 'b', 'c', 'missing'].map((label) => [label, 1]))
  expect(layoutBins(toBins(new Map(), rows), { labelsMax: 2, long: true }).slots.map(({ label }) => label)).toEqual(['', '', '', 'missing'])
  expect(layoutBins(toBins(new Map(), rows), { labelsMax: 3, long: true }).slots.map(({ label }) => label)).toEqual([
    'a',
    'b',
    'c',
    'missing',
  ])
})

test('long names are cut so that they stand beside each other; short ones are not', () => {
  const rows = new Map(
    ['a category with a long name', '温度が高い日の種類の名前', 'drizzle', 'sun', 'rain', 'missing'].map((label) => [label, 1]),
  )
  const named = layoutBins(toBins(new Map(rows), rows), { labelsMax: 8, long: false }).slots.map(({ label }) => label)
  expect(named.sort()).toEqual(['a cate…', 'drizzle', 'none', 'rain', 'sun', '温度が高い日…'])
})

test.for([
  { edges: [-123456789, 67e9], want: ['−1.2e8', '6.7e10'] },
  { edges: [0.000123456, 1.5], want: ['1.2e−4', '1.5'] },
  { edges: [-1234.567, 20261120], want: ['−1234.57', '20261100'] },
  { edges: [0, Number.POSITIVE_INFINITY], want: ['0', '+Inf'] },
])('an edge of many digits is written short: $edges', ({ edges: [from, to], want }) => {
  const bins = toBins(new Map([[`[${from},${to === Number.POSITIVE_INFINITY ? '+Inf' : to}]`, 1]]), new Map())
  expect(layoutBins(bins, { labelsMax: 6, long: false }).ticks.map(({ label }) => label)).toEqual(want)
})

test('nothing to draw is an empty layout', () => {
  expect(layoutBins([], { labelsMax: 6, long: false })).toEqual({ slots: [], ticks: [], shareMax: 0.01 })
})
