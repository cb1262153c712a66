import type { Pace } from '../../../core/turns.ts'
import type { SeriesChunks } from '../block/write.ts'
import { ByteSink } from '../chunk/byte-sink.ts'
import { type EncodedChunk, encodeChunk } from '../chunk/chunk.ts'
import type { TimeRange } from '../contract.ts'
import { type Run, readRuns } from '../runs.ts'
import { SampleBuffer, upperBound } from '../sample-buffer.ts'
import { lateRuns } from './late-samples.ts'
import type { HeadSeries } from './series.ts'
import { CHUNK_SAMPLES } from './slab.ts'

/** What a series takes whose chunks are written as they are, and what one takes whose samples must be merged first, in units of a pace. */
const AS_IS_WORK = 150
const MERGE_WORK = 3000

/**
 * What the series, sorted by labels, have in the range: in order and late together, each time once. The bytes of a series are good until the next one is
 * asked for.
 */
export async function* seriesOfRange(sorted: readonly HeadSeries[], range: TimeRange, pace: Pace): AsyncIterable<SeriesChunks> {
  const encoder = new Encoder()
  const touches = ({ minMs, maxMs }: Run) => maxMs >= range.fromMs && minMs <= range.toMs
  const lies = ({ minMs, maxMs }: Run) => minMs >= range.fromMs && maxMs <= range.toMs
  for (const series of sorted) {
    const inOrder = series.chunks.filter(touches)
    const late = lateRuns(series.leaving).filter(touches)
    const isAsIs = late.length === 0 && inOrder.every(lies)
    const chunks = isAsIs ? inOrder : encoder.merge([...inOrder, ...late], range)
    if (chunks.length > 0) yield { labels: series.labels, chunks }
    if (pace.due(isAsIs ? AS_IS_WORK : MERGE_WORK)) await pace.breathe()
  }
}

/** Everything the series, sorted by labels, have. The bytes of a series are good until the next one is asked for. */
export async function* wholeSeries(sorted: readonly HeadSeries[], blockRangeMs: number, pace: Pace): AsyncIterable<SeriesChunks> {
  const encoder = new Encoder()
  const endOf = (timeMs: number) => (Math.floor(timeMs / blockRangeMs) + 1) * blockRangeMs
  for (const series of sorted) {
    if (series.isEmpty) continue
    const isAsIs = series.late === undefined && series.leaving === undefined
    yield { labels: series.labels, chunks: isAsIs ? encoder.withOpen(series) : encoder.merge(series.allRuns(), all, endOf) }
    if (pace.due(isAsIs ? AS_IS_WORK + series.openSamples : MERGE_WORK)) await pace.breathe()
  }
}

const all: TimeRange = { fromMs: Number.NEGATIVE_INFINITY, toMs: Number.POSITIVE_INFINITY }

/** Encodes what is not encoded yet; its memory is used again for each series. */
class Encoder {
  readonly #sink = new ByteSink(16 * 1024)
  readonly #samples = new SampleBuffer()

  /** The chunks of a series, its open one included. */
  withOpen(series: HeadSeries): readonly EncodedChunk[] {
    const open = series.openColumns()
    if (open === undefined) return series.chunks
    this.#sink.clear()
    return [...series.chunks, this.#encode(open.timesMs, open.values, 0, open.timesMs.length)]
  }

  /** @param endOf - The time before which a chunk that begins at a time must end. */
  merge(runs: readonly Run[], { fromMs, toMs }: TimeRange, endOf?: (timeMs: number) => number): EncodedChunk[] {
    const samples = this.#samples
    samples.clear()
    this.#sink.clear()
    readRuns(runs, samples)
    samples.cut(fromMs, toMs)
    const { timesMs, values, length } = samples
    const chunks: EncodedChunk[] = []
    for (let from = 0; from < length; ) {
      const limit = endOf === undefined ? length : upperBound(timesMs, length, endOf(timesMs[from]!) - 1)
      const to = Math.min(from + CHUNK_SAMPLES, limit)
      chunks.push(this.#encode(timesMs, values, from, to))
      from = to
    }
    return chunks
  }

  #encode(timesMs: Float64Array, values: Float64Array, from: number, to: number): EncodedChunk {
    const sink = this.#sink
    const offset = sink.length
    const length = encodeChunk(timesMs, values, from, to, sink)
    // The sink grows into new bytes; those of chunks before stay where they are.
    return { minMs: timesMs[from]!, maxMs: timesMs[to - 1]!, samples: to - from, bytes: sink.bytes, offset, length }
  }
}
