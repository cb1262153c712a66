import { mkdir, open } from 'node:fs/promises'
import { join } from 'node:path'
import { messageOf } from '../../../core/errors.ts'
import type { WalStats } from '../contract.ts'
import { type ReplayOutcome, type Wal, type WalConfig, type WalDeps, walDefaults } from './contract.ts'
import { walErrors } from './errors.ts'
import type { RecordHandler } from './record.ts'
import { RecordReader } from './record-reader.ts'
import { type DamageReport, replaySegment } from './replay.ts'
import { headFault, listSegments, SEGMENT_HEAD_BYTES, segmentName } from './segment.ts'
import { SegmentWriter } from './segment-writer.ts'

export { type ReplayOutcome, type Wal, type WalConfig, type WalDeps, walDefaults } from './contract.ts'
export type { DamageReport } from './replay.ts'

type Item =
  | { readonly kind: 'append'; readonly bytes: Uint8Array; readonly resolve: () => void; readonly reject: (error: unknown) => void }
  | {
      readonly kind: 'cut'
      /** Whether it waits for room on a full disk. */
      readonly isPatient: boolean
      readonly resolve: (segment: number) => void
      readonly reject: (error: unknown) => void
    }
  | { readonly kind: 'sync'; readonly resolve: () => void; readonly reject: (error: unknown) => void }

/** What one system call is given at most: little enough that a nearly full disk still takes a part of what waits. */
const WRITE_BYTES_MAX = 4 * 1024 * 1024
/** IOV_MAX of Linux. */
const WRITE_BUFFERS_MAX = 1024

/**
 * Opens the log in a folder, which is made if it is not there. Whoever calls holds the lock of the data folder.
 * @throws MW_WAL_VERSION when a newer modelwatch wrote it.
 */
export async function openWal(dir: string, config: Partial<WalConfig>, deps: WalDeps): Promise<Wal> {
  await mkdir(dir, { recursive: true })
  const wal = new SegmentedWal(dir, { ...walDefaults, ...config }, deps)
  for (const number of await listSegments(dir)) await wal.adopt(number)
  return wal
}

class SegmentedWal implements Wal {
  readonly #dir: string
  readonly #config: WalConfig
  readonly #deps: WalDeps
  readonly #files: SegmentWriter
  #queue: Item[] = []
  #pendingBytes = 0
  /** The writer at work, if it is. */
  #writing: Promise<void> | undefined
  /** What the disk said last, while it refuses. */
  #failure: string | undefined
  #wakeRetry: (() => void) | undefined
  #flushTimer: NodeJS.Timeout | undefined
  #flushing: Promise<void> = Promise.resolve()
  #closing: Promise<void> | undefined

