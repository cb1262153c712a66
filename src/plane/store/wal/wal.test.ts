import { mkdirSync, readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { segmentHead } from './segment.ts'
import { anyEntry, asWritten, collector, type Entry, encodeEntries, recordingLog, temporaryFolder } from './testing.ts'
import { openWal, type Wal, type WalConfig } from './wal.ts'

const sample = (ref: number, timeMs = 1): Entry => ({ kind: 'sample', ref, timeMs, bits: BigInt(ref) })

async function openAt(folder: string, config: Partial<WalConfig> = {}, fromSegment = 0) {
  const log = recordingLog()
  const wal = await openWal(join(folder, 'wal'), config, { log, quarantineDir: join(folder, 'quarantine') })
  const handler = collector()
  const outcome = await wal.replay(fromSegment, handler)
  return { wal, entries: handler.entries, outcome, log }
}

const appendAll = (wal: Wal, entries: readonly Entry[]) => Promise.all(entries.map((entry) => wal.append(encodeEntries([entry]))))

test('what was appended is read back bit for bit, in order, over any number of segments and restarts', { timeout: 60_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(fc.array(anyEntry, { maxLength: 20 }), { maxLength: 6 }), { minLength: 1, maxLength: 4 }),
      fc.integer({ min: 50, max: 3000 }),
      async (lives, segmentBytesMax) => {
        using folder = temporaryFolder()
        const written: Entry[] = []
        for (const commits of lives) {
          const { wal, entries, outcome } = await openAt(folder.path, { segmentBytesMax })
          expect(entries).toEqual(written)
          expect(outcome.damages).toEqual([])
          await Promise.all(commits.map((commit) => wal.append(encodeEntries(commit))))
          await wal.close()
          written.push(...commits.flatMap(asWritten))
        }
        const { wal, entries } = await openAt(folder.path)
        expect(entries).toEqual(written)
        await wal.close()
      },
    ),
    { numRuns: 60 },
  )
})

test('an acknowledged append is in the file before anything is synced or closed', async () => {
  using folder = temporaryFolder()
  const { wal } = await openAt(folder.path, { fsyncIntervalMs: 60_000 })
  const bytes = encodeEntries([sample(1)])
  await wal.append(bytes)
  expect(readFileSync(join(folder.path, 'wal', '00000001.wal')).subarray(16)).toEqual(Buffer.from(bytes))
  expect(wal.stats()).toMatchObject({ writes: 1, fsyncs: 0, bytesWritten: bytes.length })
  await wal.close()
  expect(wal.stats().fsyncs).toBe(1)
})

test('appends that gather while one is written go together', async () => {
  using folder = temporaryFolder()
  const { wal } = await openAt(folder.path)
  await appendAll(
    wal,
    Array.from({ length: 500 }, (_, i) => sample(i + 1)),
  )
  // The first goes alone, the other 499 wait for it.
  expect(wal.stats().writes).toBe(2)
  await wal.close()
  const { entries, wal: again } = await openAt(folder.path)
  expect(entries).toEqual(Array.from({ length: 500 }, (_, i) => sample(i + 1)))
  await again.close()
})

test('with an interval of 0 an append is synced before it is acknowledged, and those that wait share one fsync', async () => {
  using folder = temporaryFolder()
  const { wal } = await openAt(folder.path, { fsyncIntervalMs: 0 })
  await wal.append(encodeEntries([sample(1)]))
  expect(wal.stats().fsyncs).toBe(1)
  await appendAll(
    wal,
    Array.from({ length: 100 }, (_, i) => sample(i + 2)),
  )
  // The first of them may go alone; the others wait for it.
  const { fsyncs, writes } = wal.stats()
  expect(writes).toBeLessThanOrEqual(3)
  expect(fsyncs).toBe(writes)
  expect(wal.stats().fsyncSecondsTotal).toBeGreaterThan(0)
  await wal.close()
})

test('what was written is synced when the interval is over, without being asked', async () => {
  using folder = temporaryFolder()
  const { wal } = await openAt(folder.path, { fsyncIntervalMs: 20 })
  await wal.append(encodeEntries([sample(1)]))
  await expect.poll(() => wal.stats().fsyncs, { interval: 5, timeout: 10_000 }).toBe(1)
  await wal.close()
})

test('sync covers what was appended before it, older segments included', async () => {
  using folder = temporaryFolder()
  const { wal } = await openAt(folder.path, { segmentBytesMax: 40, fsyncIntervalMs: 60_000 })
  await appendAll(wal, [sample(1), sample(2), sample(3)])
  expect(wal.segments).toEqual([1, 2, 3])
  await wal.sync()
  expect(wal.stats().fsyncs).toBe(3)
  await wal.close()
})

