import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { promisify } from 'node:util'
import fc from 'fast-check'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { compileMatcher } from '../matcher.ts'
import { type BlockSet, type BlockSetConfig, openBlockSet } from './block-set.ts'
import { UNFINISHED } from './files.ts'
import { createBlockId } from './meta.ts'
import { crashConfig, createTestLog, everything, expected, type PlainSeries, plain, readBlock, writeSeries } from './testing.ts'

const HOUR_MS = 3_600_000
let dir: string
let log: ReturnType<typeof createTestLog>
let clock: { nowMs: number; now(): number }
let sets: BlockSet[]

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'block-set-'))
  log = createTestLog()
  clock = { nowMs: 1000 * HOUR_MS, now: () => clock.nowMs++ }
  sets = []
})
afterEach(async () => {
  await Promise.all(sets.map((set) => set.close()))
  await rm(dir, { recursive: true })
  await rm(`${dir}-quarantine`, { recursive: true, force: true })
})

async function open(config: Partial<BlockSetConfig> = {}): Promise<BlockSet> {
  const set = await openBlockSet(dir, { ...crashConfig(dir), ...config }, { log, clock })
  sets.push(set)
  return set
}

const add = async (set: BlockSet, series: readonly PlainSeries[]) =>
  set.add(await writeSeries(dir, series, { clock, samplesPerChunk: 120 }))

/** Two hours of samples of some series, every minute. */
const hours = (from: number, { names = ['a', 'b'], offset = 0, length = 120, salt = 0 } = {}) =>
  names.map((name) => {
    const timesMs = Array.from({ length }, (_, i) => from * HOUR_MS + i * 60_000 + offset)
    return plain(
      { __name__: name },
      timesMs,
      timesMs.map((timeMs) => timeMs / 7 + name.charCodeAt(0) + salt),
    )
  })

/** Every sample of all blocks, as often as it stands there. */
async function readAll(set: BlockSet): Promise<Record<string, (readonly [number, number])[]>> {
  const all: Record<string, (readonly [number, number])[]> = {}
  for (const block of set.blocks) {
    const { series, warnings } = await readBlock(block)
    expect(warnings).toEqual([])
    for (const [labels, samples] of Object.entries(series)) all[labels] = [...(all[labels] ?? []), ...samples]
  }
  for (const samples of Object.values(all)) samples.sort(([a], [b]) => a - b)
  return all
}

const joined = (...parts: readonly (readonly PlainSeries[])[]) => {
  const all: Record<string, (readonly [number, number])[]> = {}
  for (const part of parts) {
    for (const [labels, samples] of Object.entries(expected(part)))
      all[labels] = [...(all[labels] ?? []), ...samples].sort(([a], [b]) => a - b)
  }
  return all
}

const compactAll = async (set: BlockSet) => {
  let count = 0
  while (await set.compactOnce()) count++
  return count
}

test('full ranges become one block each, level by level, and a restart finds them so', async () => {
  const set = await open()
  const parts = Array.from({ length: 10 }, (_, i) => hours(i * 2, { names: ['a', 'b', `only${i}`] }))
  for (const part of parts) {
    await add(set, part)
    await compactAll(set)
  }
  // Ten blocks of 2 h: 0 to 18 h are one (by way of three), the last waits.
  expect(set.blocks.map(({ meta }) => [meta.minMs / HOUR_MS, meta.level, meta.sources.length])).toEqual([
    [0, 3, 3],
    [18, 1, 0],
  ])
  expect(await readAll(set)).toEqual(joined(...parts))
  expect(set.stats()).toMatchObject({ blocks: 2, compactions: 4, compactionFailures: 0, samples: parts.flat().length * 120, oldestMs: 0 })
  expect(set.blocks[0]!.meta.chunks, 'short chunks were joined').toBe(2 * Math.ceil((9 * 120) / 480) + 9)
  expect((await readdir(dir)).sort()).toEqual(set.blocks.map(({ meta }) => meta.id).sort())
  const sizes = await Promise.all(
    set.blocks.map(async (block) =>
      (await Promise.all((await readdir(block.dir)).map((name) => stat(join(block.dir, name))))).reduce((sum, { size }) => sum + size, 0),
    ),
  )
  expect(Math.abs(set.sizeBytes - sizes.reduce((sum, size) => sum + size, 0))).toBeLessThan(2 * 1024)
  await set.close()
  expect(await readAll(await open())).toEqual(joined(...parts))
})

