import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { messageOf } from '../../core/errors.ts'
import type { Clock } from '../../core/time.ts'
import { createPace } from '../../core/turns.ts'
import { type BlockSet, openBlockSet } from './block/block-set.ts'
import { writeBlock } from './block/write.ts'
import { findCheckpoint, removeOtherCheckpoints, writeCheckpoint } from './checkpoint.ts'
import type { StoreConfig } from './config.ts'
import { type FolderLock, lockFolder } from './folder-lock.ts'
import { detach, drop, ranges, reattach, seriesOfRange } from './head/flush.ts'
import { Head } from './head/head.ts'
import { replayInto, restoreInto, sortedSeries } from './head/replay.ts'
import { WalLog } from './head/wal-log.ts'
import type { MetadataTable } from './metadata.ts'
import { openWal, type Wal } from './wal/wal.ts'

/** As much of pino as the store uses. */
export interface StoreLog {
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

export interface DiskDeps {
  readonly log: StoreLog
  readonly clock: Clock
  readonly metadata: MetadataTable
}

interface Counters {
  flushes: number
  checkpoints: number
  maintenanceFailures: number
  /** Pieces of log and checkpoints found damaged at the start. */
  damages: number
  startMs: number
}

/** A log smaller than this is read in a moment, and is left as it is. */
const QUIET_WAL_BYTES = 256 * 1024
/** The longest a timer of Node waits. */
const TIMER_MS_MAX = 2 ** 31 - 1
const RANGE_FACTORS = [1, 3, 9, 27, 81, 243]

/**
 * The data folder, and the movement of samples through it:
 *
 *   commit ─▶ wal ─▶ (restart) ─▶ head
 *   head ─ flush, every block range ─▶ blocks ─ compaction ─▶ larger blocks ─ retention ─▶ gone
 *   head ─ checkpoint, after each flush and at the end ─▶ the log begins anew
 */
export class Disk {
  readonly head: Head
  readonly blocks: BlockSet
  readonly wal: Wal
  readonly log: WalLog
  readonly stats: Counters = { flushes: 0, checkpoints: 0, maintenanceFailures: 0, damages: 0, startMs: 0 }
  readonly #config: StoreConfig
  readonly #deps: DiskDeps
  readonly #dir: string
  readonly #lock: FolderLock
  readonly #stop = new AbortController()
  #queue: Promise<unknown> = Promise.resolve()
  #timer: NodeJS.Timeout | undefined
  #maintainedMs = performance.now()

  private constructor(dir: string, config: StoreConfig, deps: DiskDeps, parts: { lock: FolderLock; wal: Wal; blocks: BlockSet }) {
    this.#dir = dir
    this.#config = config
    this.#deps = deps
    this.#lock = parts.lock
    this.wal = parts.wal
    this.blocks = parts.blocks
    this.log = new WalLog(parts.wal)
    this.head = new Head(config, this.log)
  }

  /** @throws MW_STORE_FOLDER_LOCKED when another process holds the folder. */
  static async open(dir: string, config: StoreConfig, deps: DiskDeps): Promise<Disk> {
    const startTick = performance.now()
    await mkdir(dir, { recursive: true })
    const lock = await lockFolder(dir)
    try {
      const quarantineDir = join(dir, 'quarantine')
      const { log, clock } = deps
      const blocks = await openBlockSet(
        join(dir, 'blocks'),
        {
          cacheBytesMax: config.cacheBytesMax,
          blockRangesMs: RANGE_FACTORS.map((factor) => factor * config.blockRangeMs),
          retentionMs: config.retentionMs,
          retentionBytes: config.retentionBytes,
          quarantineDir,
        },
        { log, clock },
      )
      const wal = await openWal(join(dir, 'wal'), { fsyncIntervalMs: config.fsyncIntervalMs }, { log, quarantineDir })
      const disk = new Disk(dir, config, deps, { lock, wal, blocks })
      await disk.#restore(quarantineDir)
      disk.stats.startMs = performance.now() - startTick
      disk.#schedule()
      return disk
    } catch (error) {
      await lock.release()
      throw error
    }
  }

