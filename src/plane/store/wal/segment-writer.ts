import { type FileHandle, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { messageOf } from '../../../core/errors.ts'
import { walErrors } from './errors.ts'
import type { WalLog } from './replay.ts'
import { createSegment, type OpenFile, SEGMENT_HEAD_BYTES, segmentName } from './segment.ts'

interface Segment {
  readonly number: number
  readonly path: string
  readonly file: FileHandle
  sizeBytes: number
  /** Whether it holds what no fsync has covered. */
  isDirty: boolean
  /** After a failed fsync the kernel may count lost pages as clean: nothing more is written to this file. */
  isSpoilt: boolean
}

export interface SegmentWriterDeps {
  readonly log: WalLog
  readonly openFile: OpenFile
  /** Called when something was written that wants an fsync. */
  readonly onDirty: () => void
}

/** The segments of a log as files: one is written, older ones wait for their last fsync, all can be removed. One call of each kind at a time. */
export class SegmentWriter {
  readonly #dir: string
  readonly #bytesMax: number
  readonly #deps: SegmentWriterDeps
  #current: Segment | undefined
  /** Written to their end, not yet synced. */
  #retired: Segment[] = []
  /** Paths of segments of an earlier process, which may have ended before its fsync. */
  #inherited: string[] = []
  /** Segments of which a part may be lost with the power, because their fsync failed; until they are removed. */
  readonly #unsafe = new Set<number>()
  /** Sizes of all segments on disk except the current one, by number, rising. */
  readonly #older = new Map<number, number>()
  #nextNumber = 1
  readonly stats = { fsyncs: 0, fsyncSecondsTotal: 0, writes: 0, bytesWritten: 0, failures: 0 }

  constructor(dir: string, bytesMax: number, deps: SegmentWriterDeps) {
    this.#dir = dir
    this.#bytesMax = bytesMax
    this.#deps = deps
  }

  get sizeBytes(): number {
    let sum = this.#current?.sizeBytes ?? 0
    for (const bytes of this.#older.values()) sum += bytes
    return sum
  }

  get numbers(): number[] {
    const older = [...this.#older.keys()]
    return this.#current === undefined ? older : [...older, this.#current.number]
  }

  /** Takes note of a segment that is there. */
  adopt(number: number, sizeBytes: number): void {
    this.#older.set(number, sizeBytes)
    this.#nextNumber = Math.max(this.#nextNumber, number + 1)
  }

  /** Has a segment of an earlier process synced with the next flush. */
  inherit(number: number): void {
    this.#inherited.push(join(this.#dir, segmentName(number)))
    this.#deps.onDirty()
  }

  /** Segments whose fsync failed, and that are still part of the log. */
  get unsafe(): readonly number[] {
    return [...this.#unsafe]
  }

  /** Numbers below this are not given to new segments. */
  reserveBelow(number: number): void {
    this.#nextNumber = Math.max(this.#nextNumber, number)
  }

  /** Goes on at the end of the newest segment there is, if it has room. */
  async resume(number: number): Promise<void> {
    const sizeBytes = this.#older.get(number)
    if (sizeBytes === undefined || sizeBytes >= this.#bytesMax || number !== this.#nextNumber - 1) return
    const path = join(this.#dir, segmentName(number))
    const file = await this.#deps.openFile(path, 'r+')
    this.#older.delete(number)
    this.#current = { number, path, file, sizeBytes, isDirty: false, isSpoilt: false }
  }

  /** How much the current segment takes before there is a new one. */
  get room(): number {
    const current = this.#current
    return current === undefined || current.isSpoilt ? this.#bytesMax - SEGMENT_HEAD_BYTES : this.#bytesMax - current.sizeBytes
  }

  /** Where the next write goes. */
  get path(): string {
    return this.#current?.path ?? join(this.#dir, segmentName(this.#nextNumber))
  }

  /** Writes at the end, all or nothing: what a failed write left behind is cut off, and the next one begins at the same place. */
  async write(buffers: readonly Uint8Array[], bytes: number): Promise<void> {
    const segment = await this.#segmentFor(bytes)
    try {
      await writeAll(segment.file, buffers, segment.sizeBytes)
    } catch (error) {
      this.stats.failures++
      // Cut or not, the next write begins at the same position; the cut only keeps the file clean if the process ends before that.
      await segment.file.truncate(segment.sizeBytes).catch(() => undefined)
      throw error
    }
    segment.sizeBytes += bytes
    this.stats.writes++
    this.stats.bytesWritten += bytes
    segment.isDirty = true
    this.#deps.onDirty()
  }

  /** Makes sure that what comes stands in a segment of its own. @returns its number. */
  async cut(): Promise<number> {
    const current = this.#current
    if (current === undefined || current.isSpoilt || current.sizeBytes > SEGMENT_HEAD_BYTES) await this.#rotate()
    return this.#current!.number
  }

  /**
   * Makes everything written so far durable. One at a time.
   * @throws MW_WAL_SYNC, after all files were tried; the current segment is written no further then.
   */
  async flush(): Promise<void> {
    const retired = this.#retired
    const inherited = this.#inherited
    this.#retired = []
    this.#inherited = []
    for (const path of inherited) await this.#syncPath(path)
    let failed: unknown
    if (this.#current?.isDirty === true) failed = await this.#sync(this.#current)
    for (const segment of retired) {
      failed = (segment.isDirty ? await this.#sync(segment) : undefined) ?? failed
      await segment.file.close()
    }
    if (failed !== undefined) throw walErrors.MW_WAL_SYNC(`fsync of the log failed: ${messageOf(failed)}`, { cause: failed })
  }

  /** Deletes the segments before this number, never the current one. */
  async removeBefore(number: number): Promise<void> {
    for (const older of [...this.#older.keys()]) {
      if (older >= number) continue
      try {
        await unlink(join(this.#dir, segmentName(older)))
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
      }
      this.#older.delete(older)
      this.#unsafe.delete(older)
    }
  }

  /** Closes all files; flush before. */
  async close(): Promise<void> {
    const open = this.#current === undefined ? this.#retired : [...this.#retired, this.#current]
    this.#retired = []
    if (this.#current !== undefined) this.#older.set(this.#current.number, this.#current.sizeBytes)
    this.#current = undefined
    for (const segment of open) await segment.file.close()
  }

  async #segmentFor(bytes: number): Promise<Segment> {
    const current = this.#current
    if (current !== undefined && !current.isSpoilt) {
      const isEmpty = current.sizeBytes <= SEGMENT_HEAD_BYTES
      if (isEmpty || current.sizeBytes + bytes <= this.#bytesMax) return current
    }
    await this.#rotate()
    return this.#current!
  }

  async #rotate(): Promise<void> {
    const number = this.#nextNumber
    let file: FileHandle
    try {
      file = await createSegment(this.#dir, number, this.#deps.openFile)
    } catch (error) {
      this.stats.failures++
      throw error
    }
    const previous = this.#current
    if (previous !== undefined) {
      this.#older.set(previous.number, previous.sizeBytes)
      this.#retired.push(previous)
    }
    this.#nextNumber = number + 1
    const path = join(this.#dir, segmentName(number))
    this.#current = { number, path, file, sizeBytes: SEGMENT_HEAD_BYTES, isDirty: true, isSpoilt: false }
    this.#deps.onDirty()
  }

  async #syncPath(path: string): Promise<void> {
    try {
      const file = await this.#deps.openFile(path, 'r+')
      await file.datasync().finally(() => file.close())
      this.stats.fsyncs++
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return // Removed meanwhile: nobody needs it any more.
      // Not ours to write: its bytes were acknowledged by a process that is gone, and the kernel writes them in its own time.
      this.#deps.log.warn({ file: path, error: messageOf(error) }, 'an older part of the log could not be synced')
    }
  }

  /** @returns what went wrong, or undefined. */
  async #sync(segment: Segment): Promise<unknown> {
    const startedMs = performance.now()
    // Before the call: what is written while it runs may not be covered.
    segment.isDirty = false
    try {
      await segment.file.datasync()
      this.stats.fsyncs++
      return undefined
    } catch (error) {
      segment.isSpoilt = true
      this.#unsafe.add(segment.number)
      this.stats.failures++
      this.#deps.log.error(
        { file: segment.path, error: messageOf(error) },
        'fsync of the log failed: what was written since the last one would not outlive a loss of power; the log goes on in a new segment',
      )
      return error
    } finally {
      this.stats.fsyncSecondsTotal += (performance.now() - startedMs) / 1000
    }
  }
}

/** Writes all buffers from a position on; a write of the system may take fewer bytes than it was given. */
async function writeAll(file: FileHandle, buffers: readonly Uint8Array[], position: number): Promise<void> {
  let rest = buffers as Uint8Array[]
  let at = position
  while (rest.length > 0) {
    const { bytesWritten } = await file.writev(rest, at)
    if (bytesWritten === 0) throw Object.assign(new Error('the system wrote nothing'), { code: 'ENOSPC' })
    at += bytesWritten
    rest = withoutFirst(rest, bytesWritten)
  }
}

function withoutFirst(buffers: Uint8Array[], bytes: number): Uint8Array[] {
  let left = bytes
  let i = 0
  while (i < buffers.length && left >= buffers[i]!.length) left -= buffers[i++]!.length
  if (i === buffers.length) return []
  return left === 0 ? buffers.slice(i) : [buffers[i]!.subarray(left), ...buffers.slice(i + 1)]
}