test('of two samples of one time that of the older block stays, after another compaction too', async () => {
  const set = await open()
  await add(set, [plain({ a: 'x' }, [0, 20, 40], [1, 1, 1])])
  await add(set, [plain({ a: 'x' }, [10, 20, 40], [2, 2, 2]), plain({ a: 'y' }, [5], [2])])
  expect(await compactAll(set)).toBe(1)
  await add(set, [plain({ a: 'x' }, [10, 20, 30], [3, 3, 3])])
  expect(await compactAll(set)).toBe(1)
  expect(await readAll(set)).toEqual({
    '{a="x"}': [
      [0, 1],
      [10, 2],
      [20, 1],
      [30, 3],
      [40, 1],
    ],
    '{a="y"}': [[5, 2]],
  })
})

test('any blocks, overlapping or not, with any deletions: nothing is lost, doubled or brought back', async () => {
  const span = fc.record({
    from: fc.integer({ min: -4, max: 20 }),
    offset: fc.constantFrom(0, 0, 30_000, 60_000),
    length: fc.integer({ min: 1, max: 130 }),
    names: fc.subarray(['a', 'b', 'c'], { minLength: 1 }),
  })
  const deletion = fc.record({
    name: fc.constantFrom('a', 'b', 'c'),
    from: fc.integer({ min: -4, max: 20 }),
    hours: fc.integer({ min: 0, max: 8 }),
  })
  await fc.assert(
    fc.asyncProperty(fc.array(fc.oneof(span, deletion), { minLength: 1, maxLength: 12 }), async (steps) => {
      const set = await open()
      const want = new Map<string, Map<number, number>>()
      for (const [salt, step] of steps.entries()) {
        if ('hours' in step) {
          const range = { fromMs: step.from * HOUR_MS, toMs: (step.from + step.hours) * HOUR_MS }
          await set.deleteSamples([compileMatcher({ name: '__name__', op: '=', value: step.name })], range)
          for (const at of want.get(step.name)?.keys() ?? []) if (at >= range.fromMs && at <= range.toMs) want.get(step.name)!.delete(at)
          continue
        }
        const series = hours(step.from, { ...step, salt })
        await add(set, series)
        for (const { labels, timesMs, values } of series) {
          const samples = want.get(labels[0]![1]) ?? new Map<number, number>()
          want.set(labels[0]![1], samples)
          for (const [i, at] of timesMs.entries()) if (!samples.has(at)) samples.set(at, values[i]!)
        }
      }
      await compactAll(set)
      const wanted = Object.fromEntries(
        [...want].filter(([, samples]) => samples.size > 0).map(([name, samples]) => [name, [...samples].sort(([a], [b]) => a - b)]),
      )
      expect(await readAll(set)).toEqual(wanted)
      await set.cleanTombstones()
      expect(set.stats().tombstonedSeries).toBe(0)
      expect(await readAll(set)).toEqual(wanted)
      await set.close()
      const again = await open()
      expect(await readAll(again)).toEqual(wanted)
      await again.wipe()
      expect(await readdir(dir)).toEqual([])
      await again.close()
    }),
    { numRuns: 40 },
  )
}, 60_000)

test('what is deleted while a block is compacted stays deleted', async () => {
  const set = await open()
  for (const from of [0, 2, 4, 6]) await add(set, hours(from))
  const compacting = set.compactOnce()
  compacting.catch(() => undefined)
  await set.deleteSamples([compileMatcher({ name: '__name__', op: '=', value: 'a' })], everything)
  await expect(compacting).rejects.toMatchObject({ code: 'MW_STORE_BLOCK_RETIRED' })
  expect(await compactAll(set)).toBe(1)
  expect(await readAll(set)).toEqual(joined(...[0, 2, 4, 6].map((from) => hours(from, { names: ['b'] }))))
  expect(await readdir(dir)).toHaveLength(2)
})