  get #checkpointDir(): string {
    return join(this.#dir, 'checkpoints')
  }

  async #restore(quarantineDir: string): Promise<void> {
    const { log, metadata } = this.#deps
    const { block, fromSegment, damages } = await findCheckpoint({ dir: this.#checkpointDir, quarantineDir })
    const warnings = [...damages]
    if (block !== undefined) {
      warnings.push(...(await restoreInto(this.head, block)))
      await block.close()
    }
    const handler = replayInto(this.head, (metric, data) => void metadata.set(metric, data))
    const replayed = await this.wal.replay(fromSegment, handler)
    if (handler.unknown() > 0)
      warnings.push(`${handler.unknown()} samples of the log belong to series whose declaration is damaged; they are left out`)
    for (const warning of warnings) log.warn({ folder: this.#dir }, warning)
    this.stats.damages = warnings.length + replayed.damages.length
    const newestBlockMs = this.blocks.blocks.reduce((newest, { meta }) => Math.max(newest, meta.maxMs), Number.NEGATIVE_INFINITY)
    this.head.floorMs = Math.min(newestBlockMs + 1, this.head.oldestMs)
    if (this.head.floorMs === Number.POSITIVE_INFINITY) this.head.floorMs = Number.NEGATIVE_INFINITY
  }

  /** Looks often whether something presses, and at everything once in a while. */
  #schedule(): void {
    const { maintenanceIntervalMs, quietMs } = this.#config
    const lookMs = Math.min(maintenanceIntervalMs, quietMs / 2, TIMER_MS_MAX)
    this.#timer = setTimeout(() => {
      void this.#look().finally(() => {
        if (!this.#stop.signal.aborted) this.#schedule()
      })
    }, lookMs)
    this.#timer.unref()
  }

  async #look(): Promise<void> {
    const { maintenanceIntervalMs, headSamplesMax, lateSamplesMax, walBytesMax } = this.#config
    const { counts } = this.head
    const presses = counts.samples > headSamplesMax || counts.lateSamples > lateSamplesMax || this.wal.sizeBytes > walBytesMax
    if (presses || performance.now() - this.#maintainedMs >= maintenanceIntervalMs) return this.maintain()
    if (this.#isQuiet()) await this.exclusively(() => this.#attempt(() => this.checkpoint()))
  }

  /** Runs the work when nothing else moves samples about. */
  exclusively<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#queue.then(work)
    this.#queue = turn.catch(() => {})
    return turn
  }

  /** Flushes, compacts and forgets what is due. Never throws: a failure is logged, counted, and tried again the next time. */
  maintain({ compact = true }: { readonly compact?: boolean } = {}): Promise<void> {
    this.#maintainedMs = performance.now()
    return this.exclusively(async () => {
      // First what makes room. While the disk is full, the rest would only wait for it.
      await this.#attempt(() => this.#forgetOld())
      if (this.wal.readOnly) return
      await this.#attempt(() => this.#flushDue())
      if (compact) await this.#attempt(() => this.#compact())
      await this.#attempt(() => this.#forgetOld())
    })
  }

