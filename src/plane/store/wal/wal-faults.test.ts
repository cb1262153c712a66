import { readFileSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { collector, type Entry, encodeEntries, recordingLog, temporaryFolder } from './testing.ts'
import { openWal, type WalConfig } from './wal.ts'

/** Looks often; a busy machine gets time. */
const patience = { interval: 2, timeout: 10_000 }

const sample = (ref: number): Entry => ({ kind: 'sample', ref, timeMs: 1, bits: BigInt(ref) })

/** Real files whose writes and fsyncs fail on demand, as those of a disk do. */
class FaultyDisk {
  /** Bytes that still fit; then writes are cut short, and the next one fails. */
  roomBytes = Number.POSITIVE_INFINITY
  writeError = 'ENOSPC'
  syncError: string | undefined
  syncs = 0

  readonly openFile = async (path: string, flags: string): Promise<FileHandle> => {
    const file = await open(path, flags)
    const { writev } = file
    const write = file.write.bind(file) as (...args: [Uint8Array, number, number, number]) => ReturnType<typeof file.write>
    file.writev = (async (buffers: Uint8Array[], position: number) => {
      const room = this.#take(buffers.reduce((sum, buffer) => sum + buffer.length, 0))
      const piece = Buffer.concat(buffers).subarray(0, room)
      return { bytesWritten: await writev.call(file, [piece], position).then((done) => done.bytesWritten), buffers }
    }) as typeof writev
    file.write = (async (buffer: Uint8Array, offset: number, length: number, position: number) => {
      this.#take(buffer.length)
      return write(buffer, offset, length, position)
    }) as unknown as typeof file.write
    const { datasync } = file
    file.datasync = async () => {
      this.syncs++
      if (this.syncError !== undefined) throw failure(this.syncError)
      return datasync.call(file)
    }
    return file
  }

  #take(bytes: number): number {
    if (this.roomBytes <= 0) throw failure(this.writeError)
    const taken = Math.min(bytes, this.roomBytes)
    this.roomBytes -= taken
    return taken
  }
}

const failure = (code: string) => Object.assign(new Error(`${code}: the disk said no`), { code })

async function openFaulty(folder: string, config: Partial<WalConfig>) {
  const disk = new FaultyDisk()
  const log = recordingLog()
  const wal = await openWal(
    join(folder, 'wal'),
    { retryMs: 5, ...config },
    { log, quarantineDir: join(folder, 'bad'), openFile: disk.openFile },
  )
  await wal.replay(0, collector())
  return { disk, wal, log }
}

async function entriesOf(folder: string) {
  const handler = collector()
  const wal = await openWal(join(folder, 'wal'), {}, { log: recordingLog(), quarantineDir: join(folder, 'bad') })
  const { damages } = await wal.replay(0, handler)
  await wal.close()
  return { entries: handler.entries, damages }
}

test.for(['ENOSPC', 'EDQUOT', 'EIO', 'EROFS'])('%s: writing stops, nothing that waits is lost, and goes on by itself', async (code) => {
  using folder = temporaryFolder()
  const { disk, wal, log } = await openFaulty(folder.path, {})
  await wal.append(encodeEntries([sample(1)]))
  const before = readFileSync(join(folder.path, 'wal', '00000001.wal'))

  disk.writeError = code
  disk.roomBytes = 5
  let isWritten = false
  const waiting = Promise.all([2, 3].map((i) => wal.append(encodeEntries([sample(i)])))).then(() => {
    isWritten = true
  })
  await expect.poll(() => wal.stats().failures, patience).toBeGreaterThan(2)
  expect([wal.readOnly, isWritten]).toEqual([true, false])
  expect(wal.readOnlyReason).toContain(code)
  await expect(wal.append(encodeEntries([sample(9)]))).rejects.toMatchObject({
    code: 'MW_STORE_READ_ONLY',
    kind: 'unavailable',
    retryable: true,
  })
  // Said once, however often it is tried.
  expect(log.lines.filter(({ level }) => level === 'error')).toHaveLength(1)
  // What the failed write left was cut off.
  expect(readFileSync(join(folder.path, 'wal', '00000001.wal'))).toEqual(before)

  disk.roomBytes = Number.POSITIVE_INFINITY
  await waiting
  await expect.poll(() => wal.readOnly, patience).toBe(false)
  expect(wal.readOnlyReason).toBeUndefined()
  await wal.append(encodeEntries([sample(4)]))
  await wal.close()
  expect(await entriesOf(folder.path)).toEqual({ entries: [1, 2, 3, 4].map(sample), damages: [] })
})

