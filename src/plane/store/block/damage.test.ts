import { copyFile, cp, mkdir, mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { crc32, zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createRandom } from '../../../core/random.ts'
import { compileMatcher } from '../matcher.ts'
import { openBlock } from './block.ts'
import { openBlockSet } from './block-set.ts'
import { codec, ENTRY_BYTES, HEADER_BYTES } from './index-format.ts'
import type { BlockMeta } from './meta.ts'
import { parseIndex } from './parse-index.ts'
import { crashConfig, createTestLog, everything, expected, plain, readBlock, writeSeries } from './testing.ts'
import { parseTombstones } from './tombstones.ts'

const cases = Number(process.env.MODELWATCH_FUZZ_CASES ?? 10_000)
const HOUR_MS = 3_600_000

let dir: string
let blocksDir: string
let meta: BlockMeta
/** The block beside it, which nobody touches. */
let other: BlockMeta
const series = ['1', '2', '3'].map((a) => plain({ __name__: 'up', a }, [0, 1000, 2000, 3000], [1, Number(a), 2.5, 1e9]))
const otherSeries = [plain({ __name__: 'up', a: '9' }, [9 * HOUR_MS], [9])]
const deleted = { fromMs: 2000, toMs: 2000 }
const wanted = expected(
  series.map((one) => (one.labels[1]![1] === '2' ? plain(Object.fromEntries(one.labels), [0, 1000, 3000], [1, 2, 1e9]) : one)),
)

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'damage-'))
  blocksDir = join(dir, 'whole')
  meta = await writeSeries(blocksDir, series, { samplesPerChunk: 2, extraFiles: { refs: Buffer.from('some refs') } })
  other = await writeSeries(blocksDir, otherSeries)
  const block = await openBlock(join(blocksDir, meta.id))
  await block.addTombstones(
    block.match([compileMatcher({ name: 'a', op: '=', value: '2' })], everything).map(({ index }) => ({ series: index, range: deleted })),
  )
  await block.close()
})
afterAll(() => rm(dir, { recursive: true }))

/** Opens a copy of the blocks in which one file was changed. */
async function openChanged(change: (path: string) => Promise<void>, name: string) {
  const copy = join(dir, 'copy')
  await cp(blocksDir, copy, { recursive: true })
  await change(join(copy, meta.id, name))
  const log = createTestLog()
  const set = await openBlockSet(copy, crashConfig(copy), { log, clock: { now: () => 0 } })
  return {
    set,
    log,
    copy,
    done: async () => {
      await set.close()
      await rm(copy, { recursive: true })
      await rm(`${copy}-quarantine`, { recursive: true, force: true })
    },
  }
}

const files = ['meta.json', 'index', 'tombstones', 'refs'] as const

test.for(files)(
  'each flipped byte of %s is found: the block is set aside with the reason, the other one answers',
  { timeout: 60_000 },
  async (name) => {
    const bytes = await readFile(join(blocksDir, meta.id, name))
    const random = createRandom(name.length)
    for (let at = 0; at < bytes.length; at++) {
      const flipped = Buffer.from(bytes)
      flipped[at]! ^= 1 << Math.floor(random() * 8)
      const { set, log, copy, done } = await openChanged((path) => writeFile(path, flipped), name)
      expect(
        set.blocks.map((block) => block.meta.id),
        `byte ${at}`,
      ).toEqual([other.id])
      expect((await readBlock(set.blocks[0]!)).series).toEqual(expected(otherSeries))
      expect(set.stats().quarantinedBlocks).toBe(1)
      expect(await readdir(`${copy}-quarantine`)).toEqual([meta.id])
      expect(String(log.lines[0]!.fields.reason)).toContain(`/${name} is damaged`)
      expect(String(await readFile(join(`${copy}-quarantine`, meta.id, 'why.txt')))).toContain(`/${name} is damaged`)
      await done()
    }
  },
)

test('each flipped byte of data is found: what stands in its piece is missing, and said to be', async () => {
  // A few pieces; flipping in one must not touch the others.
  const random = createRandom(5)
  const long = ['a', 'b', 'c'].map((a) => {
    const timesMs = Array.from({ length: 9000 }, (_, i) => i)
    return plain({ a }, timesMs, timesMs.map(random))
  })
  const parent = join(dir, 'data')
  const written = await writeSeries(parent, long)
  const path = join(parent, written.id, 'data')
  const bytes = await readFile(path)
  const whole = expected(long)
  for (let at = 0; at < bytes.length; at += 4999) {
    const flipped = Buffer.from(bytes)
    flipped[at]! ^= 1 << Math.floor(random() * 8)
    await writeFile(path, flipped)
    const block = await openBlock(join(parent, written.id))
    const { warnings, series: found } = await readBlock(block)
    expect(warnings.length).toBe(1)
    expect(warnings[0]).toMatch(
      /\/data cannot be read at offset \d+, piece \d+ of \d+ bytes: its checksum is wrong; up to \d+ samples of [123] series from .* are missing/,
    )
    expect(block.damagedPieces.size).toBe(1)
    let right = 0
    for (const [name, samples] of Object.entries(found)) {
      const values = new Map(whole[name])
      expect(samples.filter(([timeMs, value]) => values.get(timeMs) !== value)).toEqual([])
      right += samples.length
    }
    expect(right).toBeGreaterThan(10_000)
    expect(right).toBeLessThan(27_000)
    await block.close()
  }
}, 60_000)

