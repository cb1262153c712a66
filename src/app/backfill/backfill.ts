import type { Readable } from 'node:stream'
import { ModelwatchError } from '../../core/errors.ts'
import type { Labels } from '../../core/labels.ts'
import type { MetricMetadata } from '../../plane/store/contract.ts'
import type { BackfillReader, BackfillSeries, BackfillSink, SampleTarget, SinkOutcome } from './contract.ts'
import { type CsvOptions, readCsv } from './csv.ts'
import { backfillErrors } from './errors.ts'
import { type BackfillInput, openInput } from './input.ts'
import { readOpenMetrics } from './open-metrics.ts'
import { SeriesCount } from './series-count.ts'

export type BackfillFormat = 'openmetrics' | 'csv'

export interface BackfillRequest {
  /** Files in the order in which they are read; `-` is standard input. */
  readonly files: readonly string[]
  /** undefined: by each file's ending, `.csv` or `.csv.gz`; everything else is OpenMetrics. */
  readonly format: BackfillFormat | undefined
  readonly csv: CsvOptions
  /** Aborted, it ends the work; what was read until then stays. */
  readonly signal: AbortSignal
  /** Told after each piece of a file. */
  onProgress?(progress: BackfillProgress): void
}

export interface BackfillProgress {
  readonly file: string
  /** How much of all files is read, a share in [0, 1]; undefined when the size of one is not known. */
  readonly share: number | undefined
  readonly samples: number
}

export interface BackfillResult {
  /** Samples read, whatever became of them. */
  readonly samples: number
  readonly series: number
  /** Whether `series` is all; else there were more. */
  readonly isSeriesExact: boolean
  /** Times of the first and the last sample; undefined when there is none. */
  readonly minMs: number | undefined
  readonly maxMs: number | undefined
  /** Rows left out because they could not be read. */
  readonly skippedRows: number
  readonly outcome: SinkOutcome
  /** Whether the signal ended it before its time. */
  readonly isInterrupted: boolean
}

export interface BackfillDeps {
  /** Opened when the files are: a name that is wrong costs nothing. */
  readonly openSink: () => Promise<BackfillSink>
  readonly stdin: Readable
}

/**
 * Reads files of samples into a sink, in a memory that does not grow with them. Samples of different series may come in any order, and so may the files.
 * The same samples again change nothing.
 * @throws what reading throws (MW_BACKFILL_…), with how much is in by then; what the sink throws.
 */
export async function backfill(request: BackfillRequest, { openSink, stdin }: BackfillDeps): Promise<BackfillResult> {
  const inputs: BackfillInput[] = []
  for (const file of request.files) inputs.push(await openInput(file, stdin))
  const sink = await openSink()
  const intake = new Intake(sink)
  const { signal } = request
  try {
    for (const [i, input] of inputs.entries()) {
      const reader = readerOf(input, request.files[i]!, intake, request)
      await drain(reader, { intake, sink, signal, onStep: () => request.onProgress?.(progressOf(inputs, input, intake)) })
      if (signal.aborted) break
    }
  } catch (error) {
    if (!(signal.aborted && isAbort(error))) {
      // The first error says what is wrong; what was gathered before it is kept, if it can be.
      await sink.close().catch(() => {})
      throw withWhatIsIn(error, intake.samples)
    }
  }
  const outcome = await sink.close()
  const { samples, minMs, maxMs, skippedRows, seriesCount } = intake
  return {
    samples,
    series: seriesCount.count,
    isSeriesExact: seriesCount.isExact,
    minMs: samples > 0 ? minMs : undefined,
    maxMs: samples > 0 ? maxMs : undefined,
    skippedRows,
    outcome,
    isInterrupted: request.signal.aborted,
  }
}

function readerOf(input: BackfillInput, file: string, target: SampleTarget, { format, csv }: BackfillRequest): BackfillReader {
  const isCsv = format === undefined ? /\.csv(\.gz)?$/i.test(file) : format === 'csv'
  if (!isCsv) return readOpenMetrics(input, target)
  if ((csv.metric === undefined) === (csv.metricColumn === undefined))
    throw backfillErrors.MW_BACKFILL_COLUMNS(`${input.name} is CSV, and either --metric or --metric-column must say what its metric is`)
  return readCsv(input, target, csv)
}

async function drain(
  reader: BackfillReader,
  { intake, sink, signal, onStep }: { intake: Intake; sink: BackfillSink; signal: AbortSignal; onStep: () => void },
): Promise<void> {
  const steps = reader[Symbol.asyncIterator]()
  // Standard input may have nothing to give for long: who interrupts does not wait for it.
  const { promise: interrupted, resolve: interrupt } = Promise.withResolvers<undefined>()
  const onAbort = () => interrupt(undefined)
  signal.addEventListener('abort', onAbort)
  try {
    while (!signal.aborted) {
      const step = await Promise.race([steps.next(), interrupted])
      if (step === undefined || step.done === true) return
      intake.skippedRows += step.value.skippedRows
      if (sink.pending >= sink.batchSamples) await sink.flush()
      onStep()
    }
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === 'AbortError'
}

/** What passes from readers to the sink, counted. */
class Intake implements SampleTarget {
  readonly #sink: BackfillSink
  readonly seriesCount = new SeriesCount()
  samples = 0
  minMs = Number.POSITIVE_INFINITY
  maxMs = Number.NEGATIVE_INFINITY
  skippedRows = 0

  constructor(sink: BackfillSink) {
    this.#sink = sink
  }

  series(labels: Labels): BackfillSeries {
    this.seriesCount.add(labels)
    return { labels, ref: 0 }
  }

  add(series: BackfillSeries, timeMs: number, value: number): void {
    this.samples++
    if (timeMs < this.minMs) this.minMs = timeMs
    if (timeMs > this.maxMs) this.maxMs = timeMs
    this.#sink.add(series, timeMs, value)
  }

  metadata(metric: string, metadata: MetricMetadata): void {
    this.#sink.metadata(metric, metadata)
  }
}

function progressOf(inputs: readonly BackfillInput[], input: BackfillInput, { samples }: Intake): BackfillProgress {
  let read = 0
  let size: number | undefined = 0
  for (const one of inputs) {
    read += one.readBytes()
    size = size === undefined || one.sizeBytes === undefined ? undefined : size + one.sizeBytes
  }
  return { file: input.name, share: size === undefined ? undefined : size === 0 ? 1 : Math.min(1, read / size), samples }
}

function withWhatIsIn(error: unknown, samples: number): unknown {
  if (!(error instanceof ModelwatchError) || !error.code.startsWith('MW_BACKFILL_') || samples === 0) return error
  if (error.code === 'MW_BACKFILL_SERVER' || error.code === 'MW_BACKFILL_REFUSED') return error
  const before = samples === 1 ? 'the sample before it is' : `the ${samples} samples before it are`
  const message = `${error.message}; ${before} in`
  return new ModelwatchError(error.code, error, message, { cause: error })
}
