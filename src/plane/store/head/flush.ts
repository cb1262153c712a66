import type { Pace } from '../../../core/turns.ts'
import type { TimeRange } from '../contract.ts'
import { readRuns } from '../runs.ts'
import { SampleBuffer, upperBound } from '../sample-buffer.ts'
import type { Head } from './head.ts'
import { LateSamples, lateRuns } from './late-samples.ts'
import type { HeadSeries } from './series.ts'

/** Block ranges one flush writes at most; late samples that spread over more of them go into longer blocks. */
const RANGES_MAX = 16

/**
 * Moving samples out of the head into blocks. What moves stays visible until its block is:
 *
 *   detach  no new sample in order may land before the boundary; late ones before it are set apart
 *   ranges, seriesOfRange  → one block each, oldest first
 *   drop  what became blocks; late samples that did not are as before
 */
export async function detach(head: Head, boundaryMs: number, pace: Pace): Promise<void> {
  for (const series of head.index.all()) {
    series.sealBefore(boundaryMs, head.memory)
    if (series.late !== undefined) splitLate(series, boundaryMs, head)
    if (pace.due(100)) await pace.breathe()
  }
}

function splitLate(series: HeadSeries, boundaryMs: number, head: Head): void {
  const all = takeLate(series, head)
  const at = upperBound(all.timesMs, all.length, boundaryMs - 1)
  if (at > 0) {
    series.leaving = new LateSamples()
    series.leaving.open.push(all.timesMs, 0, all.values, 0, at)
  }
  putLate(series, all, at, head)
}

/** Takes all late samples of a series out, each time once. Those that came twice no longer count. */
function takeLate(series: HeadSeries, head: Head): SampleBuffer {
  const { leaving, late } = series
  const all = new SampleBuffer()
  readRuns([...lateRuns(leaving), ...lateRuns(late)], all)
  const twice = (leaving?.samples ?? 0) + (late?.samples ?? 0) - all.length
  head.counts.samples -= twice
  head.counts.lateSamples -= twice
  series.leaving = undefined
  series.late = undefined
  return all
}

/** Makes samples from a position on the late ones of a series that has none. */
function putLate(series: HeadSeries, { timesMs, values, length }: SampleBuffer, from: number, head: Head): void {
  for (let i = from; i < length; i++) series.insertLate(timesMs[i]!, values, i, head.memory)
}

/** Drops what has become blocks: everything before the time that was to leave. Late samples that were to leave and could not are late again. */
export async function drop(head: Head, doneMs: number, pace: Pace): Promise<void> {
  // Searches that began before the block was there count on the head.
  await head.searches.settled()
  head.oldestMs = Number.POSITIVE_INFINITY
  for (const series of head.index.all()) {
    head.counts.samples -= series.dropChunksBefore(doneMs)
    if (series.leaving !== undefined) dropLeaving(series, doneMs, head)
    head.oldestMs = Math.min(head.oldestMs, series.oldestMs)
    if (pace.due(10)) await pace.breathe()
  }
}

function dropLeaving(series: HeadSeries, doneMs: number, head: Head): void {
  const leaving = series.leaving!
  const before = leaving.samples
  leaving.dropBefore(doneMs)
  head.counts.samples -= before - leaving.samples
  head.counts.lateSamples -= before - leaving.samples
  if (leaving.samples > 0) putLate(series, takeLate(series, head), 0, head)
  series.leaving = undefined
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
