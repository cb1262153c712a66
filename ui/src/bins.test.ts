import fc from 'fast-check'
import { expect, test } from 'vitest'
import { describeBin, describeShift, parseBin, toBins, visibleBins } from './bins.ts'

test.for([
  { label: '[2.6,3.2)', want: { kind: 'interval', from: 2.6, to: 3.2, closed: false } },
  { label: '[-1e-05,3]', want: { kind: 'interval', from: -1e-5, to: 3, closed: true } },
  { label: '[20,20]', want: { kind: 'interval', from: 20, to: 20, closed: true } },
  { label: '[-Inf,0)', want: { kind: 'interval', from: Number.NEGATIVE_INFINITY, to: 0, closed: false } },
  { label: 'below', want: { kind: 'special', special: 'below' } },
  { label: 'nan', want: { kind: 'special', special: 'nan' } },
  { label: 'rain', want: { kind: 'category', text: 'rain' } },
  { label: '=missing', want: { kind: 'category', text: 'missing' } }, // A category that bears a special name.
  { label: '==x', want: { kind: 'category', text: '=x' } },
  { label: '[a,b)', want: { kind: 'category', text: '[a,b)' } },
  { label: '', want: { kind: 'category', text: '' } },
])('bin "$label"', ({ label, want }) => expect(parseBin(label)).toEqual(want))

test('bins come in reading order: edges as numbers, special ones last', () => {
  const labels = ['missing', '[10,20]', 'above', '[-5,2)', '[2,10)', 'below']
  const bins = toBins(new Map(labels.map((label) => [label, 0.1])), new Map())
  expect(bins.map((bin) => bin.label)).toEqual(['[-5,2)', '[2,10)', '[10,20]', 'below', 'above', 'missing'])
})

test('categories come by their share of the training data', () => {
  const bins = toBins(
    new Map([
      ['fog', 0.1],
      ['rain', 0.6],
      ['sun', 0.3],
    ]),
    new Map([['hail', 4]]),
  )
  expect(bins.map((bin) => bin.label)).toEqual(['rain', 'sun', 'fog', 'hail'])
  expect(bins.at(-1)).toMatchObject({ reference: 0, current: 1 })
})

test('an unknown side is NaN, never 0', () => {
  expect(toBins(new Map([['a', 1]]), new Map([['a', 0]]))[0]).toMatchObject({ reference: 1, current: Number.NaN, rows: 0 })
  expect(toBins(new Map(), new Map([['a', 3]]))[0]).toMatchObject({ reference: Number.NaN, current: 1 })
})

test('current shares add up to one, whatever the rows', () => {
  const rows = fc.dictionary(fc.string({ maxLength: 4 }), fc.double({ min: 0, max: 1e6, noNaN: true }), { minKeys: 1 })
  fc.assert(
    fc.property(rows, (counts) => {
      const bins = toBins(new Map(), new Map(Object.entries(counts)))
      const total = bins.reduce((sum, bin) => sum + bin.current, 0)
      if (bins.some((bin) => bin.rows > 0)) expect(total).toBeCloseTo(1, 9)
      else expect(total).toBeNaN()
    }),
  )
})

test('special bins that never held anything are not drawn', () => {
  const bins = toBins(
    new Map([
      ['[0,1]', 1],
      ['below', 0],
      ['missing', 0],
    ]),
    new Map([
      ['[0,1]', 9],
      ['missing', 1],
      ['above', 0],
    ]),
  )
  expect(visibleBins(bins).map((bin) => bin.label)).toEqual(['[0,1]', 'missing'])
})

test.for([
  { label: '[2.6,3.2)', unit: 'm/s', want: '2.6 to 3.2\u00a0m/s' },
  { label: '[20,20]', unit: '', want: 'exactly 20' },
  { label: 'above', unit: 'mm', want: 'above all seen in training' },
  { label: '', unit: '', want: '(empty text)' },
])('"$label" in words', ({ label, unit, want }) => expect(describeBin(parseBin(label), unit)).toBe(want))

test('what moved most, and nothing when nothing did', () => {
  const reference = new Map([
    ['[0,1)', 0.5],
    ['[1,2]', 0.5],
  ])
  const moved = toBins(
    reference,
    new Map([
      ['[0,1)', 20],
      ['[1,2]', 60],
      ['above', 20],
    ]),
  )
  expect(describeShift(moved, 'mm')).toBe('20\u00a0% of rows are 0 to 1\u00a0mm; in training 50\u00a0%')
  expect(
    describeShift(
      toBins(
        reference,
        new Map([
          ['[0,1)', 50],
          ['[1,2]', 50],
        ]),
      ),
      'mm',
    ),
  ).toBeUndefined()
  expect(describeShift(toBins(new Map(), new Map([['[0,1)', 50]])), '')).toBeUndefined()
})
