import { ModelwatchError } from '../../core/errors.ts'
import { formatLabels } from '../../core/labels.ts'
import type { Appender, AppendOutcome, MetricMetadata, StoreStats } from '../../plane/store/contract.ts'
import { openStore, type StoreDeps, type TimeSeriesStore } from '../../plane/store/index.ts'
import type { BackfillSeries, BackfillSink, StoreOutcome } from './contract.ts'

/** Older than anything, and sooner than any time: the store subtracts it from times. */
const UNLIMITED_MS = Number.MAX_SAFE_INTEGER
/** The longest a timer waits: this sink says itself when the store is to write blocks. */
const NEVER_MS = 2 ** 31 - 1

/** When memory is written out as blocks. */
export interface MemoryBounds {
  /** Samples taken since the last time. */
  readonly samplesMax: number
  /** Series in memory, beyond those that stay there because their newest samples are too new for a block. */
  readonly seriesMax: number
}

const memoryBounds: MemoryBounds = { samplesMax: 4_000_000, seriesMax: 50_000 }

/** Samples in blocks below which what a block takes by itself hides what samples take. */
const TELLING_SAMPLES = 10_000

const reasons = {
  duplicate: 'its time is taken by another value',
  tooOld: 'it is too old',
  overLimit: 'the store is full of series',
  outOfOrder: 'it is older than the newest of its series',
}

/**
 * Opens a data folder, made if need be, for samples of any age and in any order. Nothing in it is too old meanwhile: retention is the monitor's.
 * @throws MW_STORE_FOLDER_LOCKED when a monitor runs on it.
 */
export async function openStoreSink(
  folder: string,
  { log }: Required<Pick<StoreDeps, 'log'>>,
  bounds = memoryBounds,
): Promise<BackfillSink> {
  const config = {
    path: folder,
    retentionMs: UNLIMITED_MS,
    outOfOrderWindowMs: UNLIMITED_MS,
    maintenanceIntervalMs: NEVER_MS,
    lateSamplesMax: 0, // Whatever is late when it is time to write blocks becomes blocks too.
  }
  try {
    return new StoreSink(folder, await openStore(config, { log }), bounds)
  } catch (error) {
    if (!(error instanceof ModelwatchError) || error.code !== 'MW_STORE_FOLDER_LOCKED') throw error
    const hint = 'Send the samples to the monitor that runs there with --url http://127.0.0.1:9090, or stop it first.'
    throw new ModelwatchError(error.code, { ...error, hint }, error.message, { cause: error })
  }
}

class StoreSink implements BackfillSink {
  readonly #folder: string
  readonly #store: TimeSeriesStore
  readonly #bounds: MemoryBounds
  readonly #refused = { duplicate: 0, tooOld: 0, overLimit: 0, outOfOrder: 0 }
  #appender: Appender | undefined
  #taken = 0
  #firstRefused: string | undefined
  #inMemory = 0
  /** Series in memory when blocks were written last. */
  #seriesKept = 0
  readonly batchSamples = 20_000
  pending = 0

  constructor(folder: string, store: TimeSeriesStore, bounds: MemoryBounds) {
    this.#folder = folder
    this.#bounds = bounds
    this.#store = store
    this.#seriesKept = store.stats().series
  }

  add(series: BackfillSeries, timeMs: number, value: number): void {
    this.#appender ??= this.#store.appender()
    series.ref = this.#appender.append(series.ref, series.labels, timeMs, value)
    this.pending++
  }

  metadata(metric: string, metadata: MetricMetadata): void {
    this.#store.setMetadata(metric, metadata)
  }

  async flush(): Promise<void> {
    const appender = this.#appender
    if (appender === undefined) return
    this.#appender = undefined
    this.#inMemory += this.pending
    this.pending = 0
    this.#count(await appender.commit())
    const { samplesMax, seriesMax } = this.#bounds
    const isFull = this.#inMemory >= samplesMax || this.#store.stats().series > this.#seriesKept + seriesMax
    if (isFull) await this.#writeBlocks()
  }

  #count({ appended, firstRefused, ...counts }: AppendOutcome): void {
    this.#taken += appended
    for (const reason of ['duplicate', 'tooOld', 'overLimit', 'outOfOrder'] as const) this.#refused[reason] += counts[reason]
    if (firstRefused === undefined) return
    const time = Math.abs(firstRefused.timeMs) <= 8.64e15 ? new Date(firstRefused.timeMs).toISOString() : `${firstRefused.timeMs} ms`
    this.#firstRefused ??= `${formatLabels(firstRefused.labels)} at ${time}: ${reasons[firstRefused.reason]}`
  }

  async #writeBlocks(): Promise<void> {
    await this.#store.maintain({ compact: false })
    this.#inMemory = 0
    this.#seriesKept = this.#store.stats().series
  }

  async close(): Promise<StoreOutcome> {
    let stats: StoreStats
    try {
      await this.flush()
      if (this.#inMemory > 0) await this.#writeBlocks()
      await this.#store.maintain() // Now that all is there, it is put in order once.
    } finally {
      stats = this.#store.stats()
      await this.#store.close()
    }
    const { samples, headSamples, disk } = stats
    const inBlocks = samples - headSamples
    return {
      kind: 'store',
      folder: this.#folder,
      taken: this.#taken,
      refused: this.#refused,
      firstRefused: this.#firstRefused,
      blocks: disk?.blockCount ?? 0,
      bytesPerSample: inBlocks < TELLING_SAMPLES ? Number.NaN : (disk?.blockBytes ?? 0) / inBlocks,
    }
  }
}
