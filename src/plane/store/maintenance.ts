import { messageOf } from '../../core/errors.ts'
import type { Clock } from '../../core/time.ts'
import type { BlockSet } from './block/block-set.ts'
import type { StoreConfig } from './config.ts'
import type { StoreLog } from './contract.ts'
import type { Head } from './head/head.ts'
import type { WalLog } from './head/wal-log.ts'
import type { Wal } from './wal/wal.ts'

/** A log smaller than this is read in a moment, and is left as it is. */
const QUIET_WAL_BYTES = 256 * 1024
/** Late samples that are fewer than this are in nobody's way. */
const LATE_PRESSING_MIN = 100_000
/** Longest time between two looks at whether something presses. */
const LOOK_MS_MAX = 1000

export interface MaintenanceDeps {
  readonly log: StoreLog
  readonly clock: Clock
}

/** What there is to do, and on what it depends. */
export interface Maintained {
  readonly dir: string
  readonly head: Head
  readonly blocks: BlockSet
  readonly wal: Wal
  readonly log: WalLog
  exclusively<T>(work: () => Promise<T>): Promise<T>
  flush(boundaryMs: number): Promise<void>
  checkpoint(): Promise<void>
  forgetOld(): Promise<void>
}

/** Says when what the disk can do is done: looks often whether something presses, and at everything once in a while. */
export class Maintenance {
  failures = 0
  readonly #disk: Maintained
  readonly #config: StoreConfig
  readonly #deps: MaintenanceDeps
  readonly #stop = new AbortController()
  #timer: NodeJS.Timeout | undefined
  #maintainedMs = performance.now()
  /** When something failed last; nothing presses again at once. */
  #failedMs = Number.NEGATIVE_INFINITY
  /** Late samples that the last flush left where they were, being too new for a block. */
  #lateLeft = 0

  constructor(disk: Maintained, config: StoreConfig, deps: MaintenanceDeps) {
    this.#disk = disk
    this.#config = config
    this.#deps = deps
  }

  /** Aborted when the store closes. */
  get stopped(): AbortSignal {
    return this.#stop.signal
  }

  start(): void {
    const { maintenanceIntervalMs, quietMs } = this.#config
    const lookMs = Math.min(maintenanceIntervalMs, quietMs / 2, LOOK_MS_MAX)
    this.#timer = setTimeout(() => {
      void this.#look().finally(() => {
        if (!this.stopped.aborted) this.start()
      })
    }, lookMs)
    this.#timer.unref()
  }

  /** Ends compactions and waiting; what is being written is written to its end. */
  stop(): void {
    this.#stop.abort()
    clearTimeout(this.#timer)
  }

  async #look(): Promise<void> {
    const { maintenanceIntervalMs, headSamplesMax, lateSamplesMax, walBytesMax } = this.#config
    const { head, wal } = this.#disk
    const latePressing = this.#lateLeft + Math.max(lateSamplesMax, LATE_PRESSING_MIN)
    const presses = head.counts.samples > headSamplesMax || head.counts.lateSamples > latePressing || wal.sizeBytes > walBytesMax
    const nowMs = performance.now()
    const isDue = nowMs - this.#maintainedMs >= maintenanceIntervalMs
    const mayTry = nowMs - this.#failedMs >= maintenanceIntervalMs
    if (isDue || (presses && mayTry)) return this.maintain()
    // A full head is flushed at once, as in Prometheus; that also bounds what a burst of old samples leaves in memory. Compaction can wait.
    if (this.#fullUpTo() !== undefined && mayTry && !wal.readOnly)
      return this.#disk.exclusively(() => this.#attempt(() => this.#flushDue()))
    if (this.#isQuiet() && !wal.readOnly) await this.#disk.exclusively(() => this.#attempt(() => this.#disk.checkpoint()))
  }

  /** Flushes, compacts and forgets what is due. Never throws: a failure is logged, counted, and tried again the next time. */
  maintain({ compact = true }: { readonly compact?: boolean } = {}): Promise<void> {
    this.#maintainedMs = performance.now()
    const disk = this.#disk
    return disk.exclusively(async () => {
      // First what makes room. While the disk is full, the rest would only fail.
      await this.#attempt(() => disk.forgetOld())
      if (disk.wal.readOnly) return
      await this.#attempt(() => this.#flushDue())
      if (compact) await this.#attempt(() => this.#compact())
      await this.#attempt(() => disk.forgetOld())
    })
  }

  async #attempt(work: () => Promise<void>): Promise<void> {
    if (this.stopped.aborted) return
    try {
      await work()
    } catch (error) {
      if (this.stopped.aborted) return
      this.failures++
      this.#failedMs = performance.now()
      this.#deps.log.warn(
        { folder: this.#disk.dir, reason: messageOf(error) },
        'flushing, compacting or forgetting failed; it will be tried again',
      )
    }
  }

  async #compact(): Promise<void> {
    while (!this.stopped.aborted && (await this.#disk.blocks.compactOnce(this.stopped)));
  }

  async #flushDue(): Promise<void> {
    const { lateSamplesMax, walBytesMax } = this.#config
    const { head, wal } = this.#disk
    const fullUpToMs = this.#fullUpTo()
    if (fullUpToMs !== undefined || head.counts.lateSamples > this.#lateLeft + lateSamplesMax) {
      await this.#disk.flush(fullUpToMs ?? Math.max(head.floorMs, this.#boundary()))
      this.#lateLeft = head.counts.lateSamples
    } else if (wal.sizeBytes > walBytesMax || this.#isQuiet()) await this.#disk.checkpoint()
  }

  /** What lies before this may become blocks: half a block range stays in memory. */
  #boundary(): number {
    const { blockRangeMs } = this.#config
    return Math.floor((this.#newest() - blockRangeMs / 2) / blockRangeMs) * blockRangeMs
  }

  /** A sample from the future must not push the boundary past samples still to come. */
  #newest(): number {
    return Math.min(this.#disk.head.newestMs, this.#deps.clock.now())
  }

  /** The time up to which the head is to be flushed, once it spans one and a half block ranges. */
  #fullUpTo(): number | undefined {
    const { oldestMs } = this.#disk.head
    const boundaryMs = this.#boundary()
    return this.#newest() - oldestMs > 1.5 * this.#config.blockRangeMs && boundaryMs > oldestMs ? boundaryMs : undefined
  }

  /** Whether commits have paused, and there is something worth writing out. */
  #isQuiet(): boolean {
    const { wal, log } = this.#disk
    return wal.sizeBytes > QUIET_WAL_BYTES && performance.now() - log.lastCommitMs > this.#config.quietMs
  }
}
