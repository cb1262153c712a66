import type { Labels } from '../../core/labels.ts'
import type { MetricMetadata } from '../../plane/store/contract.ts'

/** A series on its way in, as its reader remembers it. */
export interface BackfillSeries {
  readonly labels: Labels
  /** The sink's own handle; 0 until it has one. */
  ref: number
}

/** Where readers put what they read. Nothing here waits: whoever drives the reader flushes between two of its steps. */
export interface SampleTarget {
  /** A series that the reader has not come across, or has forgotten. */
  series(labels: Labels): BackfillSeries
  add(series: BackfillSeries, timeMs: number, value: number): void
  metadata(metric: string, metadata: MetricMetadata): void
}

/** Keeps samples: a data folder, or a server. */
export interface BackfillSink extends Omit<SampleTarget, 'series'> {
  /** Samples gathered since the last flush, and how many it is good to gather. */
  readonly pending: number
  readonly batchSamples: number
  /** Resolves when what was gathered is safe, or counted as refused. */
  flush(): Promise<void>
  /** Ends the work, whether or not everything went well; what was flushed stays. */
  close(): Promise<SinkOutcome>
}

export type SinkOutcome = StoreOutcome | ServerOutcome

/** What a data folder made of the samples. */
export interface StoreOutcome {
  readonly kind: 'store'
  readonly folder: string
  /** Taken, those included that were there already. */
  readonly taken: number
  /** Left out: their time was taken by another value, or the store was full of series; for a folder nothing is too old or out of order. */
  readonly refused: { readonly duplicate: number; readonly tooOld: number; readonly overLimit: number; readonly outOfOrder: number }
  /** The first that was refused, as a sentence. */
  readonly firstRefused: string | undefined
  /** Blocks of the whole folder, and bytes of them for each of their samples; NaN when they are too few to tell. */
  readonly blocks: number
  readonly bytesPerSample: number
}

/** What a server made of the samples. */
export interface ServerOutcome {
  readonly kind: 'server'
  readonly url: string
  readonly requests: number
  readonly retries: number
  /** Requests of which the server refused samples, how many samples they held, and what it said the first time. */
  readonly refusedRequests: number
  readonly refusedSamplesMax: number
  readonly firstRefusal: string | undefined
}

/** How a file is read: each step reads some more of it into the target. */
export type BackfillReader = AsyncIterable<ReaderStep>

export interface ReaderStep {
  /** Rows that were left out in this step. */
  readonly skippedRows: number
}
