import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  binOfCategory,
  binOfNumber,
  countNumbers,
  createCategoryBins,
  createNumberBins,
  quantileEdges,
  regularCount,
  specialBin,
} from './bins.ts'

const bins = createNumberBins([0, 10, 20, 20])

test.for([
  { why: 'the smallest value', value: 0, bin: '[0,10)' },
  { why: 'negative zero is zero', value: -0, bin: '[0,10)' },
  { why: 'an edge belongs to the bin above it', value: 10, bin: '[10,20)' },
  { why: 'the largest value has its own bin', value: 20, bin: '[20,20]' },
  { why: 'just under', value: 19.999, bin: '[10,20)' },
  { why: 'below the reference', value: -1e-9, bin: 'below' },
  { why: 'above the reference', value: 1e308, bin: 'above' },
  { why: 'not a number', value: Number.NaN, bin: 'nan' },
  { why: 'infinite', value: Number.NEGATIVE_INFINITY, bin: 'nan' },
])('$why: $value falls into $bin', ({ value, bin }) => expect(bins.labels[binOfNumber(bins, value)]).toBe(bin))

test('a column is counted in the bins of its values, however many bins there are', () => {
  const value = fc.oneof(fc.double(), fc.integer({ min: -50, max: 50 }), fc.constantFrom(-0, Number.NaN, Number.POSITIVE_INFINITY))
  const edges = fc
    .tuple(fc.uniqueArray(fc.integer({ min: -40, max: 40 }), { minLength: 2, maxLength: 60 }), fc.boolean())
    .map(([distinct, ownLast]) => {
      const rising = distinct.sort((a, b) => a - b)
      return ownLast ? [...rising, rising.at(-1)!] : rising
    })
  fc.assert(
    fc.property(edges, fc.array(value, { maxLength: 200 }), (rising, values) => {
      const layout = createNumberBins(rising)
      const [counted, want] = [new Float64Array(layout.labels.length), new Float64Array(layout.labels.length)]
      countNumbers(layout, Float64Array.from(values), counted)
      for (const one of values) want[binOfNumber(layout, one)]! += 1
      expect(counted).toEqual(want)
    }),
    { numRuns: 500 },
  )
})

test('the last bin of a continuous value includes its upper edge', () => {
  const two = createNumberBins([0, 1, 2])
  expect(two.labels.slice(0, 2)).toEqual(['[0,1)', '[1,2]'])
  expect(binOfNumber(two, 2)).toBe(1)
})

test.for([
  { why: 'duplicates merge: half the days are dry', values: [0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6], binsMax: 5, edges: [0, 2, 4, 6] },
  { why: 'few values: one bin each', values: [0, 0, 1, 1, 1], binsMax: 10, edges: [0, 1, 1] },
  { why: 'a single value', values: [7, 7], binsMax: 10, edges: [7, 7] },
  { why: 'mass at the largest value keeps a bin of its own', values: [1, 2, 3, 9, 9, 9, 9, 9], binsMax: 3, edges: [1, 3, 9, 9] },
])('quantile edges: $why', ({ values, binsMax, edges }) => expect(quantileEdges(Float64Array.from(values), binsMax)).toEqual(edges))

test.for([
  {
    why: 'an outlier, or a sentinel such as 999999999',
    values: [...Array.from({ length: 1094 }, (_, i) => (i % 900) / 2000), 999_999_999],
  },
  { why: 'very small values', values: Array.from({ length: 1000 }, (_, i) => 1e-20 + i * 1e-20) },
  { why: 'very large values', values: Array.from({ length: 1000 }, (_, i) => 1e300 + i * 1e297) },
  { why: 'values that lie close together far from zero', values: Array.from({ length: 1000 }, (_, i) => 1e9 + i * 1e-3) },
])('rounding merges no bins: $why', ({ values }) => {
  const edges = quantileEdges(Float64Array.from(values).sort(), 10)
  expect(new Set(edges).size).toBe(11)
  expect(edges.every((edge, i) => i === 0 || edge > edges[i - 1]!)).toBe(true)
})

test('edges are rounded to what a bin needs', () => {
  const edges = quantileEdges(
    Float64Array.from({ length: 1000 }, (_, i) => (i * 37.123456789) / 1000),
    10,
  )
  expect(edges.map(String).every((text) => text.length <= 5)).toBe(true)
})

test('every finite value falls into one bin, as plain comparison says', () => {
  fc.assert(
    fc.property(
      fc.array(fc.double({ noNaN: true, noDefaultInfinity: true }), { minLength: 1, maxLength: 60 }),
      fc.integer({ min: 1, max: 12 }),
      (values, binsMax) => {
        const layout = createNumberBins(quantileEdges(Float64Array.from(values).sort(), binsMax))
        const last = regularCount(layout) - 1
        expect(last).toBeLessThan(binsMax)
        for (const value of values) {
          const i = binOfNumber(layout, value)
          expect(value >= layout.edges[i]! && (i === last ? value <= layout.edges[i + 1]! : value < layout.edges[i + 1]!)).toBe(true)
        }
      },
    ),
  )
})

test('categories: a known one, an unknown one, and one that bears a special name', () => {
  const layout = createCategoryBins(['sun', 'missing', '=x'])
  expect(layout.labels).toEqual(['sun', '=missing', '==x', 'other', 'missing', 'invalid'])
  expect(layout.labels[binOfCategory(layout, 'sun')]).toBe('sun')
  expect(layout.labels[binOfCategory(layout, 'hail')]).toBe('other')
  expect(layout.labels[binOfCategory(layout, 'missing')]).toBe('=missing')
  expect(specialBin(layout, 'missing')).toBe(4)
})