test('a disk that is full when a segment must be made is waited for in the same way', async () => {
  using folder = temporaryFolder()
  const { disk, wal } = await openFaulty(folder.path, { segmentBytesMax: 40 })
  await wal.append(encodeEntries([sample(1)]))
  disk.roomBytes = 0
  const waiting = wal.append(encodeEntries([sample(2)]))
  await expect.poll(() => wal.stats().failures, patience).toBeGreaterThan(1)
  expect(wal.segments).toEqual([1])
  disk.roomBytes = Number.POSITIVE_INFINITY
  await waiting
  expect(wal.segments).toEqual([1, 2])
  await wal.close()
  expect(await entriesOf(folder.path)).toEqual({ entries: [1, 2].map(sample), damages: [] })
})

test('removing segments wakes a log that waits for room', async () => {
  using folder = temporaryFolder()
  const { disk, wal } = await openFaulty(folder.path, { segmentBytesMax: 40, retryMs: 600_000 })
  await wal.append(encodeEntries([sample(1)]))
  await wal.append(encodeEntries([sample(2)]))
  disk.roomBytes = 0
  const waiting = wal.append(encodeEntries([sample(3)]))
  await expect.poll(() => wal.readOnly, patience).toBe(true)
  disk.roomBytes = Number.POSITIVE_INFINITY
  await wal.removeBefore(2)
  await waiting
  await wal.close()
  expect((await entriesOf(folder.path)).entries).toEqual([2, 3].map(sample))
})

test('on a full disk a cut is refused at once, or waits until it is given up; what was appended waits on', async () => {
  using folder = temporaryFolder()
  const { disk, wal } = await openFaulty(folder.path, { retryMs: 20 })
  await wal.append(encodeEntries([sample(1)]))
  disk.roomBytes = 0
  // The segment cannot be made, but nothing waits to be written.
  await expect(wal.cut()).rejects.toMatchObject({ code: 'MW_STORE_READ_ONLY', message: expect.stringContaining('ENOSPC') })
  expect(wal.readOnly).toBe(false)
  const giveUp = new AbortController()
  const patient = wal.cut(giveUp.signal)
  await expect.poll(() => wal.readOnly, patience).toBe(true)
  giveUp.abort()
  await expect(patient).rejects.toMatchObject({ code: 'MW_STORE_READ_ONLY' })
  await expect.poll(() => wal.readOnly, patience).toBe(false)
  const waiting = wal.append(encodeEntries([sample(2)]))
  const behind = wal.cut()
  await expect(behind).rejects.toMatchObject({ code: 'MW_STORE_READ_ONLY' })
  await expect(wal.cut()).rejects.toMatchObject({ code: 'MW_STORE_READ_ONLY' })
  const still = wal.cut(new AbortController().signal)
  disk.roomBytes = Number.POSITIVE_INFINITY
  await waiting
  expect(await still).toBe(2)
  await expect.poll(() => wal.readOnly, patience).toBe(false)
  await wal.append(encodeEntries([sample(3)]))
  await wal.close()
  expect(await entriesOf(folder.path)).toEqual({ entries: [1, 2, 3].map(sample), damages: [] })
})

