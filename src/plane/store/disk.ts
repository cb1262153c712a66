import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { messageOf } from '../../core/errors.ts'
import type { Clock } from '../../core/time.ts'
import { createPace } from '../../core/turns.ts'
import type { BlockSet } from './block/block-set.ts'
import { UNFINISHED, writeError } from './block/files.ts'
import type { BlockMeta } from './block/meta.ts'
import { writeBlock } from './block/write.ts'
import { publishFolder, removeOtherCheckpoints, writeCheckpoint } from './checkpoint.ts'
import type { StoreConfig } from './config.ts'
import type { StoreLog, TimeRange } from './contract.ts'
import { storeErrors } from './errors.ts'
import type { FolderLock } from './folder-lock.ts'
import { seriesOfRange } from './head/encode-series.ts'
import { detach, drop, ranges } from './head/flush.ts'
import { Head } from './head/head.ts'
import { PAUSE_WORK } from './head/label-index.ts'
import { sortedSeries } from './head/replay.ts'
import { WalLog } from './head/wal-log.ts'
import { Maintenance } from './maintenance.ts'
import type { CompiledMatcher } from './matcher.ts'
import type { MetadataTable } from './metadata.ts'
import type { Wal } from './wal/wal.ts'

export interface DiskDeps {
  readonly log: StoreLog
  readonly clock: Clock
  readonly metadata: MetadataTable
}

/** What a data folder is made of, once it is open. */
export interface DiskParts {
  readonly lock: FolderLock
  readonly wal: Wal
  readonly blocks: BlockSet
}

interface Counters {
  flushes: number
  checkpoints: number
  /** Pieces of log and checkpoints found damaged at the start. */
  damages: number
  startMs: number
}

/**
 * The data folder, and the movement of samples through it:
 *
 *   commit ─▶ wal ─▶ (restart) ─▶ head
 *   head ─ flush, every block range ─▶ blocks ─ compaction ─▶ larger blocks ─ retention ─▶ gone
 *   head ─ checkpoint, after each flush and at the end ─▶ the log begins anew
 *
 * Nothing that runs `exclusively` waits for room on a full disk, except a wipe, which ends when the store closes: so closing always gets its turn.
 */
export class Disk {
  readonly dir: string
  readonly head: Head
  readonly blocks: BlockSet
  readonly wal: Wal
  readonly log: WalLog
  readonly maintenance: Maintenance
  readonly stats: Counters = { flushes: 0, checkpoints: 0, damages: 0, startMs: 0 }
  readonly #config: StoreConfig
  readonly #deps: DiskDeps
  readonly #lock: FolderLock
  #queue: Promise<unknown> = Promise.resolve()
  /** Bytes of the checkpoint on disk. */
  checkpointBytes = 0
  /** Whether the log still has samples that left the head: a deletion would not find them there, and they would be back after a restart. */
  #isLogBehind = false
  #closing: Promise<void> | undefined

  constructor(dir: string, config: StoreConfig, deps: DiskDeps, parts: DiskParts) {
    this.dir = dir
    this.#config = config
    this.#deps = deps
    this.#lock = parts.lock
    this.wal = parts.wal
    this.blocks = parts.blocks
    this.log = new WalLog(parts.wal)
    this.head = new Head(config, deps.clock, this.log)
    this.maintenance = new Maintenance(this, config, deps)
  }

  get checkpointDir(): string {
    return join(this.dir, 'checkpoints')
  }

  get quarantineDir(): string {
    return join(this.dir, 'quarantine')
  }

