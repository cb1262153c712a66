import { expect, test } from 'vitest'
import { CallCost } from './call-cost.ts'

test('nothing is known before the first call', () => expect(new CallCost().expectMs(1000)).toBe(0))

test.for([
  { why: 'a size that was seen', calls: [[4, 8]], rows: 5, want: 10 }, // 2 ms a row, and 5 is of the class of 4 to 7.
  { why: 'a larger one is as expensive per row, until it was seen', calls: [[1, 0.01]], rows: 1000, want: 10 },
  {
    why: 'the next smaller one is asked, not the smallest',
    calls: [
      [1, 0.01],
      [512, 1.024],
    ],
    rows: 1024,
    want: 2.048,
  },
  { why: 'a smaller one costs at most as much as a larger one', calls: [[64, 6.4]], rows: 1, want: 12.8 }, // 127 rows, the most of the class, at 0.1 ms.
  {
    why: 'between two: the smaller of both bounds',
    calls: [
      [1, 1],
      [64, 1],
    ],
    rows: 16,
    want: 2,
  },
])('$why', ({ calls, rows, want }) => {
  const cost = new CallCost()
  for (const [n, ms] of calls as [number, number][]) cost.learn(n, ms)
  expect(cost.expectMs(rows)).toBeCloseTo(want, 9)
})

test('one pause weighs little, and a change is followed', () => {
  const cost = new CallCost()
  for (let i = 0; i < 50; i++) cost.learn(1, 0.01)
  cost.learn(1, 10)
  expect(cost.expectMs(1)).toBeLessThan(2)
  for (let i = 0; i < 50; i++) cost.learn(1, 10)
  expect(cost.expectMs(1)).toBeGreaterThan(9)
})
