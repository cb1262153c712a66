import fc from 'fast-check'
import { expect, test } from 'vitest'
import { readRuns } from '../runs.ts'
import { SampleBuffer } from '../sample-buffer.ts'
import { JOINED_SAMPLES_MAX, joinChunks, type SourceChunk } from './join-chunks.ts'
import { encode, plain } from './testing.ts'
import { joinRanges } from './tombstones.ts'

const fail = () => {
  throw new Error('nothing is damaged')
}

/** A block's chunks of the series, with what is deleted of it. */
const source = fc.record({
  timesMs: fc.uniqueArray(fc.nat(3000), { minLength: 1, maxLength: 900 }).map((times) => times.sort((a, b) => a - b)),
  perChunk: fc.integer({ min: 1, max: 300 }),
  deleted: fc
    .array(fc.tuple(fc.nat(3000), fc.nat(400)), { maxLength: 3 })
    .map((all) => joinRanges(all.map(([fromMs, length]) => ({ fromMs, toMs: fromMs + length })))),
})

test('every sample stands there once, that of the smaller rank first, without what was deleted', () => {
  fc.assert(
    fc.property(fc.array(source, { minLength: 1, maxLength: 4 }), (sources) => {
      const chunks: SourceChunk[] = []
      const want = new Map<number, number>()
      for (const [rank, { timesMs, perChunk, deleted }] of sources.entries()) {
        const series = plain(
          {},
          timesMs,
          timesMs.map((timeMs) => timeMs + rank * 10_000),
        )
        for (let from = 0; from < timesMs.length; from += perChunk) {
          chunks.push({ ...encode(series, from, Math.min(from + perChunk, timesMs.length)), rank, deleted })
        }
        for (const [i, timeMs] of timesMs.entries()) {
          const isDeleted = deleted.some(({ fromMs, toMs }) => timeMs >= fromMs && timeMs <= toMs)
          if (!isDeleted && !want.has(timeMs)) want.set(timeMs, series.values[i]!)
        }
      }
      const joined = joinChunks(chunks, fail)
      for (let i = 1; i < joined.length; i++) {
        expect(joined[i]!.minMs).toBeGreaterThan(joined[i - 1]!.maxMs)
        expect(joined[i]!.samples + joined[i - 1]!.samples, 'neighbours that fit into one chunk are one').toBeGreaterThan(
          JOINED_SAMPLES_MAX,
        )
      }
      const buffer = new SampleBuffer()
      for (const chunk of joined) {
        const before = buffer.length
        readRuns([chunk], buffer)
        expect([buffer.timesMs[before], buffer.timesMs[buffer.length - 1], buffer.length - before]).toEqual([
          chunk.minMs,
          chunk.maxMs,
          chunk.samples,
        ])
        expect(chunk.samples).toBeLessThanOrEqual(JOINED_SAMPLES_MAX)
      }
      const found = Array.from({ length: buffer.length }, (_, i) => [buffer.timesMs[i]!, buffer.values[i]!])
      expect(found).toEqual([...want].sort(([a], [b]) => a - b))
    }),
    { numRuns: 60 },
  )
})

test('chunks that are as they should be keep their bytes', () => {
  const timesMs = Array.from({ length: 960 }, (_, i) => i)
  const series = plain({}, timesMs, timesMs)
  const [a, b] = [encode(series, 0, 480), encode(series, 480, 960)]
  const joined = joinChunks(
    [b, a].map((chunk) => ({ ...chunk, rank: 0, deleted: [] })),
    fail,
  )
  expect(joined.map(({ bytes }) => bytes)).toEqual([a.bytes, b.bytes])
  expect(joined[0]!.bytes).toBe(a.bytes)
})

test('a chunk that cannot be decoded is left out, told of, and takes nothing along', () => {
  const timesMs = Array.from({ length: 30 }, (_, i) => i)
  const series = plain({}, timesMs, timesMs)
  const chunks = [0, 10, 20].map((from) => ({ ...encode(series, from, from + 10), rank: 0, deleted: [] }))
  const told: number[] = []
  const broken = chunks.map((chunk, i) => (i === 1 ? { ...chunk, bytes: chunk.bytes.map(() => 0xff) } : chunk))
  const joined = joinChunks(broken, (chunk) => told.push(chunk.minMs))
  expect(told).toEqual([10])
  expect(joined.map(({ minMs, maxMs, samples }) => [minMs, maxMs, samples])).toEqual([[0, 29, 20]])
})
