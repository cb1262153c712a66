import fc from 'fast-check'
import { expect, test } from 'vitest'
import { STALE_NAN_BITS } from '../stale.ts'
import { RECORD_BYTES_MAX } from './frame-writer.ts'
import { RecordEncoder } from './record.ts'
import { anyEntry, asWritten, type Entry, encodeEntries, replayBytes, valueOfBits } from './testing.ts'

test('whatever is written is read back bit for bit, whatever the windows and batches', { timeout: 60_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(anyEntry, { maxLength: 60 }), { maxLength: 4 }),
      fc.integer({ min: 12, max: 400 }),
      fc.integer({ min: 1, max: 70 }),
      async (commits, windowBytes, batchSamplesMax) => {
        const replayed = await replayBytes(Buffer.concat(commits.map(encodeEntries)), { windowBytes, batchSamplesMax })
        expect(replayed.entries).toEqual(commits.flatMap(asWritten))
        expect(replayed.damages).toEqual([])
      },
    ),
    { numRuns: 300 },
  )
})

test('columns are written as samples one by one are, from any part of larger columns', async () => {
  const sample = fc.tuple(fc.integer({ min: 1, max: 0xffff_ffff }), fc.maxSafeInteger(), fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }))
  await fc.assert(
    fc.asyncProperty(fc.array(sample, { maxLength: 50 }), fc.nat(10), fc.nat(10), async (samples, before, behind) => {
      const refs = new Uint32Array(before + samples.length + behind)
      const timesMs = new Float64Array(refs.length)
      const bits = new BigUint64Array(refs.length)
      for (const [i, [ref, timeMs, value]] of samples.entries()) {
        refs[before + i] = ref
        timesMs[before + i] = timeMs
        bits[before + i] = value
      }
      const encoder = new RecordEncoder()
      encoder.samples(refs, timesMs, new Float64Array(bits.buffer), before, before + samples.length)
      const one = encodeEntries(samples.map(([ref, timeMs, value]): Entry => ({ kind: 'sample', ref, timeMs, bits: value })))
      expect(Buffer.from(encoder.finish()).equals(one)).toBe(true)
    }),
  )
})

/** Bytes for each sample of a commit of 1,000, frame and all. */
function bytesPerSample(fill: (i: number) => { ref: number; timeMs: number; value: number }): number {
  const encoder = new RecordEncoder()
  for (let i = 0; i < 1000; i++) {
    const { ref, timeMs, value } = fill(i)
    encoder.sample(ref, timeMs, Float64Array.of(value), 0)
  }
  return encoder.finish().length / 1000
}

const startMs = 1_700_000_000_000
test.for([
  // Control byte and eight bytes; the frame and the first sample's time add 2 %.
  { why: 'a scrape of arbitrary values', fill: (i: number) => ({ ref: i + 7, timeMs: startMs, value: Math.sin(i) }), max: 9.1 },
  { why: 'one series over time', fill: (i: number) => ({ ref: 7, timeMs: startMs + i * 15_000, value: Math.sin(i) }), max: 9.1 },
  // Integers below 2²¹ have at most 20 bits of mantissa: they stand in the upper four bytes.
  { why: 'a scrape of counters', fill: (i: number) => ({ ref: i + 7, timeMs: startMs, value: 100_000 + i }), max: 5.1 },
  { why: 'a scrape of zeros', fill: (i: number) => ({ ref: i + 7, timeMs: startMs, value: 0 }), max: 1.1 },
  // Times that jitter cost a varint of two bytes.
  { why: 'one series that jitters', fill: (i: number) => ({ ref: 7, timeMs: startMs + i * 15_000 + (i % 7), value: i }), max: 8.1 },
])('$why is written in few bytes', ({ fill, max }) => expect(bytesPerSample(fill)).toBeLessThan(max))

test('a text that comes again is written once', () => {
  const labels = [['__name__', 'http_requests_total'] as const, ['instance', 'host.example:9090'] as const]
  const one = encodeEntries([{ kind: 'series', ref: 1, labels }]).length
  const two = encodeEntries([1, 2].map((ref): Entry => ({ kind: 'series', ref, labels }))).length
  // Ref, count, and a number for each of four texts.
  expect(two - one).toBe(6)
})

test('a large commit becomes records of at most 1 MiB, in order', async () => {
  const count = 400_000
  const refs = Uint32Array.from({ length: count }, (_, i) => 1 + i)
  const timesMs = new Float64Array(count).fill(startMs)
  const values = Float64Array.from({ length: count }, (_, i) => i / 3)
  const encoder = new RecordEncoder()
  encoder.samples(refs, timesMs, values, 0, count)
  expect(encoder.sizeBytes).toBeGreaterThan(2 * RECORD_BYTES_MAX)
  const bytes = encoder.finish()
  const lengths: number[] = []
  for (let at = 0; at < bytes.length; ) {
    const length = new DataView(bytes.buffer).getUint32(at + 4, true)
    lengths.push(length)
    at += 12 + length
  }
  expect(lengths.length).toBeGreaterThan(2)
  expect(Math.max(...lengths)).toBeLessThanOrEqual(RECORD_BYTES_MAX)
  const { entries } = await replayBytes(bytes)
  expect(entries.map((entry) => entry.kind === 'sample' && entry.ref)).toEqual([...refs])
  expect(encoder.sizeBytes).toBe(0)
})

test('an entry larger than a record of usual size has one to itself', async () => {
  const large: Entry = { kind: 'series', ref: 2, labels: [['path', 'ä'.repeat(RECORD_BYTES_MAX)]] }
  const entries: Entry[] = [{ kind: 'series', ref: 1, labels: [['a', 'b']] }, large, { kind: 'series', ref: 3, labels: [['a', 'b']] }]
  const replayed = await replayBytes(encodeEntries(entries))
  expect(replayed).toMatchObject({ entries, records: 3, damages: [] })
})

test('an entry that no record holds is refused by its size', () => {
  const encoder = new RecordEncoder()
  expect(() => encoder.series(1, [['path', 'x'.repeat(6_000_000)]])).toThrow(
    /^an entry of up to 18000\d+ bytes is more than a record holds \(16777216\)$/,
  )
  expect(encoder.finish()).toHaveLength(0)
})

test('what a commit that was rolled back left is forgotten', async () => {
  const encoder = new RecordEncoder()
  encoder.series(1, [['a', 'b']])
  encoder.sample(1, 5, Float64Array.of(1), 0)
  encoder.discard()
  expect(encoder.sizeBytes).toBe(0)
  encoder.sample(2, 5, valueOfBits(STALE_NAN_BITS), 0)
  const bytes = encoder.finish()
  const { entries } = await replayBytes(bytes)
  expect(entries).toEqual([{ kind: 'sample', ref: 2, timeMs: 5, bits: STALE_NAN_BITS }])
})

test('records of a type from the future are passed over and counted', async () => {
  const known = encodeEntries([{ kind: 'sample', ref: 1, timeMs: 1, bits: 1n }])
  const { sealFrame } = await import('./frame.ts')
  const future = new Uint8Array(12 + 5)
  sealFrame(future, new DataView(future.buffer), 0, 77, 5)
  const { entries, unknownRecords, damages } = await replayBytes(Buffer.concat([known, future, known]))
  expect(entries).toHaveLength(2)
  expect({ unknownRecords, damages }).toEqual({ unknownRecords: 1, damages: [] })
})