  constructor(dir: string, config: WalConfig, deps: WalDeps) {
    this.#dir = dir
    this.#config = config
    this.#deps = deps
    this.#files = new SegmentWriter(dir, config.segmentBytesMax, {
      log: deps.log,
      openFile: deps.openFile ?? open,
      onDirty: () => this.#flushLater(),
    })
  }

  async adopt(number: number): Promise<void> {
    const path = join(this.#dir, segmentName(number))
    const file = await open(path, 'r')
    try {
      const head = Buffer.alloc(SEGMENT_HEAD_BYTES)
      const { bytesRead } = await file.read(head, 0, head.length, 0)
      headFault(path, head.subarray(0, bytesRead), number)
      this.#files.adopt(number, (await file.stat()).size)
    } finally {
      await file.close()
    }
  }

  async replay(fromSegment: number, handler: RecordHandler): Promise<ReplayOutcome> {
    const reader = new RecordReader(handler)
    const damages: DamageReport[] = []
    let records = 0
    let last: number | undefined
    for (const number of this.#files.numbers.filter((one) => one >= fromSegment)) {
      const segment = await replaySegment(number, reader, { dir: this.#dir, ...this.#deps })
      damages.push(...segment.damages)
      records += segment.records
      this.#files.adopt(number, segment.sizeBytes)
      this.#files.inherit(number)
      last = segment.isSound ? number : undefined
    }
    reader.flush()
    const { samples, unknownRecords } = reader
    if (unknownRecords > 0) this.#deps.log.warn({ unknownRecords }, 'the log holds records of unknown types; they were skipped')
    this.#files.reserveBelow(fromSegment)
    if (last !== undefined) {
      // A log that can be read and not written is a log all the same: the first write will say what is wrong.
      await this.#files
        .resume(last)
        .catch((error: unknown) => this.#deps.log.warn({ error: messageOf(error) }, 'the log goes on in a new segment'))
    }
    return { records, samples, unknownRecords, damages }
  }

  append(records: Uint8Array): Promise<void> {
    if (this.#closing !== undefined) return Promise.reject(walErrors.MW_WAL_CLOSED('the log is closed'))
    const reason = this.readOnlyReason
    if (reason !== undefined) return Promise.reject(walErrors.MW_STORE_READ_ONLY(`nothing is written: ${reason}`))
    if (records.length === 0) return Promise.resolve()
    this.#pendingBytes += records.length
    return new Promise((resolve, reject) => this.#push({ kind: 'append', bytes: records, resolve, reject }))
  }

  get readOnly(): boolean {
    return this.#failure !== undefined || this.#pendingBytes >= this.#config.pendingBytesMax
  }

  get readOnlyReason(): string | undefined {
    if (this.#failure !== undefined) return this.#failure
    const { pendingBytesMax } = this.#config
    return this.readOnly ? `${this.#pendingBytes} bytes wait to be written, and at most ${pendingBytesMax} may` : undefined
  }

  async cut(patience?: AbortSignal): Promise<number> {
    if (this.#closing !== undefined) throw walErrors.MW_WAL_CLOSED('the log is closed')
    const isPatient = patience !== undefined && !patience.aborted
    if (!isPatient && this.#failure !== undefined) throw this.#cutRefused(this.#failure)
    return new Promise((resolve, reject) => {
      const item: Item = { kind: 'cut', isPatient, resolve, reject }
      if (isPatient) patience.addEventListener('abort', () => this.#forgetCuts((one) => one === item), { once: true })
      this.#push(item)
    })
  }

  /** Tells those who wait for a cut that there is none. What waits to be written goes on waiting. */
  #forgetCuts(which: (item: Item & { kind: 'cut' }) => boolean): void {
    const kept: Item[] = []
    for (const item of this.#queue) {
      if (item.kind === 'cut' && which(item)) item.reject(this.#cutRefused(this.#failure ?? 'the store is closing'))
      else kept.push(item)
    }
    this.#queue = kept
  }

  #cutRefused(reason: string): Error {
    return walErrors.MW_STORE_READ_ONLY(`the log cannot be begun anew: ${reason}`)
  }

  async removeBefore(segment: number): Promise<void> {
    await this.#files.removeBefore(segment)
    // There may be room now.
    this.#wakeRetry?.()
  }

  get sizeBytes(): number {
    return this.#files.sizeBytes
  }

  get segments(): readonly number[] {
    return this.#files.numbers
  }

  stats(): WalStats {
    return { ...this.#files.stats, pendingBytes: this.#pendingBytes }
  }

  async sync(): Promise<void> {
    if (this.#closing !== undefined) throw walErrors.MW_WAL_CLOSED('the log is closed')
    return new Promise((resolve, reject) => this.#push({ kind: 'sync', resolve, reject }))
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    this.#wakeRetry?.()
    await this.#writing
    clearTimeout(this.#flushTimer)
    // The failure of the last fsync was logged where it happened; closing goes on.
    await this.#flush().catch(() => undefined)
    await this.#files.close()
  }

  #push(item: Item): void {
    this.#queue.push(item)
    this.#writing ??= this.#write()
  }

  /** Does what is queued, in order, until nothing is left. What gathers meanwhile goes together in the next write. */
  async #write(): Promise<void> {
    while (this.#queue.length > 0) {
      try {
        await this.#step(this.#queue[0]!)
        if (this.#queue.length === 0 && this.#failure !== undefined) {
          this.#failure = undefined
          this.#deps.log.warn({}, 'the log is written again; everything that waited is in it')
        }
      } catch (error) {
        this.#fail(error)
        this.#forgetCuts(({ isPatient }) => !isPatient)
        if (this.#closing !== undefined) this.#giveUp()
        else await this.#retryPause()
      }
    }
    // In the same breath as the last look at the queue: whatever is pushed from now on starts the writer anew. Nothing waits, so nothing is refused.
    this.#failure = undefined
    this.#writing = undefined
  }

  async #step(item: Item): Promise<void> {
    if (item.kind === 'append') return this.#writeGroup()
    if (item.kind === 'cut') return this.#cut(item)
    this.#queue.shift()
    // Writing goes on while the disk syncs.
    void this.#flush().then(() => {
      // With fsyncs before every acknowledgement, what a failed one did not cover was written again.
      const unsafe = this.#config.fsyncIntervalMs === 0 ? [] : this.#files.unsafe
      if (unsafe.length === 0) item.resolve()
      else item.reject(walErrors.MW_WAL_SYNC(`an earlier fsync failed for ${unsafe.map(segmentName).join(', ')}`))
    }, item.reject)
  }

  async #cut(item: Item & { kind: 'cut' }): Promise<void> {
    try {
      item.resolve(await this.#files.cut())
    } catch (error) {
      if (item.isPatient) throw error
      // Whether samples can be written is another matter: their segment may have room.
      item.reject(this.#cutRefused(messageOf(error)))
    }
    // It may have been given up meanwhile; a segment more does no harm.
    if (this.#queue[0] === item) this.#queue.shift()
  }

  async #writeGroup(): Promise<void> {
    const group: (Item & { kind: 'append' })[] = []
    let bytes = 0
    const room = Math.min(WRITE_BYTES_MAX, this.#files.room)
    for (const item of this.#queue) {
      if (item.kind !== 'append' || group.length === WRITE_BUFFERS_MAX || (group.length > 0 && bytes + item.bytes.length > room)) break
      group.push(item)
      bytes += item.bytes.length
    }
    const buffers = group.map((item) => item.bytes)
    await this.#files.write(buffers, bytes)
    // A failed fsync leaves the group in the queue: it is written again, into a new segment. What a log says twice is read as if said once.
    if (this.#config.fsyncIntervalMs === 0) await this.#flush()
    this.#queue.splice(0, group.length)
    this.#pendingBytes -= bytes
    for (const item of group) item.resolve()
  }

  #fail(error: unknown): void {
    const code = (error as NodeJS.ErrnoException).code ?? ''
    const what = ['ENOSPC', 'EDQUOT'].includes(code) ? 'the disk is full' : 'the disk does not take what is written'
    const isNew = this.#failure === undefined
    this.#failure = `${what} (${messageOf(error)}), ${this.#pendingBytes} bytes wait for ${this.#files.path}`
    if (isNew) this.#deps.log.error({ code, pendingBytes: this.#pendingBytes, file: this.#files.path }, `${what}: no new samples are taken`)
  }

  async #retryPause(): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, this.#config.retryMs)
      this.#wakeRetry = () => {
        clearTimeout(timer)
        resolve()
      }
    })
    this.#wakeRetry = undefined
  }

  /** The log closes and the disk is still full: whoever waits is told. */
  #giveUp(): void {
    const items = this.#queue
    this.#queue = []
    this.#deps.log.error({ pendingBytes: this.#pendingBytes }, 'the log was closed before the disk took what waited; it is lost')
    this.#pendingBytes = 0
    const error = walErrors.MW_STORE_READ_ONLY(`the log was closed while nothing could be written: ${this.#failure}`)
    for (const item of items) item.reject(error)
  }

  #flushLater(): void {
    if (this.#config.fsyncIntervalMs === 0 || this.#flushTimer !== undefined || this.#closing !== undefined) return
    this.#flushTimer = setTimeout(() => {
      this.#flushTimer = undefined
      // Logged and counted where it failed; the data goes on in a new segment.
      this.#flush().catch(() => undefined)
    }, this.#config.fsyncIntervalMs)
  }

  /** One at a time; each covers what was written before it was called. */
  #flush(): Promise<void> {
    const flush = this.#flushing.catch(() => undefined).then(() => this.#files.flush())
    this.#flushing = flush
    return flush
  }
}
