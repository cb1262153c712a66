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

  commit(): Promise<void> {
    const records = this.#encoder.finish()
    if (records.length === 0) return Promise.resolve()
    this.lastCommitMs = performance.now()
    return this.#wal.append(records)
  }

  /** Everything logged from now on stands in segments from the returned one on, and they need no earlier ones. */
  cut(): Promise<number> {
    this.epoch++
    return this.#wal.cut()
  }
}
