import type { WalStats } from '../contract.ts'
import type { RecordHandler } from './record.ts'
import type { DamageReport, WalLog } from './replay.ts'
import type { OpenFile } from './segment.ts'

export interface WalConfig {
  /** A segment that would pass this is closed and a new one begun; one single append may be larger. */
  readonly segmentBytesMax: number
  /** Longest time between a write and the begin of its fsync: what a loss of power may cost. 0: before every acknowledgement. */
  readonly fsyncIntervalMs: number
  /** Bytes that may wait to be written; past it `readOnly` is true. */
  readonly pendingBytesMax: number
  /** Time between two attempts while the disk does not take what we have. */
  readonly retryMs: number
}

export const walDefaults: WalConfig = {
  segmentBytesMax: 32 * 1024 * 1024,
  fsyncIntervalMs: 1000,
  pendingBytesMax: 64 * 1024 * 1024,
  retryMs: 1000,
}

export interface WalDeps {
  readonly log: WalLog
  /** Where damaged bytes are copied to. */
  readonly quarantineDir: string
  /** For tests that want files which fail on demand. */
  readonly openFile?: OpenFile
}

export interface ReplayOutcome {
  readonly records: number
  readonly samples: number
  /** Whole records of a type that this version does not know; they were skipped. */
  readonly unknownRecords: number
  readonly damages: readonly DamageReport[]
}

/** The write-ahead log: an endless row of records in numbered segments. */
export interface Wal {
  /**
   * Reads all segments from `fromSegment` on, oldest first, giving way to the event loop; call it once, before `append`. Damage is reported and
   * passed over. Without this call the log goes on in a new segment.
   */
  replay(fromSegment: number, handler: RecordHandler): Promise<ReplayOutcome>
  /**
   * Queues whole records, as `RecordEncoder.finish` gives them; the buffer is the log's until it is done. Resolves when the system has them, or, with
   * `fsyncIntervalMs` 0, when the disk has; order is kept. While the disk is full it waits.
   * @throws MW_STORE_READ_ONLY when `readOnly` is true: nothing was taken. Or when the log was closed before there was room.
   */
  append(records: Uint8Array): Promise<void>
  /** Whether new commits must be refused: the disk does not take what waits, or too much waits. Becomes false by itself. */
  readonly readOnly: boolean
  readonly readOnlyReason: string | undefined
  /**
   * Everything appended from now on stands in segments ≥ the returned number. Waits for what was appended before.
   * @param patience - Given, it also waits for room on a full disk, until this is aborted.
   * @throws MW_STORE_READ_ONLY when the disk is full and nobody has the patience. What was appended goes on waiting, and later segments may or may not begin here.
   */
  cut(patience?: AbortSignal): Promise<number>
  /** Deletes the segments before this one. */
  removeBefore(segment: number): Promise<void>
  /** Of all segments, in bytes. */
  readonly sizeBytes: number
  /** Numbers of the segments, rising. */
  readonly segments: readonly number[]
  stats(): WalStats
  /** Resolves when everything appended before is safe from a loss of power. @throws MW_WAL_SYNC */
  sync(): Promise<void>
  /** Writes what waits, with one last attempt if the disk is full, syncs and closes. Appends that could not be written are rejected. */
  close(): Promise<void>
}
