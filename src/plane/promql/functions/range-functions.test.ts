import fc from 'fast-check'
import { expect, test } from 'vitest'
import { SampleBuffer } from '../../store/index.ts'
import { RangeCall } from '../evaluation/range-call.ts'
import { rangeFunctions } from './range-functions.ts'

/* Each function beside its definition, window by window: the ways around looking at every sample of every window must not show. */

interface Window {
  readonly timesMs: number[]
  readonly values: number[]
  readonly endMs: number
  readonly rangeMs: number
}

function extrapolated({ timesMs, values, endMs, rangeMs }: Window, isCounter: boolean): number {
  const first = values[0]!
  let change = values.at(-1)! - first
  if (isCounter) for (let i = 1; i < values.length; i++) if (values[i]! < values[i - 1]!) change += values[i - 1]!
  const sampled = (timesMs.at(-1)! - timesMs[0]!) / 1000
  const spacing = sampled / (values.length - 1)
  let toStart = (timesMs[0]! - (endMs - rangeMs)) / 1000
  let toEnd = (endMs - timesMs.at(-1)!) / 1000
  if (toStart >= spacing * 1.1) toStart = spacing / 2
  if (toEnd >= spacing * 1.1) toEnd = spacing / 2
  if (isCounter && change > 0 && first >= 0) toStart = Math.min(toStart, sampled * (first / change))
  return change * ((sampled + toStart + toEnd) / sampled)
}

const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0)
const mean = (values: readonly number[]) => sum(values) / values.length
const variance = (values: readonly number[]) => mean(values.map((value) => (value - mean(values)) ** 2))
const pairs = (values: readonly number[]) => values.slice(1).map((value, i) => [values[i]!, value] as const)
const extreme = (values: readonly number[], best: (...numbers: number[]) => number) => {
  const numbers = values.filter((value) => !Number.isNaN(value))
  return numbers.length === 0 ? Number.NaN : best(...numbers)
}

const definitions: Readonly<Record<string, { least: number; of: (window: Window) => number }>> = {
  increase: { least: 2, of: (w) => extrapolated(w, true) },
  delta: { least: 2, of: (w) => extrapolated(w, false) },
  rate: { least: 2, of: (w) => extrapolated(w, true) / (w.rangeMs / 1000) },
  idelta: { least: 2, of: ({ values }) => values.at(-1)! - values.at(-2)! },
  changes: { least: 1, of: ({ values }) => pairs(values).filter(([a, b]) => !Object.is(a, b) && a !== b).length },
  resets: { least: 1, of: ({ values }) => pairs(values).filter(([a, b]) => b < a).length },
  sum_over_time: { least: 1, of: ({ values }) => sum(values) },
  avg_over_time: { least: 1, of: ({ values }) => mean(values) },
  stdvar_over_time: { least: 1, of: ({ values }) => variance(values) },
  stddev_over_time: { least: 1, of: ({ values }) => Math.sqrt(variance(values)) },
  min_over_time: { least: 1, of: ({ values }) => extreme(values, Math.min) },
  max_over_time: { least: 1, of: ({ values }) => extreme(values, Math.max) },
  count_over_time: { least: 1, of: ({ values }) => values.length },
  last_over_time: { least: 1, of: ({ values }) => values.at(-1)! },
}

/** Samples at uneven times, with what counters and gauges do. */
const samples = fc.array(
  fc.record({
    gapMs: fc.oneof({ weight: 4, arbitrary: fc.constant(15_000) }, fc.integer({ min: 1, max: 400_000 })),
    value: fc.oneof(
      { weight: 6, arbitrary: fc.integer({ min: -20, max: 1000 }) },
      { weight: 3, arbitrary: fc.double({ min: -1e6, max: 1e6, noNaN: true }) },
      fc.constantFrom(0, -0, Number.NaN, Number.POSITIVE_INFINITY, 1e300, 1e-300),
    ),
  }),
  { minLength: 1, maxLength: 120 },
)

test.for(Object.keys(definitions).map((name) => ({ name })))('$name, window by window', ({ name }) => {
  const { least, of } = definitions[name]!
  fc.assert(
    fc.property(
      samples,
      fc.integer({ min: 1, max: 60 }),
      fc.integer({ min: 1, max: 120_000 }),
      fc.integer({ min: 1, max: 900_000 }),
      fc.integer({ min: 1, max: 20 }),
      (points, count, stepMs, rangeMs, stride) => {
        const buffer = new SampleBuffer(1)
        let timeMs = 1_700_000_000_000
        for (const { gapMs, value } of points) {
          timeMs += gapMs
          buffer.push(Float64Array.of(timeMs), 0, Float64Array.of(value), 0, 1)
        }
        const grid = { startMs: 1_700_000_000_000, stepMs, count }
        const endsMs = Float64Array.from({ length: count }, (_, i) => grid.startMs + i * stepMs)
        const node = { kind: 'call', name, args: [], from: 0, to: 0 } as const
        const call = new RangeCall({ node, definition: rangeFunctions.get(name)!, range: node, params: [], grid })
        // A kernel is used for one series after another.
        for (const _ of [1, 2]) {
          if (call.begin(buffer, { endsMs, rangeMs }) > 0)
            for (let at = 0; at < count; at += stride) call.run(at, Math.min(at + stride, count))
          for (const [step, endMs] of endsMs.entries()) {
            const inside = [...buffer.timesMs.subarray(0, buffer.length).keys()].filter(
              (i) => buffer.timesMs[i]! > endMs - rangeMs && buffer.timesMs[i]! <= endMs,
            )
            expect(call.slide.present[step]).toBe(inside.length >= least ? 1 : 0)
            if (inside.length < least) continue
            const window = { timesMs: inside.map((i) => buffer.timesMs[i]!), values: inside.map((i) => buffer.values[i]!), endMs, rangeMs }
            const want = of(window)
            const scale = Math.max(...window.values.map(Math.abs))
            const got = call.values[step]!
            // What is beyond the definition's own arithmetic is for the comparison with Prometheus.
            if (!(scale < 1e9) || !Number.isFinite(want)) continue
            // Squares of numbers this small have lost their digits before anybody can do anything about it.
            if (name.startsWith('std') && scale < 1e-140) continue
            const error = name === 'stdvar_over_time' ? 1e-9 * scale * scale : name === 'stddev_over_time' ? 1e-6 * scale : 1e-9 * scale
            expect(Math.abs(got - want)).toBeLessThanOrEqual(Math.max(error, 1e-9 * Math.abs(want)))
          }
        }
      },
    ),
    { numRuns: 150 },
  )
})

test('a sum is right where small values follow large ones', () => {
  const buffer = new SampleBuffer()
  for (let i = 0; i < 200; i++) buffer.push(Float64Array.of(i * 1000), 0, Float64Array.of(i < 100 ? 1e300 : 0.1 * (i % 7)), 0, 1)
  const grid = { startMs: 150_000, stepMs: 1000, count: 40 }
  const endsMs = Float64Array.from({ length: 40 }, (_, i) => 150_000 + i * 1000)
  const node = { kind: 'call', name: 'sum_over_time', args: [], from: 0, to: 0 } as const
  const call = new RangeCall({ node, definition: rangeFunctions.get('sum_over_time')!, range: node, params: [], grid })
  call.begin(buffer, { endsMs, rangeMs: 49_000 })
  call.run(0, 40)
  // 49 samples are 7 times each of 0, 0.1 … 0.6.
  for (const got of call.values) expect(got).toBeCloseTo(7 * 2.1, 12)
})
