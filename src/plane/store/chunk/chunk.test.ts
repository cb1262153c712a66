import { expect, test } from 'vitest'
import { SampleBuffer } from '../sample-buffer.ts'
import { ByteSink } from './byte-sink.ts'
import { chunkSamples, chunkSamplesMax, decodeChunk, encodeChunk } from './chunk.ts'
import { bitsOf, columnOf, decoded, encoded } from './testing.ts'

const STALE = 0x7ff0000000000002n
const START_MS = Date.UTC(2026, 10, 20)
const steady = (count: number, stepMs = 15_000, startMs = START_MS) => Float64Array.from({ length: count }, (_, i) => startMs + i * stepMs)
const each = (count: number, of: (i: number) => number | bigint) => Array.from({ length: count }, (_, i) => of(i))
/** Numbers that look random and are the same in each run. */
const mixed = (i: number) => (Math.imul(i + 1, 0x9e3779b1) >>> 0) / 2 ** 32
const summed = (count: number, increment: (i: number) => number) => {
  let sum = 0
  return each(count, (i) => (sum += increment(i)))
}

test.for<{ why: string; values: readonly (number | bigint)[]; timesMs?: Float64Array; bytesMax: number }>([
  // Ten bytes: flags, count, six of time, two of step.
  { why: 'a constant takes nothing a sample', values: each(120, () => 1), bytesMax: 10 + 3 },
  { why: 'a constant of 64 bits', values: each(120, () => Math.PI), bytesMax: 10 + 8 },
  { why: 'one sample', values: [42.5], bytesMax: 8 + 5 },
  { why: 'one staleness marker', values: [STALE], bytesMax: 8 + 8 },
  { why: 'a steady counter', values: each(120, (i) => 1000 + 7 * i), bytesMax: 10 + 6 },
  { why: 'a counter of 5 bits a sample', values: summed(120, (i) => Math.floor(mixed(i) * 32)), bytesMax: 10 + 6 + 75 },
  {
    why: 'a reset is one exception and widens nothing',
    values: each(120, (i) => (i < 60 ? 1_000_000 : 0) + 10 * i + Math.floor(mixed(i) * 8)),
    bytesMax: 10 + 8 + 60 + 6,
  },
  {
    why: 'one staleness marker does not spoil decimals',
    values: each(120, (i) => (i === 77 ? STALE : 10 * i + Math.floor(mixed(i) * 8))),
    bytesMax: 10 + 8 + 60 + 4,
  },
  { why: 'a marker first', values: each(120, (i) => (i === 0 ? STALE : i)), bytesMax: 10 + 10 },
  { why: 'hundredths', values: each(120, (i) => Math.round(5000 + mixed(i) * 63) / 100), bytesMax: 10 + 5 + 90 },
  { why: 'sums of decimals drift by bits', values: summed(120, (i) => Math.round(mixed(i) * 1023) / 1000), bytesMax: 10 + 16 + 150 },
  { why: 'pages of 4096 bytes', values: each(120, (i) => 4096 * Math.floor(70_000 + mixed(i) * 31)), bytesMax: 10 + 12 + 75 },
  {
    why: 'values that repeat are written once',
    values: each(120, (i) => mixed(i >> 2)),
    bytesMax: 10 + 15 + 20 + 30 * 6.8,
  },
  { why: 'scores of 32 bits', values: each(120, (i) => Math.fround(0.5 + mixed(i) / 2)), bytesMax: 10 + 20 + 120 * 3 },
  { why: 'any doubles', values: each(120, (i) => Math.exp(40 * (mixed(i) - 0.5))), bytesMax: 10 + 20 + 120 * 8 },
  { why: 'all kinds of nothing', values: [Number.NaN, STALE, Infinity, -Infinity, -0, 0, 1, 0x7ff8000000000001n], bytesMax: 60 },
  { why: 'payloads of NaN', values: each(40, (i) => 0x7ff0000000000001n + BigInt(i) * 0x123456789n), bytesMax: 400 },
  { why: 'denormals', values: each(40, (i) => i * Number.MIN_VALUE * 3), bytesMax: 120 },
  { why: 'zero and minus zero by turns', values: each(64, (i) => (i % 2 === 0 ? 0 : -0)), bytesMax: 64 * 5 },
  { why: 'the edge of exact integers', values: [2 ** 53, -(2 ** 53), 2 ** 53 - 1, 1 - 2 ** 53, 2 ** 51, -(2 ** 51), 0, 1], bytesMax: 120 },
  { why: 'the edge of mantissas', values: [2 ** 51 - 1, 1 - 2 ** 51, 2 ** 51 - 1, 0, 1 - 2 ** 51, 5, 2 ** 51 - 1, 1, 2, 3], bytesMax: 120 },
  { why: 'huge jumps', values: each(40, (i) => (i % 2 === 0 ? 1e300 : -1e-300)), bytesMax: 40 * 9 },
  { why: 'the largest doubles', values: [Number.MAX_VALUE, -Number.MAX_VALUE, Number.MIN_VALUE, -Number.MIN_VALUE], bytesMax: 60 },
  { why: 'decimals of 22 places', values: each(40, (i) => i / 1e22), bytesMax: 60 },
  { why: 'sums across zero', values: summed(60, (i) => Math.round((mixed(i) - 0.5) * 100) / 10), bytesMax: 120 },
  { why: 'as many as fit', values: each(chunkSamplesMax, (i) => Math.floor(mixed(i) * 16)), bytesMax: 20 + 2048 },
  { why: 'negative times', values: [1, 2, 3], timesMs: Float64Array.of(-5, -4, -2), bytesMax: 20 },
  {
    why: 'the edge of times',
    values: [1, 2, 3],
    timesMs: Float64Array.of(Number.MIN_SAFE_INTEGER, 0, Number.MAX_SAFE_INTEGER),
    bytesMax: 40,
  },
  { why: 'the widest step', values: [1, 2], timesMs: Float64Array.of(Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER), bytesMax: 40 },
  {
    why: 'jitter of times costs its own bits',
    values: each(120, () => 1),
    timesMs: steady(120).map((timeMs, i) => timeMs + Math.floor(mixed(i) * 16)),
    bytesMax: 10 + 6 + 60,
  },
  {
    why: 'a gap in a schedule is one exception',
    values: each(120, () => 1),
    timesMs: steady(120).map((timeMs, i) => timeMs + (i < 50 ? 0 : 3_600_000)),
    bytesMax: 10 + 12,
  },
])('$why', ({ values, timesMs = steady(values.length), bytesMax }) => {
  const column = columnOf(values)
  const bytes = encoded(timesMs, column)
  expect(bytes.length).toBeLessThanOrEqual(bytesMax)
  expect(decoded(bytes)).toEqual({ timesMs: Array.from(timesMs), bits: bitsOf(column) })
  expect(chunkSamples(bytes, 0)).toBe(values.length)
})

