import type { Labels } from '../../core/labels.ts'
import type { SampleBuffer } from './sample-buffer.ts'

/** A handle to a series: an integer ≥ 1, never given to another series. 0 is "not known yet". */
export type SeriesRef = number

/** No sample is further from 1970 than this: the distance of any two times is then an exact number. Some 142,000 years. */
export const timeMsMax = 2 ** 52 - 1

export type MatchOp = '=' | '!=' | '=~' | '!~'

/** One condition on a label. Regular expressions are anchored at both ends, and a missing label is the empty string. */
export interface Matcher {
  readonly name: string
  readonly op: MatchOp
  readonly value: string
}

/** One series of a selection. Its samples stay as they were when it was selected, whatever is written meanwhile. */
export interface SelectedSeries {
  readonly labels: Labels
  /** No fewer samples than `read` will give; what reading costs, known before it is done. */
  readonly samplesMax: number
  /**
   * Replaces the buffer's content by the samples of the range: oldest first, times strictly rising. A staleness marker is one particular NaN;
   * ask `isStaleMarker(values, i)`. Decoding is done here, so a reader pays for a series when it comes to it.
   */
  read(into: SampleBuffer): void
}

/** What a read found, and what it could not read. */
export interface Selection {
  /**
   * In the order in which Prometheus would give them, for `topk` shows it between equals: that of creation as long as all is in memory, that of labels when
   * blocks have a part in it.
   */
  readonly series: readonly SelectedSeries[]
  /** One sentence for each damaged piece of a block that would have had a say: what is missing, and where. */
  readonly warnings: readonly string[]
}

/** What became of the samples of one commit. */
export interface AppendOutcome {
  readonly appended: number
  /** Older than the newest sample of their series, and the store takes none such (its out-of-order window is 0). */
  readonly outOfOrder: number
  /** Older than the out-of-order window allows, or than retention keeps; or further from 1970 than `timeMsMax`. */
  readonly tooOld: number
  /** Same time, other value. The first value stays. The same value again counts as appended. */
  readonly duplicate: number
  /** Refused because the store holds `seriesMax` series already. */
  readonly overLimit: number
  /** The first sample that was refused, for a message that names it. */
  readonly firstRefused: RefusedSample | undefined
}

export interface RefusedSample {
  readonly labels: Labels
  readonly timeMs: number
  readonly reason: 'outOfOrder' | 'tooOld' | 'duplicate' | 'overLimit'
}

/** Collects samples and makes them visible together. One owner, one use: after commit or rollback it is spent. */
export interface Appender {
  /**
   * @param ref - What an earlier append of the same series returned, or 0; with a known ref the labels are not looked at.
   *   A series that retention forgot is made anew from the labels, under a ref of its own: keep what this call returns.
   * @param timeMs - An integer of milliseconds since 1970.
   * @param value - Any number; NaN is kept as an ordinary NaN, whatever its bits. Staleness markers go through `appendStale`.
   * @returns The series' handle, or 0 when the series was refused for lack of room.
   * @throws MW_STORE_LABELS_TOO_LONG when a new series has labels of more than a million characters; the appender stays as it was.
   */
  append(ref: SeriesRef, labels: Labels, timeMs: number, value: number): SeriesRef
  /**
   * Appends the first `length` samples of two columns, which are copied; values by their bits, staleness markers included.
   * @returns as `append`.
   */
  appendColumns(ref: SeriesRef, labels: Labels, timesMs: Float64Array, values: Float64Array, length: number): SeriesRef
  /** Ends a series at this time: queries no longer look back past it. */
  appendStale(ref: SeriesRef, timeMs: number): void
  /**
   * Makes the samples visible at once, and resolves when they are written to the log: from then on the end of the process does not lose them.
   * A sample that is there already is acknowledged when the one before it is.
   * @throws MW_STORE_READ_ONLY when the disk is full: nothing was taken. MW_WAL_CLOSED when the store is closed.
   */
  commit(): Promise<AppendOutcome>
  rollback(): void
}

export interface TimeRange {
  readonly fromMs: number
  readonly toMs: number
}

/** How much one read may bring. */
export interface SelectLimits {
  readonly seriesMax: number
  /** Encoded bytes the read may hold in memory at once. */
  readonly bytesMax: number
}

