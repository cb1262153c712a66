import fc from 'fast-check'
import { expect, test } from 'vitest'
import { quantileOf } from './quantile.ts'
import { SlidingQuantile } from './window-quantile.ts'
import type { SeriesWindows } from './window-view.ts'

/** The definition: everything in order, NaN first, and a line between the two nearest ranks. */
function bySorting(phi: number, values: readonly number[]): number {
  if (values.length === 0 || Number.isNaN(phi)) return Number.NaN
  if (phi < 0) return Number.NEGATIVE_INFINITY
  if (phi > 1) return Number.POSITIVE_INFINITY
  const ordered = values.toSorted((a, b) => (Number.isNaN(a) ? -1 : Number.isNaN(b) ? 1 : a < b ? -1 : a > b ? 1 : 0))
  const rank = phi * (values.length - 1)
  const lower = Math.floor(rank)
  const weight = rank - lower
  return ordered[lower]! * (1 - weight) + ordered[Math.min(lower + 1, values.length - 1)]! * weight
}

// Few distinct values among many, so that there are equals; and those that compare in odd ways.
const value = fc.oneof(
  fc.double(),
  fc.integer({ min: -3, max: 3 }),
  fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY),
)
const phi = fc.oneof(fc.double({ min: 0, max: 1 }), fc.constantFrom(0, 0.5, 0.9, 1, 1.1, -0.1, Number.NaN))

test('a quantile is that of the values in order', () => {
  fc.assert(
    fc.property(fc.array(value, { maxLength: 300 }), phi, (values, at) => {
      expect(quantileOf(at, Float64Array.from(values)) + 0).toEqual(bySorting(at, values) + 0)
    }),
    { numRuns: 2000 },
  )
})

test.for([
  { why: 'rising', of: (i: number) => i },
  { why: 'falling', of: (i: number) => -i },
  { why: 'all equal', of: () => 7 },
  { why: 'two values', of: (i: number) => i % 2 },
  { why: 'an organ pipe', of: (i: number) => Math.min(i, 100_000 - i) },
])('many values: $why', ({ of }) => {
  const values = Float64Array.from({ length: 100_000 }, (_, i) => of(i))
  for (const at of [0, 0.25, 0.5, 0.999, 1]) expect(quantileOf(at, values.slice())).toBe(bySorting(at, [...values]))
})

test('windows that slide, jump and shrink have the quantiles of their values', () => {
  const step = fc.record({ from: fc.nat(40), size: fc.nat(120), at: phi })
  fc.assert(
    fc.property(fc.array(value, { minLength: 1, maxLength: 400 }), fc.array(step, { minLength: 1, maxLength: 40 }), (values, steps) => {
      const column = Float64Array.from(values)
      const starts: number[] = []
      const ends: number[] = []
      for (const { from, size } of steps) {
        const start = Math.min(values.length, (starts.at(-1) ?? 0) + from)
        starts.push(start)
        // Ends never fall, as the starts.
        ends.push(Math.min(values.length, Math.max(ends.at(-1) ?? 0, start + size)))
      }
      const windows: SeriesWindows = {
        timesMs: column,
        values: column,
        length: column.length,
        from: Int32Array.from(starts),
        to: Int32Array.from(ends),
        endsMs: new Float64Array(steps.length),
        rangeMs: 0,
        startMs: 0,
        stepMs: 1,
        params: [Float64Array.from(steps, ({ at }) => at)],
        present: Uint8Array.from(starts, (start, i) => (ends[i]! > start ? 1 : 0)),
      }
      const kernel = new SlidingQuantile()
      const out = new Float64Array(steps.length)
      kernel.begin(windows)
      kernel.run(windows, out, 0, steps.length)
      for (const [i, { at }] of steps.entries()) {
        if (windows.present[i] === 1) expect(out[i]! + 0).toEqual(bySorting(at, values.slice(starts[i], ends[i])) + 0)
      }
    }),
    { numRuns: 2000 },
  )
})
