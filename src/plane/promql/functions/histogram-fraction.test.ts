import { expect, test } from 'vitest'
import { bucketFraction } from './histogram-fraction.ts'

const inf = Number.POSITIVE_INFINITY
const histogram = () => [
  { le: inf, count: 10 },
  { le: -1, count: 1 },
  { le: 5, count: 7 },
  { le: 0, count: 2 },
]

test.for([
  { why: 'whole buckets', lower: -1, upper: 5, want: 0.6 },
  { why: 'half of one', lower: -0.5, upper: 0, want: 0.05 },
  { why: 'parts of two', lower: -0.5, upper: 3, want: 0.35 }, // 2 + 5 · 3/5 − (1 + 1 · ½) of 10
  { why: 'everything', lower: -inf, upper: inf, want: 1 },
  { why: 'inside of the last bucket: as if all of it were at its end', lower: 6, upper: 100, want: 0 },
  { why: 'from there on', lower: 6, upper: inf, want: 0.3 },
  { why: 'bounds that meet', lower: 1, upper: 1, want: 0 },
  { why: 'bounds that cross', lower: 3, upper: 1, want: 0 },
])('$why', ({ lower, upper, want }) => expect(bucketFraction(lower, upper, histogram())).toBeCloseTo(want, 12))

test.for([
  { why: 'no +Inf bucket', buckets: [{ le: 1, count: 5 }] },
  {
    why: 'no observations',
    buckets: [
      { le: 1, count: 0 },
      { le: inf, count: 0 },
    ],
  },
])('$why', ({ buckets }) => expect(bucketFraction(0, 1, buckets)).toBeNaN())

test.for([
  { why: 'inside of the first bucket', lower: -5, upper: 3 },
  { why: 'no bound', lower: Number.NaN, upper: 1 },
])('nobody can tell: $why', ({ lower, upper }) => expect(bucketFraction(lower, upper, histogram())).toBeNaN())

test('buckets of one bound are added', () => {
  const buckets = [
    { le: 0, count: 1 },
    { le: 0, count: 1 },
    { le: inf, count: 8 },
  ]
  expect(bucketFraction(-inf, 0, buckets)).toBe(0.25)
})
