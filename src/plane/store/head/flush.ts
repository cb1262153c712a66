import type { Pace } from '../../../core/turns.ts'
import type { EncodedChunk, SeriesChunks } from '../block/write.ts'
import { ByteSink } from '../chunk/byte-sink.ts'
import { encodeChunk } from '../chunk/chunk.ts'
import type { TimeRange } from '../contract.ts'
import { type Run, readRuns } from '../runs.ts'
import { SampleBuffer, upperBound } from '../sample-buffer.ts'
import type { Head } from './head.ts'
import { LateSamples } from './late-samples.ts'
import { OpenCopies } from './open-copies.ts'
import type { HeadSeries } from './series.ts'
import { CHUNK_SAMPLES } from './slab.ts'

/** Block ranges one flush writes at most; late samples that spread over more of them go into longer blocks. */
const RANGES_MAX = 16

/**
 * Moving samples out of the head into blocks. What moves stays visible until its block is:
 *
 *   detach  no new sample in order may land before the boundary; late ones before it are set apart
 *   ranges, seriesOfRange  → one block each
 *   drop, or reattach when a block could not be written
 */
export async function detach(head: Head, boundaryMs: number, pace: Pace): Promise<void> {
  for (const series of head.index.all()) {
    series.sealBefore(boundaryMs, head.memory)
    if (series.late !== undefined) splitLate(series, boundaryMs, head)
    if (pace.due(20)) await pace.breathe()
  }
}

function splitLate(series: HeadSeries, boundaryMs: number, head: Head): void {
  const all = new SampleBuffer()
  readRuns(lateRuns(series.late!), all)
  const at = upperBound(all.timesMs, all.length, boundaryMs - 1)
  if (at === 0) return
  const leaving = new LateSamples()
  leaving.open.push(all.timesMs, 0, all.values, 0, at)
  series.leaving = leaving
  series.late = undefined
  for (let i = at; i < all.length; i++) series.insertLate(all.timesMs[i]!, all.values, i, head.memory)
}

function lateRuns(late: LateSamples): Run[] {
  const run = late.openRun()
  return run === undefined ? [...late.chunks] : [...late.chunks, run]
}

/** Undoes `detach`: what was set apart is late again. */
export function reattach(head: Head): void {
  for (const series of head.index.all()) {
    const { leaving } = series
    if (leaving === undefined) continue
    series.leaving = undefined
    const { timesMs, values, length } = leaving.open
    for (let i = 0; i < length; i++) series.insertLate(timesMs[i]!, values, i, head.memory)
  }
}

/** Drops what has become blocks. */
export async function drop(head: Head, boundaryMs: number, pace: Pace): Promise<void> {
  // Searches that began before the block was there count on the head.
  await head.settled()
  head.oldestMs = Number.POSITIVE_INFINITY
  for (const series of head.index.all()) {
    head.counts.samples -= series.dropChunksBefore(boundaryMs) + (series.leaving?.samples ?? 0)
    head.counts.lateSamples -= series.leaving?.samples ?? 0
    series.leaving = undefined
    head.oldestMs = Math.min(head.oldestMs, series.oldestMs)
    if (pace.due(5)) await pace.breathe()
  }
}

/** The aligned ranges before the boundary in which there is something, oldest first. */
export async function ranges(head: Head, boundaryMs: number, pace: Pace): Promise<TimeRange[]> {
  const { blockRangeMs } = head.memory
  const starts = new Set<number>()
  for (const { chunks, leaving } of head.index.all()) {
    for (const { minMs, maxMs } of chunks) {
      if (minMs >= boundaryMs) break
      for (let start = floorTo(minMs, blockRangeMs); start <= Math.min(maxMs, boundaryMs - 1); start += blockRangeMs) starts.add(start)
    }
    if (leaving !== undefined) {
      const { timesMs, length } = leaving.open
      for (let i = 0; i < length; i = upperBound(timesMs, length, floorTo(timesMs[i]!, blockRangeMs) + blockRangeMs - 1)) {
        starts.add(floorTo(timesMs[i]!, blockRangeMs))
      }
    }
    if (pace.due(50)) await pace.breathe()
  }
  let lengthMs = blockRangeMs
  let aligned = [...starts]
  while (aligned.length > RANGES_MAX) {
    lengthMs *= 3
    aligned = [...new Set(aligned.map((start) => floorTo(start, lengthMs)))]
  }
  return aligned.sort((a, b) => a - b).map((fromMs) => ({ fromMs, toMs: Math.min(fromMs + lengthMs, boundaryMs) - 1 }))
}