test('selections hold what they read, while compaction and retention delete it', async () => {
  const set = await open({ retentionMs: HOUR_MS })
  for (const from of [0, 2, 4, 6]) await add(set, hours(from))
  const held = set.acquire()
  const found = held.blocks.map((block) => ({ block, series: block.match([], everything) }))
  expect(await set.compactOnce()).toBe(true)
  expect(await set.applyRetention(clock.now(), 0), 'the new block').toHaveLength(1)
  expect(set.blocks).toHaveLength(1)
  expect(await readdir(dir), 'the files stay as long as they are held').toHaveLength(4)
  let chunks = 0
  for (const { block, series } of found) {
    await block.load(series, { charge: () => undefined })
    for (const one of series) for (const chunk of one.chunks) if (chunk.bytes !== undefined) chunks++
  }
  expect(chunks).toBe(4 * 2)
  held.release()
  await set.settled()
  expect(await readdir(dir)).toEqual([set.blocks[0]!.meta.id])
})

test('readers see every sample once at any moment of compaction and deletion', { timeout: 60_000 }, async () => {
  const set = await open()
  const parts = Array.from({ length: 28 }, (_, i) => hours(i * 2, { names: ['a'] }))
  for (const part of parts) await add(set, part)
  const want = joined(...parts)
  const compacting = compactAll(set)
  let reads = 0
  let isDone = false
  void compacting.finally(() => {
    isDone = true
  })
  while (!isDone) {
    const held = set.acquire()
    const times: number[] = []
    for (const block of held.blocks) for (const [timeMs] of (await readBlock(block)).series.a ?? []) times.push(timeMs)
    held.release()
    // What is cached is read without waiting; the compaction needs its turn.
    await setImmediate()
    expect(times.sort((a, b) => a - b)).toEqual(want.a!.map(([timeMs]) => timeMs))
    reads++
  }
  expect(await compacting).toBeGreaterThan(9)
  expect(reads).toBeGreaterThan(3)
})

test('the log and older blocks count towards the size that is kept', async () => {
  const set = await open({ retentionBytes: 1 })
  for (const from of [0, 2, 4]) await add(set, hours(from))
  const third = set.blocks[2]!
  const size = third.sizeBytes
  const roomy = await openBlockSet(dir, { ...crashConfig(dir), retentionBytes: size * 2 + 500 }, { log, clock })
  sets.push(roomy)
  expect(await roomy.applyRetention(clock.now(), 0)).toHaveLength(1)
  expect(await roomy.applyRetention(clock.now(), 0)).toHaveLength(0)
  expect(await roomy.applyRetention(clock.now(), 600)).toHaveLength(1)
  expect(roomy.blocks.map(({ meta }) => meta.id)).toEqual([third.meta.id])
  expect(await readAll(roomy)).toEqual(joined(hours(4)))
  expect(roomy.stats().retentionDeletions).toBe(2)
  sets.shift()
  await set.close()
})

test('a snapshot is a set of its own, untouched by what happens to the first', async () => {
  const set = await open()
  for (const from of [0, 2, 4, 6]) await add(set, hours(from))
  const to = join(dir, 'snapshot')
  expect(await set.snapshotInto(to)).toHaveLength(4)
  await set.deleteSamples([], everything)
  await set.cleanTombstones()
  expect(set.blocks).toHaveLength(0)
  const copy = await openBlockSet(to, crashConfig(dir), { log, clock })
  expect(await readAll(copy)).toEqual(joined(...[0, 2, 4, 6].map((from) => hours(from))))
  await copy.close()
})

test('leftovers of writes and deletions go, and what is not a block is left alone', async () => {
  await mkdir(join(dir, `${createBlockId(1)}${UNFINISHED}`))
  await mkdir(join(dir, `${createBlockId(1)}.deleted`))
  await mkdir(join(dir, 'somebody.tmp'))
  await writeFile(join(dir, 'notes.txt'), 'keep')
  const set = await open()
  expect((await readdir(dir)).sort()).toEqual(['notes.txt', 'somebody.tmp'])
  expect(set.blocks).toEqual([])
})