  /** Runs the work when nothing else moves samples about. */
  exclusively<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#queue.then(work)
    this.#queue = turn.catch(() => {})
    return turn
  }

  /**
   * Moves everything before the boundary into blocks, and starts the log anew. Call it `exclusively`.
   * @throws when a block could not be written: what stands in the blocks before it has moved, the rest is as it was.
   */
  async flush(boundaryMs: number): Promise<void> {
    const { head } = this
    const pace = createPace()
    const floorMs = head.floorMs
    head.floorMs = Math.max(floorMs, boundaryMs)
    let doneMs = Number.NEGATIVE_INFINITY
    let failure: unknown
    try {
      await detach(head, boundaryMs, pace)
      const sorted = await sortedSeries(head, pace)
      for (const range of await ranges(head, boundaryMs, pace)) {
        const meta = await writeBlock(join(this.dir, 'blocks'), seriesOfRange(sorted, range, pace), {
          level: 1,
          contentMs: this.#contentMs(),
          clock: this.#deps.clock,
        })
        if (meta !== undefined) {
          await this.blocks.add(meta)
          this.#isLogBehind = true
        }
        doneMs = range.toMs + 1
      }
      doneMs = boundaryMs
    } catch (error) {
      failure = error
      head.floorMs = Math.max(floorMs, doneMs)
    }
    await drop(head, doneMs, pace)
    await head.forgetEmpty(pace)
    if (failure !== undefined) throw failure
    this.stats.flushes++
    await this.checkpoint()
  }

  /** What leaves memory now comes after all that left before, whatever the clock says: of two samples at one time the first counts. */
  #contentMs(): number {
    return this.blocks.blocks.reduce((newest, { meta }) => Math.max(newest, meta.contentMs), this.#deps.clock.now())
  }

  /**
   * Writes the head out, so that the log can begin anew. Call it `exclusively`.
   * @throws MW_STORE_READ_ONLY, MW_STORE_DISK_FULL, MW_STORE_BLOCK_IO: the checkpoint and the log from before are still there.
   */
  async checkpoint(): Promise<void> {
    // In this order: what the log is told from here on it keeps, and the checkpoint has everything from before.
    const segment = await this.log.cut()
    const meta = await writeCheckpoint(this.checkpointDir, { head: this.head, metadata: this.#deps.metadata }, segment, createPace())
    // An empty head needs none, and then the older ones must not come back.
    await removeOtherCheckpoints(this.checkpointDir, meta?.id)
    this.checkpointBytes = meta === undefined ? 0 : sizeOf(meta)
    await this.wal.removeBefore(segment)
    this.#isLogBehind = false
    this.stats.checkpoints++
  }

  /** Deletes what retention no longer covers. Call it `exclusively`. */
  async forgetOld(): Promise<void> {
    const nowMs = this.#deps.clock.now()
    this.updateRetention()
    const gone = await this.blocks.applyRetention(nowMs, this.wal.sizeBytes + this.checkpointBytes)
    if (gone.length > 0) this.#deps.log.info({ folder: this.dir, blocks: gone.length }, 'blocks past retention were deleted')
  }

  /** Has the head refuse and hide what is past retention: counted back from now or from the newest sample, whichever is earlier. */
  updateRetention(): void {
    const { head, blocks } = this
    const newestMs = blocks.blocks.reduce((newest, { meta }) => Math.max(newest, meta.maxMs), head.newestMs)
    head.keepFrom(Math.min(this.#deps.clock.now(), newestMs) - this.#config.retentionMs)
  }

  /**
   * Deletes the samples in the range of all series that match any of the sets.
   * @throws MW_STORE_READ_ONLY or MW_STORE_DISK_FULL when it could not be made to last; nothing is deleted in the first case, perhaps a part in the second.
   */
  async delete(sets: readonly (readonly CompiledMatcher[])[], range: TimeRange): Promise<void> {
    const { logged } = await this.exclusively(async () => {
      this.log.check()
      if (this.#isLogBehind) await this.checkpoint()
      for (const matchers of sets) {
        await this.blocks.deleteSamples(matchers, range)
        await this.#deleteFromHead(matchers, range)
      }
      return { logged: this.log.commit() }
    })
    // Out of turn: on a disk that is full by now this waits for room.
    await logged
  }

  async #deleteFromHead(matchers: readonly CompiledMatcher[], range: TimeRange): Promise<void> {
    const { head, log } = this
    const pace = createPace()
    for (const series of head.index.match(matchers)) {
      if (series?.hasSampleIn(range)) {
        head.delete(series, range)
        head.declare(series)
        log.tombstone(series.ref, range.fromMs, range.toMs)
      }
      if (pace.due(series === undefined ? PAUSE_WORK : 1000)) await pace.breathe()
    }
    await head.forgetEmpty(pace)
  }

  /**
   * Copies the data as it is now, `skipHead` without what is in memory alone.
   * @param dir - Appears when it is complete; its parent is made if need be.
   */
  async snapshot(dir: string, { skipHead }: { readonly skipHead: boolean }): Promise<void> {
    const unfinished = `${dir}${UNFINISHED}`
    const checkpoints = join(unfinished, 'checkpoints')
    await this.exclusively(async () => {
      try {
        await mkdir(checkpoints, { recursive: true })
        await this.blocks.snapshotInto(join(unfinished, 'blocks'))
        if (!skipHead) await writeCheckpoint(checkpoints, { head: this.head, metadata: this.#deps.metadata }, 0, createPace())
        await publishFolder(unfinished, dir)
      } catch (error) {
        await rm(unfinished, { recursive: true, force: true }).catch(() => undefined)
        throw writeError(error, `the snapshot ${dir}`)
      }
    })
  }

  /** Forgets everything. On a full disk it waits until what it deletes has made room. @throws MW_STORE_READ_ONLY when the store closes before that. */
  wipe(): Promise<void> {
    return this.exclusively(async () => {
      // From this moment on samples are those of a new store, and stand in the new segments.
      this.head.clear()
      this.#deps.metadata.clear()
      const cut = this.log.cut(this.maintenance.stopped)
      cut.catch(() => {}) // It is awaited below, unless something fails before that.
      await this.blocks.wipe()
      await removeOtherCheckpoints(this.checkpointDir, undefined)
      this.checkpointBytes = 0
      await this.wal.removeBefore(await cut)
      this.#isLogBehind = false
    })
  }

  /** Writes the head out, so that the next start is quick and the folder small, and lets go of the folder. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    this.maintenance.stop()
    await this.exclusively(async () => {
      try {
        await this.checkpoint()
      } catch (error) {
        this.#deps.log.warn({ folder: this.dir, reason: messageOf(error) }, 'the head could not be written out; the log has it')
      }
    })
    await closeParts({ wal: this.wal, blocks: this.blocks, lock: this.#lock })
  }
}

/** Closes what is open, the lock last; whatever one of them says, the others are closed too. */
export async function closeParts({ wal, blocks, lock }: Partial<DiskParts>): Promise<void> {
  try {
    await wal?.close()
  } finally {
    try {
      await blocks?.close()
    } finally {
      await lock?.release()
    }
  }
}

function sizeOf({ files }: BlockMeta): number {
  return Object.values(files).reduce((sum, { bytes }) => sum + bytes, 0)
}

/** @throws MW_STORE_NO_FOLDER */
export function needsFolder(disk: Disk | undefined, what: string): Disk {
  if (disk === undefined) throw storeErrors.MW_STORE_NO_FOLDER(`a store in memory has no ${what}`)
  return disk
}
