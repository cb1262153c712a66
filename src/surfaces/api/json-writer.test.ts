import fc from 'fast-check'
import { expect, test } from 'vitest'
import { formatNumber } from '../../core/number-text.ts'
import { JsonWriter } from './json-writer.ts'

function point(timeMs: number, value: number): string {
  const writer = new JsonWriter()
  writer.point(timeMs, value, 0)
  return writer.take().toString()
}

test.for([
  { timeMs: 0, value: 0, want: '[0,"0"]' },
  { timeMs: 1_795_163_692_875, value: 1.5, want: '[1795163692.875,"1.5"]' },
  { timeMs: 1_795_163_692_870, value: -1.05, want: '[1795163692.87,"-1.05"]' },
  { timeMs: 1_795_163_692_005, value: 100, want: '[1795163692.005,"100"]' },
  { timeMs: -1500, value: -0, want: '[-1.5,"-0"]' },
  { timeMs: -5, value: Number.NaN, want: '[-0.005,"NaN"]' },
  { timeMs: 999, value: Number.POSITIVE_INFINITY, want: '[0.999,"+Inf"]' },
  { timeMs: 1000, value: Number.NEGATIVE_INFINITY, want: '[1,"-Inf"]' },
  { timeMs: 8.64e15, value: 1e-7, want: '[8640000000000,"1e-07"]' },
  { timeMs: 1, value: 0.9999, want: '[0.001,"0.9999"]' },
  { timeMs: 1, value: 1.9999999, want: '[0.001,"1.9999999"]' },
  { timeMs: 1, value: 123_456_789_012.345, want: '[0.001,"123456789012.345"]' },
  { timeMs: 1, value: 2 ** 53, want: '[0.001,"9007199254740992"]' },
  { timeMs: 1, value: 1e9, want: '[0.001,"1000000000"]' },
  { timeMs: 1, value: 1_000_000_007, want: '[0.001,"1000000007"]' },
  { timeMs: 1, value: 1e21, want: '[0.001,"1e+21"]' },
  { timeMs: 1, value: 0.3, want: '[0.001,"0.3"]' },
  { timeMs: 1, value: 0.1 + 0.2, want: '[0.001,"0.30000000000000004"]' },
])('$want', ({ timeMs, value, want }) => expect(point(timeMs, value)).toBe(want))

test.for([
  { value: 1e-9, want: '0.000000001' },
  { value: -1.25e-7, want: '-0.000000125' },
  { value: 1.5e22, want: '15000000000000000000000' },
  { value: -0.5, want: '-0.5' },
  { value: Number.NaN, want: 'NaN' },
])('a scalar of $value', ({ value, want }) => {
  const writer = new JsonWriter()
  writer.scalar(1500, value)
  expect(writer.take().toString()).toBe(`[1.5,"${want}"]`)
})

test('every number comes out as the slow way writes it', () => {
  const decimals = fc.tuple(fc.integer(), fc.nat(9)).map(([digits, shift]) => digits / 10 ** shift)
  const neighbours = decimals.map((value) => value + Number.EPSILON * Math.abs(value))
  const value = fc.oneof(fc.double(), fc.integer(), fc.maxSafeInteger(), decimals, neighbours)
  const timeMs = fc.integer({ min: -8.64e15, max: 8.64e15 })
  fc.assert(
    fc.property(timeMs, value, (at, some) => {
      expect(point(at, some)).toBe(`[${at / 1000},"${formatNumber(some)}"]`)
    }),
    { numRuns: 5000 },
  )
})

test('times that were written before come out the same, and others too', () => {
  const writer = new JsonWriter()
  writer.expectPoints(3)
  for (const times of [
    [1000, 2000, 3500],
    [1000, 2000, 3500],
    [1001, 2000, 3600],
    [-1000, 2000, 3500, 4000],
  ])
    for (const [i, timeMs] of times.entries()) writer.point(timeMs, i, i)
  expect(
    writer
      .take()
      .toString()
      .match(/\[-?[\d.]+/g),
  ).toEqual(['1', '2', '3.5', '1', '2', '3.5', '1.001', '2', '3.6', '-1', '2', '3.5', '4'].map((time) => `[${time}`))
})

test('text of any length and kind', () => {
  const writer = new JsonWriter()
  const texts = ['a', 'ü'.repeat(50_000), '', '😀'.repeat(30_000), 'x'.repeat(200_000)]
  for (const text of texts) {
    writer.raw(text)
    writer.point(5, 7, 0)
    writer.comma()
  }
  expect(writer.isFull).toBe(true)
  expect(writer.take().toString()).toBe(texts.map((text) => `${text}[0.005,"7"],`).join(''))
  writer.raw('next')
  expect(writer.take().toString()).toBe('next')
})