test('each flipped byte of data is found, the last one too, where all is one piece', { timeout: 30_000 }, async () => {
  const bytes = await readFile(join(blocksDir, meta.id, 'data'))
  for (let at = 0; at < bytes.length; at++) {
    const flipped = Buffer.from(bytes)
    flipped[at]! ^= 0x10
    const { set, log, done } = await openChanged((path) => writeFile(path, flipped), 'data')
    expect(set.blocks.length).toBe(2)
    const results = await Promise.all(set.blocks.map((block) => readBlock(block)))
    expect(results.map((result) => result.series)).toEqual([{}, expected(otherSeries)])
    expect(results.map((result) => result.warnings.length)).toEqual([1, 0])
    expect(set.stats().damagedPieces).toBe(1)
    expect(String(log.lines[0]!.fields.piece)).toContain('/data cannot be read at offset 0')
    await done()
  }
})

test.for([...files, 'data'])('a cut off %s is found at any length', { timeout: 30_000 }, async (name) => {
  const { length } = await readFile(join(blocksDir, meta.id, name))
  for (let keep = 0; keep < length; keep += 1 + Math.floor(length / 40)) {
    const { set, done } = await openChanged((path) => truncate(path, keep), name)
    const results = await Promise.all(set.blocks.map((block) => readBlock(block)))
    const stats = set.stats()
    expect([stats.quarantinedBlocks, stats.damagedPieces], `${keep} bytes`).toEqual(name === 'data' ? [0, 1] : [1, 0])
    expect(results.at(-1)!.series).toEqual(expected(otherSeries))
    await done()
  }
})

test.for(['meta.json', 'index', 'data', 'refs'])('a missing %s is found', async (name) => {
  const { set, done } = await openChanged((path) => rm(path), name)
  expect(set.blocks.map((block) => block.meta.id)).toEqual([other.id])
  await done()
})

test('what is not changed is read as it was written', async () => {
  const { set, done } = await openChanged(async () => undefined, 'index')
  expect((await readBlock(set.blocks[0]!)).series).toEqual(wanted)
  await done()
})

test('a piece from another block is not taken for its own', async () => {
  const twin = await writeSeries(
    join(dir, 'twin'),
    series.map((one) => ({ ...one, values: one.values.map((value) => value + 1) })),
    { samplesPerChunk: 2 },
  )
  const { set, done } = await openChanged((path) => copyFile(join(dir, 'twin', twin.id, 'index'), path), 'index')
  const { series: found, warnings } = await readBlock(set.blocks[0]!)
  // Where the sizes differ the index is refused; else it is the same index, as the labels and times are the same.
  if (set.blocks.length === 2) expect([found, warnings]).toEqual([wanted, []])
  else expect(found).toEqual(expected(otherSeries))
  await done()
})

test('a newer version is refused by name, and left where it is', async () => {
  const copy = join(dir, 'newer')
  await cp(blocksDir, copy, { recursive: true })
  const text = String(await readFile(join(copy, meta.id, 'meta.json')))
  const body = text.slice('{"crc32":"01234567","meta":'.length, -2).replace('"version":1', '"version":2')
  await writeFile(join(copy, meta.id, 'meta.json'), `{"crc32":"${crc32(body).toString(16).padStart(8, '0')}","meta":${body}}\n`)
  const opened = openBlockSet(copy, crashConfig(copy), { log: createTestLog(), clock: { now: () => 0 } })
  await expect(opened).rejects.toMatchObject({ code: 'MW_STORE_BLOCK_VERSION' })
  await expect(opened).rejects.toThrow('meta.json is of version 2; this modelwatch reads versions up to 1')
  expect((await readdir(copy)).sort()).toEqual([meta.id, other.id].sort())
})