test('after a cut everything stands in later segments, and earlier ones can go', async () => {
  using folder = temporaryFolder()
  const { wal } = await openAt(folder.path)
  // Not awaited: what was appended before the cut stands before it all the same.
  void wal.append(encodeEntries([sample(1)]))
  const cut = wal.cut()
  void wal.append(encodeEntries([sample(2)]))
  const segment = await cut
  expect(segment).toBe(2)
  expect(await wal.cut()).toBe(3)
  // Nothing was appended since: the segment is empty already.
  expect(await wal.cut()).toBe(3)
  await wal.append(encodeEntries([sample(3)]))
  const sizeBytes = wal.sizeBytes
  await wal.removeBefore(segment)
  expect(wal.segments).toEqual([2, 3])
  expect(wal.sizeBytes).toBeLessThan(sizeBytes)
  expect(wal.sizeBytes).toBe(sizeOf(join(folder.path, 'wal')))
  await wal.close()

  const { entries, wal: again } = await openAt(folder.path)
  expect(entries).toEqual([sample(2), sample(3)])
  await again.close()
  const { entries: later, wal: third } = await openAt(folder.path, {}, 3)
  expect(later).toEqual([sample(3)])
  await third.close()
})

test('the current segment is never removed', async () => {
  using folder = temporaryFolder()
  const { wal } = await openAt(folder.path)
  await wal.append(encodeEntries([sample(1)]))
  await wal.removeBefore(99)
  await wal.append(encodeEntries([sample(2)]))
  await wal.close()
  const again = await openAt(folder.path)
  expect(again.entries).toEqual([sample(1), sample(2)])
  await again.wal.close()
})

test('a number that the caller counts on is not given to a segment before it', async () => {
  using folder = temporaryFolder()
  const { wal } = await openAt(folder.path, {}, 40)
  await wal.append(encodeEntries([sample(1)]))
  expect(wal.segments).toEqual([40])
  await wal.close()
})

test('a log that is not replayed goes on in a new segment', async () => {
  using folder = temporaryFolder()
  const { wal } = await openAt(folder.path)
  await wal.append(encodeEntries([sample(1)]))
  await wal.close()
  const unread = await openWal(join(folder.path, 'wal'), {}, { log: recordingLog(), quarantineDir: folder.path })
  await unread.append(encodeEntries([sample(2)]))
  expect(unread.segments).toEqual([1, 2])
  await unread.close()
})

test('a torn tail is copied, cut off, reported once, and what follows stands behind valid records', async () => {
  using folder = temporaryFolder()
  const { wal } = await openAt(folder.path)
  const [first, second] = [encodeEntries([sample(1)]), encodeEntries([sample(2)])]
  await wal.append(first)
  await wal.append(second)
  await wal.close()
  const file = join(folder.path, 'wal', '00000001.wal')
  truncateSync(file, 16 + first.length + 5)

  const torn = await openAt(folder.path)
  expect(torn.entries).toEqual([sample(1)])
  const quarantinedAs = join(folder.path, 'quarantine', `00000001-at-${16 + first.length}.bad`)
  expect(torn.outcome.damages).toEqual([{ file, offset: 16 + first.length, bytes: 5, reason: 'a record is cut off', quarantinedAs }])
  expect(readFileSync(quarantinedAs)).toEqual(Buffer.from(second.subarray(0, 5)))
  expect(torn.log.lines).toMatchObject([{ level: 'warn', fields: { file, bytes: 5 } }])
  await torn.wal.append(encodeEntries([sample(3)]))
  expect(torn.wal.segments).toEqual([1])
  await torn.wal.close()

  const after = await openAt(folder.path)
  expect(after.entries).toEqual([sample(1), sample(3)])
  expect(after.outcome.damages).toEqual([])
  await after.wal.close()
})

test('a tail of zeros is cut off and not copied', async () => {
  using folder = temporaryFolder()
  const { wal } = await openAt(folder.path)
  await wal.append(encodeEntries([sample(1)]))
  await wal.close()
  const file = join(folder.path, 'wal', '00000001.wal')
  const { size } = statSync(file)
  truncateSync(file, 3_000_000)
  const { wal: again, outcome, entries } = await openAt(folder.path)
  expect(entries).toEqual([sample(1)])
  expect(outcome.damages).toMatchObject([
    { offset: size, bytes: 3_000_000 - size, reason: expect.stringContaining('nothing but zeros'), quarantinedAs: undefined },
  ])
  expect(statSync(file).size).toBe(size)
  await again.close()
})

