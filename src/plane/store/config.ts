/** Bounds and habits of the store. */
export interface StoreConfig {
  /** Folder of the data; undefined keeps everything in memory, and forgets it with the process. */
  readonly path: string | undefined
  /** Samples older than this are forgotten, counted back from the newest one or from now, whichever is earlier. */
  readonly retentionMs: number
  /** Bytes that log, head and blocks may take on disk together; the oldest blocks go first. undefined sets no bound. */
  readonly retentionBytes: number | undefined
  /** Series the head holds at most; the samples of further ones are refused, and counted. */
  readonly seriesMax: number
  /** How much older than the newest sample of all a sample may be that comes out of order; 0 takes none. */
  readonly outOfOrderWindowMs: number
  /** Length of the blocks that the head is cut into. */
  readonly blockRangeMs: number
  /** At most this much is lost when the power goes; 0 forces every write to the disk before it is acknowledged. */
  readonly fsyncIntervalMs: number
  /** Memory for pieces of blocks that were read. */
  readonly cacheBytesMax: number
  /** Size of the log at which the head is written out, so that the next start need not read it all. */
  readonly walBytesMax: number
  /** After that long without a commit the head is written out too: a store that rests is small, and starts at once. */
  readonly quietMs: number
  /** Late samples in memory at which they are moved into blocks. */
  readonly lateSamplesMax: number
  /** Metrics whose type and help are kept. */
  readonly metadataMax: number
  /** Time between two looks at whether there is something to flush, to compact or to forget. */
  readonly maintenanceIntervalMs: number
  /** Samples in memory at which to look at once. */
  readonly headSamplesMax: number
}

const HOUR_MS = 3_600_000
const MIB = 1024 * 1024

export const storeDefaults: StoreConfig = {
  path: undefined,
  retentionMs: 15 * 24 * HOUR_MS,
  retentionBytes: undefined,
  seriesMax: 1_000_000,
  outOfOrderWindowMs: 0,
  blockRangeMs: 2 * HOUR_MS,
  fsyncIntervalMs: 1000,
  cacheBytesMax: 64 * MIB,
  walBytesMax: 64 * MIB,
  quietMs: 10_000,
  lateSamplesMax: 1_000_000,
  metadataMax: 50_000,
  maintenanceIntervalMs: 60_000,
  headSamplesMax: 50_000_000,
}