/** Changes bytes within the unpacked sections and makes all checksums right again: what is checked then is the structure itself. */
function forge(index: Buffer, edits: readonly { section: number; at: number; byte: number; how: number }[]): Buffer {
  const count = index.readUInt32LE(12)
  const sections: Buffer[] = []
  let offset = HEADER_BYTES + count * ENTRY_BYTES + 4
  const entry = (i: number, field: number) => HEADER_BYTES + i * ENTRY_BYTES + field * 4
  for (let i = 0; i < count; i++) {
    const stored = index.subarray(offset, offset + index.readUInt32LE(entry(i, 2)))
    offset += stored.length
    sections.push(index.readUInt32LE(entry(i, 1)) === codec.zstd ? zstdDecompressSync(stored) : Buffer.from(stored))
  }
  for (const { section, at, byte, how } of edits) {
    const bytes = sections[section % count]!
    const position = at % (bytes.length + 1)
    if (how === 0 && position < bytes.length) bytes[position] = byte
    else if (how === 1)
      sections[section % count] = Buffer.concat([bytes.subarray(0, position), Buffer.from([byte]), bytes.subarray(position)])
    else if (how === 2) sections[section % count] = bytes.subarray(0, position)
    else sections[section % count] = Buffer.concat([bytes.subarray(0, position), Buffer.alloc(byte % 9, 0xff), bytes.subarray(position)])
  }
  const header = Buffer.from(index.subarray(0, HEADER_BYTES + count * ENTRY_BYTES + 4))
  const parts: Buffer[] = [header]
  for (const [i, raw] of sections.entries()) {
    const isPacked = i % 2 === 0
    const stored = isPacked ? zstdCompressSync(raw) : raw
    parts.push(stored)
    for (const [field, value] of [
      [1, isPacked ? codec.zstd : codec.plain],
      [2, stored.length],
      [3, raw.length],
      [4, crc32(stored)],
    ] as const)
      header.writeUInt32LE(value, entry(i, field))
  }
  header.writeUInt32LE(crc32(header.subarray(0, -4)), header.length - 4)
  return Buffer.concat(parts)
}

test(`an index made of anything is refused, or answers within its bounds (${cases} cases)`, async () => {
  const bytes = await readFile(join(blocksDir, meta.id, 'index'))
  const edit = fc.record({ section: fc.nat(6), at: fc.nat(400), byte: fc.nat(255), how: fc.nat(3) })
  const anything = fc.oneof(
    { weight: 8, arbitrary: fc.array(edit, { minLength: 1, maxLength: 4 }).map((edits) => forge(bytes, edits)) },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 200 }).map((raw) => Buffer.from(raw)) },
    { weight: 1, arbitrary: fc.tuple(fc.nat(bytes.length - 1), fc.nat(255)).map(([at, byte]) => Buffer.from(bytes.with(at, byte))) },
  )
  let accepted = 0
  await fc.assert(
    fc.asyncProperty(anything, async (input) => {
      let index: Awaited<ReturnType<typeof parseIndex>>
      try {
        index = await parseIndex(input, 'index')
      } catch (error) {
        expect((error as { code?: string }).code).toMatch(/^MW_STORE_BLOCK_(DAMAGED|VERSION)$/)
        return
      }
      accepted++
      const { columns } = index
      for (let i = 0; i < columns.seriesCount; i++) {
        for (const [name, value] of index.labels(i)) expect(typeof name + typeof value).toBe('stringstring')
        for (const { piece, offset, length } of index.chunksOf(i, Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY)) {
          expect(offset + length).toBeLessThanOrEqual(columns.pieceRaw[piece]!)
        }
      }
      for (const pair of columns.pairSeries.keys()) {
        const into = new Uint32Array(columns.pairSeries[pair]!)
        index.readPosting(pair, into, 0)
        expect(into.every((one) => one < columns.seriesCount)).toBe(true)
      }
    }),
    { numRuns: cases },
  )
  expect(accepted, 'some changes, of a label say, leave a valid index').toBeGreaterThan(0)
}, 120_000)

test('tombstones made of anything are refused, or point to series of the block', () => {
  const head = Buffer.concat([Buffer.from('MWTOMBST'), Buffer.from([1, 0, 0, 0]), Buffer.alloc(8)])
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 30 }), (raw) => {
      const body = Buffer.concat([head, raw])
      const checksum = Buffer.alloc(4)
      checksum.writeUInt32LE(crc32(body))
      try {
        for (const series of parseTombstones(Buffer.concat([body, checksum]), 'tombstones', 3).keys()) expect(series).toBeLessThan(3)
      } catch (error) {
        expect((error as { code?: string }).code).toBe('MW_STORE_BLOCK_DAMAGED')
      }
    }),
    { numRuns: Math.min(cases, 20_000) },
  )
})

test('a damaged block set aside twice does not stand in the way of the second', async () => {
  const { set, copy, done } = await openChanged((path) => rm(path), 'index')
  await set.close()
  await mkdir(join(copy, meta.id))
  const again = await openBlockSet(copy, crashConfig(copy), { log: createTestLog(), clock: { now: () => 0 } })
  expect(again.stats()).toMatchObject({ blocks: 1, quarantinedBlocks: 1 })
  await again.close()
  await done()
})
