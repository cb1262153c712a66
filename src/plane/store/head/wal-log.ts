import type { Labels } from '../../../core/labels.ts'
import type { MetricMetadata } from '../contract.ts'
import { walErrors } from '../wal/errors.ts'
import { RecordEncoder } from '../wal/record.ts'
import type { Wal } from '../wal/wal.ts'
import type { HeadLog } from './head.ts'

/** The head's view of the write-ahead log. */
export class WalLog implements HeadLog {
  epoch = 0
  /** Of the clock of `performance.now`. */
  lastCommitMs = 0
  readonly #wal: Wal
  /** The write that was asked for last; the log writes in order, so with it everything before it is safe. */
  #last: Promise<void> = Promise.resolve()
  readonly #encoder = new RecordEncoder()

  constructor(wal: Wal) {
    this.#wal = wal
  }

  check(): void {
    if (!this.#wal.readOnly) return
    throw walErrors.MW_STORE_READ_ONLY(`the store takes no samples for now: ${this.#wal.readOnlyReason ?? 'the log cannot be written'}`)
  }

  series(ref: number, labels: Labels): void {
    this.#encoder.series(ref, labels)
  }

  samples(refs: Uint32Array, timesMs: Float64Array, values: Float64Array, from: number, to: number): void {
    this.#encoder.samples(refs, timesMs, values, from, to)
  }

  tombstone(ref: number, fromMs: number, toMs: number): void {
    this.#encoder.tombstone(ref, fromMs, toMs)
  }

  metadata(metric: string, metadata: MetricMetadata): void {
    this.#encoder.metadata(metric, metadata)
  }

  async commit(): Promise<void> {
    // What has been handed over stays for the commit that comes when there is room: a series is declared once, and must not be lost.
    if (this.#encoder.sizeBytes > 0) {
      this.check()
      this.lastCommitMs = performance.now()
      const records = this.#encoder.finish()
      this.#last = this.#wal.append(records).finally(() => this.#encoder.release(records))
    }
    // Even with nothing to write: what the caller was told is there already may still be on its way.
    await this.#last
  }

  /** Everything logged from now on stands in segments from the returned one on, and they need no earlier ones. @param patience - As of `Wal.cut`. */
  cut(patience?: AbortSignal): Promise<number> {
    this.epoch++
    return this.#wal.cut(patience)
  }
}
