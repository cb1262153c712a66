import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { labelValue, toLabels } from '../../../core/labels.ts'
import { createPace } from '../../../core/turns.ts'
import { ByteSink } from '../chunk/byte-sink.ts'
import { decodeChunk, encodeChunk } from '../chunk/chunk.ts'
import type { Matcher, TimeRange } from '../contract.ts'
import { compileMatcher } from '../matcher.ts'
import { SampleBuffer } from '../sample-buffer.ts'
import { STALE_NAN_BITS } from '../stale.ts'
import { openBlock } from './block.ts'
import { PieceCache } from './piece-cache.ts'
import { encode, everything, expected, type PlainSeries, plain, readBlock, sortSeries, toChunks, writeSeries } from './testing.ts'
import { writeBlock } from './write.ts'

let dir: string
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'block-'))
})
afterEach(() => rm(dir, { recursive: true }))

const open = async (series: readonly PlainSeries[], samplesPerChunk = 120) =>
  openBlock(join(dir, (await writeSeries(dir, series, { samplesPerChunk })).id))

const text = fc.oneof(
  fc.constantFrom('a', 'b', 'c', 'up', '__name__', 'é', '𝒳', '\uffee'),
  fc.string({ unit: 'binary', minLength: 1, maxLength: 6 }),
)
/** Half a surrogate pair is no Unicode, but a string can hold it. */
const label = fc.oneof({ arbitrary: text, weight: 20 }, { arbitrary: fc.constant('\ud800x'), weight: 1 })
const labels = fc.dictionary(label, label, { maxKeys: 5, noNullPrototype: true })
const times = fc
  .tuple(
    fc.integer({ min: -1e13, max: 1e13 }),
    fc.array(fc.oneof(fc.constant(15_000), fc.integer({ min: 1, max: 1e7 })), { minLength: 0, maxLength: 60 }),
  )
  .map(([start, steps]) => {
    let timeMs = start
    return [start, ...steps.map((step) => (timeMs += step))]
  })
const seriesList = fc
  .uniqueArray(fc.record({ labels, times, at: fc.integer() }), {
    selector: (one) => JSON.stringify(toLabels(one.labels)),
    minLength: 1,
    maxLength: 12,
  })
  .map((all) =>
    all.map(({ labels: names, times: timesMs, at }) =>
      plain(
        names,
        timesMs,
        timesMs.map((_, i) => at + i / 8),
      ),
    ),
  )
const matcher: fc.Arbitrary<Matcher> = fc.record({
  name: label,
  op: fc.constantFrom('=', '!=', '=~', '!~'),
  value: fc.constantFrom('', 'a', 'b', '.*', '.+', 'a|b', '[a-c].*', 'up|', '(é|𝒳)'),
})
const range: fc.Arbitrary<TimeRange> = fc.oneof(
  fc.constant(everything),
  fc.tuple(fc.integer({ min: -1e13, max: 1e13 }), fc.nat(1e8)).map(([fromMs, lengthMs]) => ({ fromMs, toMs: fromMs + lengthMs })),
)

test('what is written is read back, and matchers and ranges choose as a plain search does', { timeout: 60_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(
      seriesList,
      fc.array(matcher, { maxLength: 3 }),
      range,
      fc.integer({ min: 1, max: 40 }),
      async (series, matchers, wanted, perChunk) => {
        const block = await open(series, perChunk)
        try {
          const compiled = matchers.map(compileMatcher)
          const chosen = series.filter((one) => compiled.every((each) => each.matches(labelValue(one.labels, each.name))))
          expect(await readBlock(block, wanted, matchers)).toEqual({ series: expected(chosen, wanted), warnings: [] })
          // Names and values: of the series with a chunk in the range, which is what `match` gives.
          const touching = block.match(compiled, wanted).map((one) => one.labels)
          expect([...block.seriesLabels(compiled, wanted)]).toEqual(touching)
          const inTurns = await block.matchInTurns(compiled, wanted, createPace())
          expect(inTurns.map((one) => one.labels)).toEqual(touching)
          if (matchers.length > 0) {
            expect([...block.labelNames(compiled, wanted)].sort()).toEqual(
              [...new Set(touching.flatMap((one) => one.map(([name]) => name)))].sort(),
            )
            const values = new Set(touching.map((one) => labelValue(one, 'a')).filter((value) => value !== ''))
            expect([...block.labelValues('a', compiled, wanted)].sort()).toEqual([...values].sort())
          }
          expect(block.meta).toMatchObject({
            series: series.length,
            samples: series.reduce((sum, one) => sum + one.timesMs.length, 0),
            minMs: Math.min(...series.map((one) => one.timesMs[0]!)),
            maxMs: Math.max(...series.map((one) => one.timesMs.at(-1)!)),
          })
        } finally {
          await block.close()
        }
      },
    ),
    { numRuns: 150 },
  )
})