test('closing on a full disk tells whoever waits, and keeps what was written', async () => {
  using folder = temporaryFolder()
  const { disk, wal, log } = await openFaulty(folder.path, { retryMs: 600_000 })
  await wal.append(encodeEntries([sample(1)]))
  disk.roomBytes = 0
  const waiting = wal.append(encodeEntries([sample(2)]))
  const cut = wal.cut(new AbortController().signal)
  await expect.poll(() => wal.readOnly, patience).toBe(true)
  const told = [
    expect(waiting).rejects.toMatchObject({ code: 'MW_STORE_READ_ONLY' }),
    expect(cut).rejects.toMatchObject({ code: 'MW_STORE_READ_ONLY' }),
  ]
  await wal.close()
  await Promise.all(told)
  expect(log.lines.at(-1)).toMatchObject({ level: 'error', message: expect.stringContaining('lost') })
  expect(await entriesOf(folder.path)).toEqual({ entries: [sample(1)], damages: [] })
})

test('when too much waits, new appends are refused until it is written', async () => {
  using folder = temporaryFolder()
  const one = encodeEntries([sample(1)])
  const { wal } = await openFaulty(folder.path, { pendingBytesMax: 3 * one.length })
  const waiting = [1, 2, 3].map(() => wal.append(one))
  expect(wal.readOnly).toBe(true)
  expect(wal.readOnlyReason).toBe(`${3 * one.length} bytes wait to be written, and at most ${3 * one.length} may`)
  await expect(wal.append(one)).rejects.toMatchObject({ code: 'MW_STORE_READ_ONLY' })
  await Promise.all(waiting)
  expect(wal.readOnly).toBe(false)
  await wal.append(one)
  await wal.close()
})

test('after a failed fsync the log goes on in a new segment, and does not claim that the old one is safe', async () => {
  using folder = temporaryFolder()
  const { disk, wal, log } = await openFaulty(folder.path, { fsyncIntervalMs: 600_000 })
  await wal.append(encodeEntries([sample(1)]))
  disk.syncError = 'EIO'
  await expect(wal.sync()).rejects.toMatchObject({ code: 'MW_WAL_SYNC', message: 'fsync of the log failed: EIO: the disk said no' })
  disk.syncError = undefined
  expect(wal.stats()).toMatchObject({ failures: 1, fsyncs: 0 })
  expect(log.lines).toMatchObject([{ level: 'error', fields: { file: join(folder.path, 'wal', '00000001.wal') } }])
  // Samples are taken as before: a failed fsync costs nothing unless the power goes.
  expect(wal.readOnly).toBe(false)
  await wal.append(encodeEntries([sample(2)]))
  expect(wal.segments).toEqual([1, 2])
  await expect(wal.sync()).rejects.toMatchObject({ code: 'MW_WAL_SYNC', message: 'an earlier fsync failed for 00000001.wal' })
  await wal.removeBefore(2)
  await wal.sync()
  await wal.close()
})

test('with fsyncs before every acknowledgement, what a failed one left open is written again elsewhere', async () => {
  using folder = temporaryFolder()
  const { disk, wal } = await openFaulty(folder.path, { fsyncIntervalMs: 0 })
  await wal.append(encodeEntries([sample(1)]))
  disk.syncError = 'EIO'
  const waiting = wal.append(encodeEntries([sample(2)]))
  await expect.poll(() => wal.readOnly, patience).toBe(true)
  disk.syncError = undefined
  await waiting
  await wal.sync()
  await wal.close()
  const { entries, damages } = await entriesOf(folder.path)
  expect(damages).toEqual([])
  expect(entries.slice(0, 2)).toEqual([sample(1), sample(2)])
  // Once for each attempt: a reader takes what it has already seen as nothing new.
  expect(entries.slice(2).length).toBeGreaterThan(0)
  expect(new Set(entries.slice(2).map((entry) => entry.kind === 'sample' && entry.ref))).toEqual(new Set([2]))
})
