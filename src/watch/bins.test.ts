import fc from 'fast-check'
import { expect, test } from 'vitest'
import { binOfCategory, binOfNumber, createCategoryBins, createNumberBins, quantileEdges, regularCount, specialBin } from './bins.ts'

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
