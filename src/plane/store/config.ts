/** Bounds of the store in memory. */
export interface MemoryStoreConfig {
  /** Samples older than this are forgotten by `truncate`, and no longer accepted. */
  readonly retentionMs: number
  /** Series the store holds at most; the samples of further ones are refused, and counted. */
  readonly seriesMax: number
  /** Samples the store holds at most, about 16 bytes each; past it the oldest chunks go first, and are counted. */
  readonly samplesMax: number
}

export const memoryStoreDefaults: MemoryStoreConfig = {
  retentionMs: 6 * 3_600_000,
  seriesMax: 200_000,
  samplesMax: 10_000_000,
}
