import fc from 'fast-check'
import { expect, test } from 'vitest'
import { alignedGrid, gridTimesMs, lastRunStart, onGrid, pointsMax } from './series.ts'

test('a grid ends on a multiple of its step, at or before now, and is never too fine', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1e12, max: 2e12 }), fc.integer({ min: 60_000, max: 40 * 86_400_000 }), (endMs, rangeMs) => {
      const grid = alignedGrid(endMs, rangeMs)
      expect(grid.endMs % grid.stepMs).toBe(0)
      expect(endMs - grid.endMs).toBeGreaterThanOrEqual(0)
      expect(endMs - grid.endMs).toBeLessThan(grid.stepMs)
      expect(gridTimesMs(grid).length).toBeLessThanOrEqual(pointsMax + 1)
    }),
  )
})

test('within one step the grid stays the same, so nothing need be asked again', () => {
  expect(alignedGrid(1_700_000_019_999, 3_600_000)).toEqual(alignedGrid(1_700_000_000_000, 3_600_000))
  expect(alignedGrid(1_700_000_040_000, 3_600_000)).not.toEqual(alignedGrid(1_700_000_000_000, 3_600_000))
})

test('values find their places; gaps and NaN are null, what lies outside is dropped', () => {
  const grid = { startMs: 1000, endMs: 4000, stepMs: 1000 }
  const series = { labels: {}, timesMs: [0, 1000, 3000, 4000], values: [9, 1, Number.NaN, 4] }
  expect(onGrid(series, grid)).toEqual([1, null, null, 4])
  expect(onGrid(undefined, grid)).toEqual([null, null, null, null])
})

test.for([
  { why: 'began inside', values: [0, 0, 5, 6, 7], want: { timeMs: 2, atLeast: false } },
  { why: 'a dip starts it anew', values: [0, 5, 0, 6, 7], want: { timeMs: 3, atLeast: false } },
  { why: 'a gap does not', values: [0, 5, null, 6, null], want: { timeMs: 1, atLeast: false } },
  { why: 'began before the picture', values: [null, 5, 6, 6, 6], want: { timeMs: 1, atLeast: true } },
  { why: 'is over', values: [5, 5, 5, 5, 0], want: undefined },
  { why: 'nothing known', values: [null, null], want: undefined },
])('a run that $why', ({ values, want }) => {
  const timesMs = values.map((_, i) => i)
  expect(lastRunStart(timesMs, values, (value) => value > 1)).toEqual(want)
})