test('chunks stand one behind the other, and samples are appended', () => {
  const timesMs = steady(300)
  const values = columnOf(each(300, (i) => (i % 50 === 7 ? STALE : mixed(i))))
  const sink = new ByteSink(16)
  sink.putBytes(Uint8Array.of(1, 2, 3))
  const lengths = [
    encodeChunk(timesMs, values, 0, 120, sink),
    encodeChunk(timesMs, values, 120, 121, sink),
    encodeChunk(timesMs, values, 121, 300, sink),
  ]
  expect(lengths.reduce((sum, length) => sum + length, 3)).toBe(sink.length)
  const bytes = new Uint8Array(sink.length + 9).subarray(9) // A view that does not begin where its buffer does.
  bytes.set(sink.bytes.subarray(0, sink.length))
  const buffer = new SampleBuffer(2)
  let offset = 3
  for (const [i, length] of lengths.entries()) {
    expect(chunkSamples(bytes, offset)).toBe([120, 1, 179][i])
    decodeChunk(bytes, offset, length, buffer)
    offset += length
  }
  expect(Array.from(buffer.timesMs.subarray(0, buffer.length))).toEqual(Array.from(timesMs))
  expect(bitsOf(buffer.values.subarray(0, buffer.length))).toEqual(bitsOf(values))
})

test.for([0, chunkSamplesMax + 1])('%i samples are no chunk', (count) => {
  expect(() => encoded(steady(count), new Float64Array(count))).toThrow(/a chunk holds 1 to 4096 samples/)
})

const valid = encoded(steady(120), columnOf(each(120, (i) => i * i)))

test.for<{ why: string; bytes: Uint8Array; message: RegExp }>([
  { why: 'no bytes', bytes: new Uint8Array(0), message: /1 more bytes are needed, 0 are left, at byte 0 of a chunk of 0 bytes/ },
  { why: 'cut off', bytes: valid.subarray(0, -1), message: /more bytes are needed/ },
  { why: 'a byte too many', bytes: Uint8Array.of(...valid, 0), message: /1 bytes too many/ },
  { why: 'flags of a newer version', bytes: Uint8Array.of(0x80 | valid[0]!, ...valid.subarray(1)), message: /newer version/ },
  { why: 'a value mode that is none', bytes: Uint8Array.of(7 << 2, 0, 5, 1), message: /unknown mode 7/ },
  { why: 'more samples than a chunk has', bytes: Uint8Array.of(0, 0xff, 0xff, 0x7f), message: /2097152 samples; 4096 are the most/ },
  { why: 'a step of nothing', bytes: Uint8Array.of(0, 1, 5, 0), message: /2 times every 0 ms/ },
  // Column of differences, width 0, first 0, base -1.
  { why: 'times that fall', bytes: Uint8Array.of(1, 2, 0x40, 0, 0x41), message: /times that do not rise/ },
  { why: 'a width no integer has', bytes: Uint8Array.of(1, 2, 63), message: /a width of 63 bits/ },
  { why: 'an odd value behind the last', bytes: Uint8Array.of(0x24, 0, 5, 0, 0, 0, 1, 8), message: /an odd value at 1 of 1/ },
  { why: 'an exponent too large', bytes: Uint8Array.of(4, 0, 5, 23, 0, 0), message: /decimals of head 23/ },
])('not a chunk: $why', ({ bytes, message }) => {
  const buffer = new SampleBuffer()
  buffer.push(Float64Array.of(1), 0, Float64Array.of(2), 0, 1)
  expect(() => decodeChunk(bytes, 0, bytes.length, buffer)).toThrow(
    expect.objectContaining({ code: 'MW_STORE_CHUNK', message: expect.stringMatching(message) }),
  )
  expect(buffer.length).toBe(1)
})

test('a range outside of its bytes is no chunk', () => {
  for (const [offset, length] of [
    [-1, 3],
    [0, valid.length + 1],
    [valid.length, 1],
  ] as const) {
    expect(() => decodeChunk(valid, offset, length, new SampleBuffer())).toThrow(/lies outside its/)
  }
  expect(() => chunkSamples(valid, valid.length)).toThrow(expect.objectContaining({ code: 'MW_STORE_CHUNK' }))
  expect(() => chunkSamples(valid, valid.length - 1)).toThrow(expect.objectContaining({ code: 'MW_STORE_CHUNK' }))
})
