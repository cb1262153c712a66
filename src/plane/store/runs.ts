import type { Labels } from '../../core/labels.ts'
import type { EncodedChunk } from './block/write.ts'
import { decodeChunk } from './chunk/chunk.ts'
import type { SelectedSeries, TimeRange } from './contract.ts'
import { SampleBuffer } from './sample-buffer.ts'
import { copyValue } from './stale.ts'

/** Samples as they are, in columns that nobody changes any more: times from `timesAt` on, values from `valuesAt` on. */
export interface PlainRun {
  readonly minMs: number
  readonly maxMs: number
  readonly samples: number
  readonly timesMs: Float64Array
  readonly timesAt: number
  readonly values: Float64Array
  readonly valuesAt: number
}

/** A chunk, some of whose samples have been deleted: those in the ranges, both ends included, are not there. */
export interface ChunkRun extends EncodedChunk {
  readonly deleted?: readonly TimeRange[]
}

/** A piece of a series whose times strictly rise: encoded, or as it is. */
export type Run = ChunkRun | PlainRun

/** A series put together from runs, wherever they lie: blocks, the head, samples that came late. */
export class RunSeries implements SelectedSeries {
  readonly labels: Labels
  readonly samplesMax: number
  readonly #runs: readonly Run[]
  readonly #range: TimeRange

  /** @param runs - In order of precedence: where two have a sample of the same time, that of the earlier one counts. */
  constructor(labels: Labels, runs: readonly Run[], range: TimeRange) {
    this.labels = labels
    this.#runs = runs
    this.#range = range
    let samples = 0
    for (const run of runs) samples += run.samples
    this.samplesMax = samples
  }

  read(into: SampleBuffer): void {
    into.clear()
    readRuns(this.#runs, into)
    into.cut(this.#range.fromMs, this.#range.toMs)
  }
}

/** Adds the samples of runs that may overlap, in order of time, each time once. */
export function readRuns(runs: readonly Run[], into: SampleBuffer): void {
  if (isChain(runs)) {
    for (const run of runs) addRun(run, into)
    return
  }
  const ranked = runs.map((run, rank) => ({ run, rank })).sort((a, b) => a.run.minMs - b.run.minMs || a.rank - b.rank)
  for (let i = 0; i < ranked.length; ) {
    let end = i + 1
    let maxMs = ranked[i]!.run.maxMs
    while (end < ranked.length && ranked[end]!.run.minMs <= maxMs) maxMs = Math.max(maxMs, ranked[end++]!.run.maxMs)
    const cluster = ranked.slice(i, end).sort((a, b) => a.rank - b.rank)
    if (cluster.length === 1) addRun(cluster[0]!.run, into)
    else
      mergeInto(
        cluster.map(({ run }) => run),
        into,
      )
    i = end
  }
}

/** Whether each run begins after the one before it has ended. */
function isChain(runs: readonly Run[]): boolean {
  for (let i = 1; i < runs.length; i++) if (runs[i]!.minMs <= runs[i - 1]!.maxMs) return false
  return true
}

function addRun(run: Run, into: SampleBuffer): void {
  if ('bytes' in run) {
    if (run.deleted === undefined) decodeChunk(run.bytes, run.offset, run.length, into)
    else addWithout(run, run.deleted, into)
  } else into.push(run.timesMs, run.timesAt, run.values, run.valuesAt, run.samples)
}

function addWithout(chunk: EncodedChunk, deleted: readonly TimeRange[], into: SampleBuffer): void {
  const samples = new SampleBuffer(chunk.samples)
  decodeChunk(chunk.bytes, chunk.offset, chunk.length, samples)
  for (const range of deleted) removeTimes(samples, range)
  into.push(samples.timesMs, 0, samples.values, 0, samples.length)
}

function mergeInto(runs: readonly Run[], into: SampleBuffer): void {
  const all = new SampleBuffer(runs.reduce((sum, run) => sum + run.samples, 0))
  for (const run of runs) addRun(run, all)
  // Of equal times the earlier run's comes first: it stands first in `all`.
  const order = Uint32Array.from({ length: all.length }, (_, i) => i).sort((a, b) => all.timesMs[a]! - all.timesMs[b]! || a - b)
  into.reserve(order.length)
  let lastMs = Number.NaN
  for (const i of order) {
    const timeMs = all.timesMs[i]!
    if (timeMs === lastMs) continue
    lastMs = timeMs
    into.timesMs[into.length] = timeMs
    copyValue(all.values, i, into.values, into.length)
    into.length++
  }
}

/** Takes the samples of a range out. */
export function removeTimes(samples: SampleBuffer, { fromMs, toMs }: TimeRange): void {
  const { timesMs, values } = samples
  let kept = 0
  for (let i = 0; i < samples.length; i++) {
    if (timesMs[i]! >= fromMs && timesMs[i]! <= toMs) continue
    if (kept !== i) {
      timesMs[kept] = timesMs[i]!
      copyValue(values, i, values, kept)
    }
    kept++
  }
  samples.length = kept
}