  async #attempt(work: () => Promise<void>): Promise<void> {
    if (this.#stop.signal.aborted) return
    try {
      await work()
    } catch (error) {
      if (this.#stop.signal.aborted) return
      this.stats.maintenanceFailures++
      this.#deps.log.warn(
        { folder: this.#dir, reason: messageOf(error) },
        'flushing, compacting or forgetting failed; it will be tried again',
      )
    }
  }

  async #compact(): Promise<void> {
    while (!this.#stop.signal.aborted && (await this.blocks.compactOnce(this.#stop.signal)));
  }

  async #flushDue(): Promise<void> {
    const { blockRangeMs, lateSamplesMax, walBytesMax } = this.#config
    const { head } = this
    // A sample from the future must not push the boundary past samples still to come.
    const newestMs = Math.min(head.newestMs, this.#deps.clock.now())
    const boundaryMs = Math.floor((newestMs - blockRangeMs / 2) / blockRangeMs) * blockRangeMs
    if (newestMs - head.oldestMs > 1.5 * blockRangeMs && boundaryMs > head.oldestMs) await this.flush(boundaryMs)
    else if (head.counts.lateSamples > lateSamplesMax) await this.flush(Math.max(head.floorMs, boundaryMs))
    else if (this.wal.sizeBytes > walBytesMax || this.#isQuiet()) await this.checkpoint()
  }

  /** Whether commits have paused, and there is something worth writing out. */
  #isQuiet(): boolean {
    return this.wal.sizeBytes > QUIET_WAL_BYTES && performance.now() - this.log.lastCommitMs > this.#config.quietMs
  }

  /** Moves everything before the boundary, a multiple of the block range, into blocks, and starts the log anew. Call it `exclusively`. */
  async flush(boundaryMs: number): Promise<void> {
    const { head } = this
    const pace = createPace()
    const floorMs = head.floorMs
    head.floorMs = Math.max(floorMs, boundaryMs)
    try {
      await detach(head, boundaryMs, pace)
      const sorted = await sortedSeries(head, pace)
      for (const range of await ranges(head, boundaryMs, pace)) {
        const options = { level: 1, sources: [], kind: 'block' as const }
        const meta = await writeBlock(join(this.#dir, 'blocks'), seriesOfRange(sorted, range, pace), options)
        if (meta !== undefined) await this.blocks.add(meta)
      }
    } catch (error) {
      head.floorMs = floorMs
      reattach(head)
      throw error
    }
    await drop(head, boundaryMs, pace)
    await head.forgetEmpty(pace)
    this.stats.flushes++
    await this.checkpoint()
  }

  /** Writes the head out, so that the log can begin anew. Call it `exclusively`. */
  async checkpoint(): Promise<void> {
    // In this order: what the log is told from here on it keeps, and the checkpoint has everything from before.
    const cut = this.log.cut()
    for (const [metric, data] of this.#deps.metadata.get()) this.log.metadata(metric, data)
    const logged = this.log.commit()
    const segment = await cut
    await logged
    const name = await writeCheckpoint(this.#checkpointDir, this.head, segment, createPace())
    // An empty head needs none, and then the older ones must not come back.
    await removeOtherCheckpoints(this.#checkpointDir, name)
    await this.wal.removeBefore(segment)
    this.stats.checkpoints++
  }

  async #forgetOld(): Promise<void> {
    const { clock, log } = this.#deps
    const nowMs = clock.now()
    this.head.retentionFloorMs = Math.min(nowMs, this.head.newestMs) - this.#config.retentionMs
    const gone = await this.blocks.applyRetention(nowMs, this.wal.sizeBytes)
    if (gone.length > 0) log.info({ folder: this.#dir, blocks: gone.length }, 'blocks past retention were deleted')
  }

  /** Forgets everything. */
  wipe(): Promise<void> {
    return this.exclusively(async () => {
      // From this moment on samples are those of a new store, and stand in the new segments.
      this.head.clear()
      this.#deps.metadata.clear()
      const segment = await this.log.cut()
      await this.blocks.wipe()
      await removeOtherCheckpoints(this.#checkpointDir, undefined)
      await this.wal.removeBefore(segment)
    })
  }

  /** Writes the head out, so that the next start is quick and the folder small, and lets go of the folder. */
  async close(): Promise<void> {
    this.#stop.abort()
    clearTimeout(this.#timer)
    await this.exclusively(async () => {
      try {
        await this.checkpoint()
      } catch (error) {
        this.#deps.log.warn({ folder: this.#dir, reason: messageOf(error) }, 'the head could not be written out; the log has it')
      }
    })
    await this.wal.close()
    await this.blocks.close()
    await this.#lock.release()
  }
}