test('values keep their bits, staleness markers among them', async () => {
  const bits = [STALE_NAN_BITS, 0x7ff8_0000_0000_0001n, 0x8000_0000_0000_0000n, 0xfff0_0000_0000_0000n, 1n]
  const values = new Float64Array(new BigUint64Array(bits).buffer)
  const timesMs = Float64Array.from(bits, (_, i) => i * 1000)
  const sink = new ByteSink()
  const length = encodeChunk(timesMs, values, 0, bits.length, sink)
  const chunk = { minMs: 0, maxMs: 4000, samples: bits.length, bytes: sink.bytes, offset: 0, length }
  const meta = await writeBlock(dir, [{ labels: toLabels({ a: 'b' }), chunks: [chunk] }])
  const block = await openBlock(join(dir, meta!.id))
  const found = block.match([], everything)
  await block.load(found, { charge: () => undefined })
  const into = new SampleBuffer()
  const at = found[0]!.chunks[0]!
  decodeChunk(at.bytes!, at.offset, at.length, into)
  expect([...new BigUint64Array(into.values.buffer, 0, bits.length)]).toEqual(bits)
  await block.close()
})

const wide = (count: number) =>
  Array.from({ length: count }, (_, i) => {
    const timesMs = Array.from({ length: 480 }, (_, at) => at * 15_000)
    return plain(
      { __name__: `m${i % 10}`, i: String(i).padStart(4, '0') },
      timesMs,
      timesMs.map((_, at) => Math.sin(i * 480 + at)),
    )
  })

test('thousands of chunks spread over pieces, and a read brings only the pieces it needs', async () => {
  const series = wide(120)
  const meta = await writeSeries(dir, series)
  const cache = new PieceCache(64 * 1024 * 1024)
  const block = await openBlock(join(dir, meta.id), { cache })
  expect(block.index.columns.pieceRaw.length).toBeGreaterThan(5)
  let charged = 0
  const found = block.match([compileMatcher({ name: '__name__', op: '=', value: 'm3' })], everything)
  await block.load(found, { charge: (bytes) => (charged += bytes) })
  expect(found.length).toBe(12)
  expect(charged).toBeLessThan(4 * 70_000)
  const misses = cache.misses
  await block.load(found, { charge: () => undefined })
  expect(cache.misses, 'the second time everything is in the cache').toBe(misses)
  expect((await readBlock(block)).series).toEqual(expected(series))
  await block.close()
  expect(cache.bytes, 'nothing of a closed block stays in the cache').toBe(0)
})

test('the cache keeps its bound, and a read that would pass its budget reads nothing', async () => {
  const meta = await writeSeries(dir, wide(60))
  const cache = new PieceCache(150_000)
  const block = await openBlock(join(dir, meta.id), { cache })
  const found = block.match([], everything)
  await expect(
    block.load(found, {
      charge() {
        throw new Error('too much')
      },
    }),
  ).rejects.toThrow('too much')
  expect(cache.misses).toBe(0)
  await block.load(found, { charge: () => undefined })
  expect(cache.bytes).toBeGreaterThan(60_000)
  expect(cache.bytes).toBeLessThanOrEqual(150_000)
  await block.close()
})

test('index and framing stay below 0.15 bytes a sample for many series of short chunks', { timeout: 30_000 }, async () => {
  const timesMs = Array.from({ length: 1440 }, (_, i) => i * 15_000)
  const shared = toChunks(
    plain(
      {},
      timesMs,
      timesMs.map((_, i) => i % 7),
    ),
    120,
  ).chunks
  const series = sortSeries(
    Array.from({ length: 4000 }, (_, i) => ({
      labels: toLabels({
        __name__: `metric_${i % 100}`,
        job: 'node',
        instance: `host-${Math.floor(i / 100)}:9100`,
        device: `dev${i % 20}`,
      }),
      chunks: shared,
    })),
  )
  const meta = (await writeBlock(dir, series))!
  const raw = shared.reduce((sum, { length }) => sum + length, 0) * 4000
  const overhead = meta.files.index!.bytes + Math.max(0, meta.files.data!.bytes - raw)
  expect(overhead / meta.samples).toBeLessThan(0.15)
})