test('blocks that a newer one replaces go when the set is opened, but not for one that is damaged', async () => {
  const first = await writeSeries(dir, hours(0))
  const second = await writeSeries(dir, hours(2))
  const both = await writeSeries(dir, [...hours(0), ...hours(2, { names: ['c'] })], { sources: [first.id, second.id], level: 2 })
  const index = join(dir, both.id, 'index')
  const bytes = await readFile(index)
  await writeFile(index, bytes.with(40, bytes[40]! ^ 1))
  const damaged = await open()
  expect(damaged.blocks.map(({ meta }) => meta.id)).toEqual([first.id, second.id])
  await damaged.close()
  const third = await writeSeries(dir, hours(4), { sources: [first.id] })
  expect((await open()).blocks.map(({ meta }) => meta.id)).toEqual([second.id, third.id])
})

test('a compaction over a damaged piece goes on with the rest, and keeps the damaged block aside', async () => {
  const set = await open()
  for (const from of [0, 2, 4, 6]) await add(set, hours(from))
  const { id } = set.blocks[1]!.meta
  const data = join(dir, id, 'data')
  const bytes = await readFile(data)
  await writeFile(data, bytes.with(7, bytes[7]! ^ 1))
  expect(await compactAll(set)).toBe(1)
  expect(await readAll(set)).toEqual(joined(hours(0), hours(4), hours(6)))
  expect(set.blocks[0]!.meta.damagedSources).toEqual([id])
  expect(await readdir(`${dir}-quarantine`)).toEqual([id])
  expect(set.stats().quarantinedBlocks).toBe(1)
  expect(log.lines.filter(({ level }) => level === 'error').length).toBe(2)
})

test('a compaction that fails leaves the blocks as they were, and is left alone for a while', async () => {
  const set = await open()
  for (const from of [0, 2, 4, 6]) await add(set, hours(from))
  // Without the handle nothing can be read: no damage, and not to be taken for it.
  await set.blocks[1]!.data.close()
  await expect(set.compactOnce()).rejects.toMatchObject({ code: 'MW_STORE_BLOCK_IO' })
  expect(set.stats()).toMatchObject({ blocks: 4, compactionFailures: 1, quarantinedBlocks: 0 })
  expect(await readdir(dir)).toHaveLength(4)
  expect(await set.compactOnce()).toBe(false)
  clock.nowMs += HOUR_MS
  await expect(set.compactOnce()).rejects.toMatchObject({ code: 'MW_STORE_BLOCK_IO' })
  const signal = AbortSignal.abort(new Error('stopping'))
  clock.nowMs += HOUR_MS
  await expect(set.compactOnce(signal)).rejects.toThrow('stopping')
})

test('a full disk is told as such, leaves nothing behind and harms nothing', async () => {
  // A file of the other process may have 8 blocks of 512 bytes, as when the disk is full after so much.
  const set = await open()
  await add(set, hours(0))
  const script = `
    const { writeSeries, plain } = await import(${JSON.stringify(new URL('./testing.ts', import.meta.url).href)})
    const timesMs = Array.from({ length: 5000 }, (_, i) => i)
    try { await writeSeries(${JSON.stringify(dir)}, [plain({ a: 'b' }, timesMs, timesMs.map(Math.sin))]); console.log('written') }
    catch (error) { console.log(error.code) }`
  const { stdout } = await promisify(execFile)('sh', ['-c', `ulimit -f 8; exec "$0" --input-type=module -e "$1"`, process.execPath, script])
  expect(stdout.trim()).toBe('MW_STORE_DISK_FULL')
  expect(await readdir(dir)).toHaveLength(1)
  expect(await readAll(set)).toEqual(joined(hours(0)))
})

test('ids sort as they are made', () => {
  const ids = Array.from({ length: 1000 }, (_, i) => createBlockId(i < 500 ? 5000 : 4000))
  expect([...ids].sort()).toEqual(ids)
  expect(new Set(ids).size).toBe(1000)
})