export interface SeriesReader {
  /**
   * Series that match all matchers and may have a sample in the range (both ends included), cut to the range; all as of one moment.
   * @throws MW_STORE_SELECT_LIMIT when the answer would pass `limits`; MW_STORE_MATCHER and MW_STORE_MATCHER_UNSUPPORTED for a bad matcher.
   */
  select(matchers: readonly Matcher[], range: TimeRange, limits?: SelectLimits): Promise<Selection>
  /** Labels of the series that match any of the matcher sets; every series when there is no set. */
  series(matcherSets: readonly (readonly Matcher[])[], range: TimeRange): Promise<Labels[]>
  /** Names of labels, sorted. */
  labelNames(matcherSets: readonly (readonly Matcher[])[], range: TimeRange): Promise<string[]>
  /** Values of one label, sorted. */
  labelValues(name: string, matcherSets: readonly (readonly Matcher[])[], range: TimeRange): Promise<string[]>
}

export interface MetricMetadata {
  readonly type: 'counter' | 'gauge' | 'histogram' | 'gaugehistogram' | 'summary' | 'unknown' | 'info' | 'stateset'
  readonly help: string
  readonly unit: string
}

export interface StoreStats {
  /** Series that have samples in memory. */
  readonly series: number
  /** Samples in memory and in blocks; while some move from the one to the other, they count twice. */
  readonly samples: number
  readonly oldestMs: number | undefined
  readonly newestMs: number | undefined
  readonly headSamples: number
  /** Samples refused since the start, for whatever reason. */
  readonly refusedSamples: number
  /** Samples in memory that came after newer ones. */
  readonly lateSamples: number
  /** Late samples left out since the start because their time was taken by another value. */
  readonly conflicts: number
  /** Metrics whose metadata was not kept since the start: past the limit, or too long. */
  readonly metadataRefused: number
  /** undefined for a store in memory. */
  readonly disk: DiskStats | undefined
}

export interface DiskStats {
  /** Whether samples are refused because the disk is full. */
  readonly readOnly: boolean
  readonly walBytes: number
  readonly blockBytes: number
  readonly blockCount: number
  readonly flushes: number
  readonly checkpoints: number
  readonly maintenanceFailures: number
  /** Damaged pieces of log and checkpoints found at the start. */
  readonly damages: number
  /** How long opening the folder took. */
  readonly startMs: number
  readonly wal: WalStats
  readonly blocks: BlockSetStats
}

/** Since the start, unless it says otherwise. */
export interface WalStats {
  readonly fsyncs: number
  readonly fsyncSecondsTotal: number
  readonly writes: number
  readonly bytesWritten: number
  /** Writes, new segments and fsyncs that failed. */
  readonly failures: number
  /** Appended and not yet written, at most `pendingBytesMax`. */
  readonly pendingBytes: number
}

export interface BlockSetStats {
  readonly blocks: number
  readonly series: number
  readonly samples: number
  readonly chunks: number
  readonly sizeBytes: number
  readonly oldestMs: number | undefined
  readonly newestMs: number | undefined
  /** Series with deletions, over all blocks. */
  readonly tombstonedSeries: number
  readonly compactions: number
  readonly compactionFailures: number
  readonly compactionMs: number
  /** Blocks that retention deleted. */
  readonly retentionDeletions: number
  readonly damagedPieces: number
  readonly quarantinedBlocks: number
  readonly loads: number
  readonly cacheBytes: number
  readonly cacheHits: number
  readonly cacheMisses: number
}

/** What only an administrator may do. */
export interface StoreAdmin {
  /** Deletes the samples in the range of all series that match any of the matcher sets. */
  deleteSeries(matcherSets: readonly (readonly Matcher[])[], range: TimeRange): Promise<void>
  /** Frees the room that deleted samples still take. */
  cleanTombstones(): Promise<void>
  /** Copies the data as it is now into a folder of its own under `snapshots`, which a store can be opened on. @returns the folder's name. */
  snapshot(options: { readonly skipHead: boolean }): Promise<string>
  /** Forgets everything. */
  wipe(): Promise<void>
}

/** Keeps samples and finds them again. */
export interface SeriesStore extends SeriesReader {
  appender(): Appender
  setMetadata(metric: string, metadata: MetricMetadata): void
  metadata(metric?: string): ReadonlyMap<string, MetricMetadata>
  /** Forgets what retention no longer covers. Called from time to time by the owner. */
  truncate(nowMs: number): void
  stats(): StoreStats
  close(): Promise<void>
}

/** As much of pino as the store uses. */
export interface StoreLog {
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}