test('deleted samples are not shown, and stay deleted when the block is opened again', async () => {
  const series = [plain({ a: '1' }, [0, 10, 20, 30], [1, 2, 3, 4]), plain({ a: '2' }, [0, 10, 20, 30], [5, 6, 7, 8])]
  const block = await open(series, 2)
  const [first, second] = block.match([], everything)
  await Promise.all([
    block.addTombstones([{ series: first!.index, range: { fromMs: 10, toMs: 15 } }]),
    block.addTombstones([{ series: second!.index, range: everything }]),
    block.addTombstones([{ series: first!.index, range: { fromMs: 16, toMs: 20 } }]),
  ])
  const want = {
    '{a="1"}': [
      [0, 1],
      [30, 4],
    ],
  }
  expect((await readBlock(block)).series).toEqual(want)
  expect([...block.seriesLabels([], everything)].length, 'a series of which nothing is left is not shown').toBe(1)
  expect([...block.seriesLabels([], { fromMs: 20, toMs: 20 })].length, 'a chunk of which something is left may be in the range').toBe(1)
  const again = await openBlock(block.dir)
  expect((await readBlock(again)).series).toEqual(want)
  expect(again.tombstones).toEqual(block.tombstones)
  await Promise.all([block.close(), again.close()])
})

test('a series that has no samples is kept, for whoever writes down the memory of a store', async () => {
  const timesMs = [1, 2]
  const full = toChunks(plain({ a: 'full' }, timesMs, timesMs))
  const meta = await writeBlock(
    dir,
    [{ labels: toLabels({ a: 'empty' }), chunks: [] }, full, { labels: toLabels({ a: 'last' }), chunks: [] }],
    {
      kind: 'checkpoint',
      walSegment: 7,
      extra: { refs: [1, 2] },
      extraFiles: { refs: Buffer.from('1 2 3') },
    },
  )
  const block = await openBlock(join(dir, meta!.id))
  expect(block.meta).toMatchObject({ kind: 'checkpoint', walSegment: 7, extra: { refs: [1, 2] } })
  expect([...block.allSeries()].map(({ labels: [pair], chunks }) => [pair![1], chunks.length])).toEqual([
    ['empty', 0],
    ['full', 1],
    ['last', 0],
  ])
  expect([...block.seriesLabels([], everything)].length).toBe(1)
  expect(String(await block.readExtraFile('refs'))).toBe('1 2 3')
  await block.close()
})

test('nothing is written when no series comes, and nothing is left when the writing fails', async () => {
  expect(await writeBlock(dir, [])).toBeUndefined()
  const series = plain({ a: 'b' }, [1, 2], [1, 2])
  const broken = async function* () {
    yield toChunks(series)
    throw new Error('the source broke')
  }
  await expect(writeBlock(dir, broken())).rejects.toThrow('the source broke')
  await expect(writeBlock(dir, [toChunks(series), toChunks(series)])).rejects.toThrow('series out of order')
  await expect(writeBlock(dir, [{ labels: [], chunks: [encode(series, 1, 2), encode(series, 0, 1)] }])).rejects.toThrow('out of order')
  await expect(writeBlock(join(dir, 'a\0b'), [toChunks(series)])).rejects.toThrow()
  const abort = AbortSignal.abort(new Error('stopping'))
  await expect(writeBlock(dir, [toChunks(series)], { signal: abort })).rejects.toThrow('stopping')
  expect(await readdir(dir)).toEqual([])
})

test('a block that is closed while it is read answers the reader, and nobody after it', async () => {
  const block = await open(wide(20))
  const found = block.match([], everything)
  const loading = block.load(found, { charge: () => undefined })
  const closing = block.close()
  await loading
  await closing
  expect(found.every((one) => one.chunks.every((chunk) => chunk.bytes !== undefined))).toBe(true)
  await expect(block.load(found, { charge: () => undefined })).rejects.toMatchObject({ code: 'MW_STORE_BLOCK_RETIRED' })
})
