import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ByteSink } from './chunk/byte-sink.ts'
import { encodeChunk } from './chunk/chunk.ts'
import { type Run, readRuns } from './runs.ts'
import { SampleBuffer } from './sample-buffer.ts'

/** Samples of a run: times rise, the value says which run it came from. */
const timesOf = fc
  .uniqueArray(fc.integer({ min: -50, max: 50 }), { minLength: 1, maxLength: 30 })
  .map((times) => times.sort((a, b) => a - b))

function toRun(times: readonly number[], rank: number, isEncoded: boolean): Run {
  const timesMs = Float64Array.from(times)
  const values = timesMs.map((timeMs) => rank * 1000 + timeMs)
  const bounds = { minMs: times[0]!, maxMs: times.at(-1)!, samples: times.length }
  if (!isEncoded) return { ...bounds, timesMs, timesAt: 0, values, valuesAt: 0 }
  const sink = new ByteSink()
  return { ...bounds, offset: 0, length: encodeChunk(timesMs, values, 0, times.length, sink), bytes: sink.bytes }
}

test('runs that overlap in any way are read in order of time, each time once, by precedence', () => {
  const runs = fc.array(fc.record({ times: timesOf, isEncoded: fc.boolean() }), { maxLength: 9 })
  fc.assert(
    fc.property(runs, (given) => {
      const want = new Map<number, number>()
      for (const [rank, { times }] of given.entries()) {
        for (const timeMs of times) if (!want.has(timeMs)) want.set(timeMs, rank * 1000 + timeMs)
      }
      const into = new SampleBuffer()
      readRuns(
        given.map(({ times, isEncoded }, rank) => toRun(times, rank, isEncoded)),
        into,
      )
      const got = Array.from({ length: into.length }, (_, i) => [into.timesMs[i], into.values[i]])
      expect(got).toEqual([...want].sort(([a], [b]) => a - b))
    }),
    { numRuns: 500 },
  )
})
