import type { Labels } from '../../core/labels.ts'

/** A handle to a series: an integer ≥ 1, never given to another series. 0 is "not known yet". */
export type SeriesRef = number

export type MatchOp = '=' | '!=' | '=~' | '!~'

/** One condition on a label. Regular expressions are anchored at both ends, and a missing label is the empty string. */
export interface Matcher {
  readonly name: string
  readonly op: MatchOp
  readonly value: string
}

/** Samples of one series as columns of equal length, oldest first, times strictly rising. Read-only views: copy before you change. */
export interface SeriesColumns {
  readonly labels: Labels
  readonly timesMs: Float64Array
  /** A staleness marker is one particular NaN; ask `isStaleMarker(values, i)`. */
  readonly values: Float64Array
}

/** What became of the samples of one commit. */
export interface AppendOutcome {
  readonly appended: number
  /** Older than the newest sample of their series, or older than retention. */
  readonly outOfOrder: number
  /** Same time, other value. The first value stays. The same value again counts as appended. */
  readonly duplicate: number
  /** Refused because the store holds `seriesMax` series already. */
  readonly overLimit: number
}

/** Collects samples and makes them visible together. One owner, one use: after commit or rollback it is spent. */
export interface Appender {
  /**
   * @param ref - What an earlier append of the same series returned, or 0; with a known ref the labels are not looked at.
   *   A series that retention forgot is made anew from the labels, under a ref of its own: keep what this call returns.
   * @param timeMs - An integer of milliseconds since 1970.
   * @param value - Any number; NaN is kept as an ordinary NaN, whatever its bits. Staleness markers go through `appendStale`.
   * @returns The series' handle, or 0 when the series was refused for lack of room.
   */
  append(ref: SeriesRef, labels: Labels, timeMs: number, value: number): SeriesRef
  /** Ends a series at this time: queries no longer look back past it. */
  appendStale(ref: SeriesRef, timeMs: number): void
  commit(): AppendOutcome
  rollback(): void
}

export interface TimeRange {
  readonly fromMs: number
  readonly toMs: number
}

/** How much one read may bring. */
export interface SelectLimits {
  readonly seriesMax: number
  readonly samplesMax: number
}

export interface SeriesReader {
  /**
   * Series that match all matchers and have a sample in the range (both ends included), cut to the range. No order is promised.
   * Columns may be put together when they are first looked at, so that reading many series need not be one long pause.
   * @throws MW_STORE_SELECT_LIMIT when the answer would pass `limits`; MW_STORE_MATCHER and MW_STORE_MATCHER_UNSUPPORTED for a bad matcher.
   */
  select(matchers: readonly Matcher[], range: TimeRange, limits?: SelectLimits): SeriesColumns[]
  /** Labels of the series that match any of the matcher sets; every series when there is no set. */
  series(matcherSets: readonly (readonly Matcher[])[], range: TimeRange): Labels[]
  /** Names of labels, sorted. */
  labelNames(matcherSets: readonly (readonly Matcher[])[], range: TimeRange): string[]
  /** Values of one label, sorted. */
  labelValues(name: string, matcherSets: readonly (readonly Matcher[])[], range: TimeRange): string[]
}

export interface MetricMetadata {
  readonly type: 'counter' | 'gauge' | 'histogram' | 'gaugehistogram' | 'summary' | 'unknown' | 'info' | 'stateset'
  readonly help: string
  readonly unit: string
}

export interface StoreStats {
  readonly series: number
  readonly samples: number
  readonly oldestMs: number | undefined
  readonly newestMs: number | undefined
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
