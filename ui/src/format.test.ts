import { expect, test } from 'vitest'
import {
  compareNames,
  countOf,
  formatClock,
  formatDuration,
  formatExact,
  formatNumber,
  formatPercent,
  formatPoints,
  formatPsi,
  formatSeconds,
  formatTick,
  listOf,
  sentence,
} from './format.ts'

test.for([
  { value: undefined, want: '–' },
  { value: Number.NaN, want: '–' },
  { value: Number.NEGATIVE_INFINITY, want: '−∞' },
  { value: 0, want: '0' },
  { value: -0.83, want: '−0.83' },
  { value: 12, want: '12' },
  { value: 12.34, want: '12.3' },
  { value: 9.999, want: '10.0' },
  { value: 99.96, want: '100' },
  { value: 1434.4, want: '1,434' },
  { value: 2_500_000, want: '2.50 M' },
  { value: 0.0462, want: '0.046' },
  { value: 0.00042, want: '0.0004' },
  { value: 0.00004, want: '4.0e−5' },
])('number $value: $want', ({ value, want }) => expect(formatNumber(value)).toBe(want.replace(' ', '\u00a0')))

test.for([
  { psi: undefined, want: '–' },
  { psi: 1.321, want: '1.32' },
  { psi: 0.0004, want: '0.00' },
  { psi: 0.2, want: '0.20' },
])('index $psi: $want', ({ psi, want }) => expect(formatPsi(psi)).toBe(want))

test.for([
  { ratio: 0, want: '0 %' },
  { ratio: 0.0004, want: '<0.1 %' },
  { ratio: 0.0312, want: '3.1 %' },
  { ratio: 0.0996, want: '10 %' },
  { ratio: 1, want: '100 %' },
  { ratio: Number.NaN, want: '–' },
])('ratio $ratio: $want', ({ ratio, want }) => expect(formatPercent(ratio)).toBe(want.replace(' ', '\u00a0')))

test.for([
  { difference: 0.3041, want: '+30.4' },
  { difference: -0.09, want: '−9.0' },
  { difference: -0.0001, want: '0.0' },
])('difference $difference: $want', ({ difference, want }) => expect(formatPoints(difference)).toBe(want))

test.for([
  { seconds: 0.00042, want: '420 µs' },
  { seconds: 0.00312, want: '3.12 ms' },
  { seconds: 2.5, want: '2.50 s' },
  { seconds: Number.POSITIVE_INFINITY, want: '∞' },
])('latency $seconds: $want', ({ seconds, want }) => expect(formatSeconds(seconds)).toBe(want.replace(' ', '\u00a0')))

test.for([
  { durationMs: 400, want: '0 s' },
  { durationMs: 59_400, want: '59 s' },
  { durationMs: 95_000, want: '1 min 35 s' },
  { durationMs: 14.7 * 60_000, want: '14 min' },
  { durationMs: 3_600_000, want: '1 h' },
  { durationMs: 5_400_000, want: '1 h 30 min' },
  { durationMs: 90 * 3_600_000, want: '3 days' },
])('$durationMs ms: $want', ({ durationMs, want }) => expect(formatDuration(durationMs).replaceAll('\u00a0', ' ')).toBe(want))

test('a moment of another day carries its day', () => {
  const noon = new Date(2026, 10, 20, 12, 3, 20).getTime()
  expect(formatClock(noon, noon + 1000)).toBe('12:03:20')
  expect(formatClock(noon, noon + 86_400_000)).toBe('20 Nov 12:03:20')
  expect(formatTick(noon, 60_000)).toBe('12:03')
  expect(formatTick(noon, 15_000)).toBe('12:03:20')
})

test('exact numbers, counts and lists', () => {
  expect(formatExact(-7.1)).toBe('−7.1')
  expect(formatExact(0.1 + 0.2)).toBe('0.3')
  expect(countOf(1, 'input')).toBe('1 input')
  expect(countOf(0, 'input')).toBe('0 inputs')
  expect(listOf([])).toBe('')
  expect(listOf(['a', 'b', 'c'])).toBe('a, b and c')
})

test('messages as sentences, names in the order a reader counts', () => {
  expect(['', ' connect ECONNREFUSED', 'why?', 'done.'].map(sentence)).toEqual(['', 'Connect ECONNREFUSED.', 'Why?', 'Done.'])
  expect(['f10', 'f2', 'F1', 'f1'].sort(compareNames)).toEqual(['f1', 'F1', 'f2', 'f10'])
})