test('a flipped byte in the middle of an older segment costs one record; the file stays as it is', async () => {
  using folder = temporaryFolder()
  const { wal } = await openAt(folder.path, { segmentBytesMax: 100 })
  for (let i = 1; i <= 6; i++) await wal.append(encodeEntries([sample(i)]))
  await wal.close()
  expect(wal.segments.length).toBeGreaterThan(1)
  const file = join(folder.path, 'wal', '00000001.wal')
  const bytes = readFileSync(file)
  bytes[30]! ^= 1
  writeFileSync(file, bytes)
  for (const _ of ['first', 'again']) {
    const { wal: again, entries, outcome } = await openAt(folder.path)
    expect(entries).toEqual([2, 3, 4, 5, 6].map((i) => sample(i)))
    expect(outcome.damages).toMatchObject([{ file, offset: 16, reason: 'a checksum does not match' }])
    await again.close()
  }
  expect(readFileSync(file)).toEqual(bytes)
  expect(readdirSync(join(folder.path, 'quarantine'))).toEqual(['00000001-at-16.bad'])
})

test.for([
  { why: 'cut off', damage: (bytes: Buffer) => bytes.subarray(0, 9), want: [], reason: 'is cut off' },
  { why: 'empty, as after a loss of power', damage: (bytes: Buffer) => bytes.subarray(0, 0), want: [], reason: undefined },
  { why: 'flipped', damage: (bytes: Buffer) => bytes.fill(0, 8, 9), want: [sample(1)], reason: 'checksum' },
  { why: 'not ours', damage: (bytes: Buffer) => bytes.fill('X', 0, 4), want: [sample(1)], reason: 'not that of a log' },
  {
    why: 'that of another segment',
    damage: (bytes: Buffer) => Buffer.concat([segmentHead(7), bytes.subarray(16)]),
    want: [sample(1)],
    reason: '00000007.wal',
  },
])('a segment whose head is $why is read as far as it goes and written no more', async ({ damage, want, reason }) => {
  using folder = temporaryFolder()
  const { wal } = await openAt(folder.path)
  await wal.append(encodeEntries([sample(1)]))
  await wal.close()
  const file = join(folder.path, 'wal', '00000001.wal')
  writeFileSync(file, damage(readFileSync(file)))
  const { wal: again, entries, outcome } = await openAt(folder.path)
  expect(entries).toEqual(want)
  expect(outcome.damages.map((one) => one.reason)).toEqual(reason === undefined ? [] : [expect.stringContaining(reason)])
  await again.append(encodeEntries([sample(2)]))
  expect(again.segments).toEqual([1, 2])
  await again.close()
  const last = await openAt(folder.path)
  expect(last.entries).toEqual([...want, sample(2)])
  await last.wal.close()
})

test('a log of a newer version is refused by name', async () => {
  using folder = temporaryFolder()
  mkdirSync(join(folder.path, 'wal'), { recursive: true })
  const file = join(folder.path, 'wal', '00000003.wal')
  writeFileSync(file, segmentHead(3, 2))
  await expect(openAt(folder.path)).rejects.toMatchObject({
    code: 'MW_WAL_VERSION',
    message: `${file} has version 2; this modelwatch reads 1`,
  })
})

test('damage in very many places is told in a bounded number of reports, and the valid records among it are read', async () => {
  using folder = temporaryFolder()
  const count = 300
  const piece = Buffer.concat([encodeEntries([sample(5)]), Buffer.of(1, 2, 3)])
  mkdirSync(join(folder.path, 'wal'), { recursive: true })
  const file = join(folder.path, 'wal', '00000001.wal')
  writeFileSync(file, Buffer.concat([segmentHead(1), ...Array.from({ length: count }, () => piece)]))
  const { wal, entries, outcome } = await openAt(folder.path)
  expect(entries).toHaveLength(count)
  expect(outcome.damages).toHaveLength(100)
  expect(outcome.damages.at(-1)).toMatchObject({ reason: 'damaged in many places', offset: 16 + 100 * piece.length - 3 })
  // Valid records stand within the last report: nothing is cut, and the log goes on elsewhere.
  expect(statSync(file).size).toBe(16 + count * piece.length)
  await wal.append(encodeEntries([sample(6)]))
  expect(wal.segments).toEqual([1, 2])
  await wal.close()
})

test('a closed log takes nothing, and closing twice is closing once', async () => {
  using folder = temporaryFolder()
  const { wal } = await openAt(folder.path)
  const last = wal.append(encodeEntries([sample(1)]))
  await Promise.all([wal.close(), wal.close()])
  await last
  await expect(wal.append(encodeEntries([sample(2)]))).rejects.toMatchObject({ code: 'MW_WAL_CLOSED' })
  await expect(wal.cut()).rejects.toMatchObject({ code: 'MW_WAL_CLOSED' })
  await expect(wal.sync()).rejects.toMatchObject({ code: 'MW_WAL_CLOSED' })
})

const sizeOf = (dir: string) => readdirSync(dir).reduce((sum, name) => sum + statSync(join(dir, name)).size, 0)