function floorTo(timeMs: number, unitMs: number): number {
  return Math.floor(timeMs / unitMs) * unitMs
}

/** What the series, sorted by labels, have in the range: in order and late together, each time once. */
export async function* seriesOfRange(sorted: readonly HeadSeries[], range: TimeRange, pace: Pace): AsyncIterable<SeriesChunks> {
  for (const series of sorted) {
    const inOrder = series.chunks.filter(({ minMs, maxMs }) => maxMs >= range.fromMs && minMs <= range.toMs)
    const late = series.leaving === undefined ? [] : lateRuns(series.leaving)
    const runs = [...inOrder, ...late.filter(({ minMs, maxMs }) => maxMs >= range.fromMs && minMs <= range.toMs)]
    const whole = runs.length === inOrder.length && inOrder.every(({ minMs, maxMs }) => minMs >= range.fromMs && maxMs <= range.toMs)
    const chunks = whole ? inOrder : merged(runs, range)
    if (chunks.length > 0) yield { labels: series.labels, chunks }
    if (pace.due(whole ? 50 : 2000)) await pace.breathe()
  }
}

/** Everything the series, sorted by labels, have; each series even if it has nothing. */
export async function* wholeSeries(sorted: readonly HeadSeries[], blockRangeMs: number, pace: Pace): AsyncIterable<SeriesChunks> {
  const all = { fromMs: Number.NEGATIVE_INFINITY, toMs: Number.POSITIVE_INFINITY }
  for (const series of sorted) {
    if (series.isEmpty) continue
    const inOrder = series.late === undefined && series.leaving === undefined
    const open = series.openSamples
    const runs = series.runs(all, new OpenCopies(2 * CHUNK_SAMPLES))
    const chunks = inOrder
      ? [...series.chunks, ...(open > 0 ? encoded(runs.at(-1)!) : [])]
      : merged(runs, all, (timeMs) => floorTo(timeMs, blockRangeMs) + blockRangeMs)
    yield { labels: series.labels, chunks }
    if (pace.due(open * 20 + (inOrder ? 50 : 2000))) await pace.breathe()
  }
}

function encoded(run: Run): EncodedChunk[] {
  const samples = new SampleBuffer(run.samples)
  readRuns([run], samples)
  return encodeAll(samples)
}

function merged(runs: readonly Run[], { fromMs, toMs }: TimeRange, endOf?: (timeMs: number) => number): EncodedChunk[] {
  const samples = new SampleBuffer()
  readRuns(runs, samples)
  samples.cut(fromMs, toMs)
  return encodeAll(samples, endOf)
}

/** @param endOf - The time before which a chunk that begins at a time must end. */
function encodeAll({ timesMs, values, length }: SampleBuffer, endOf?: (timeMs: number) => number): EncodedChunk[] {
  const chunks: EncodedChunk[] = []
  for (let from = 0; from < length; ) {
    const limit = endOf === undefined ? length : upperBound(timesMs, length, endOf(timesMs[from]!) - 1)
    const to = Math.min(from + CHUNK_SAMPLES, limit)
    const sink = new ByteSink(256)
    const bytes = encodeChunk(timesMs, values, from, to, sink)
    chunks.push({ minMs: timesMs[from]!, maxMs: timesMs[to - 1]!, samples: to - from, bytes: sink.bytes, offset: 0, length: bytes })
    from = to
  }
  return chunks
}
