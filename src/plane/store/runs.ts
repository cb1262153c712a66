import type { Labels } from '../../core/labels.ts'
import { decodeChunk, type EncodedChunk } from './chunk/chunk.ts'
import type { SelectedSeries, TimeRange } from './contract.ts'
import { SampleBuffer, upperBound } from './sample-buffer.ts'
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

/** Merges runs two by two, so that a sample is copied as often as the runs can be halved. */
function mergeInto(runs: readonly Run[], into: SampleBuffer): void {
  let parts = runs.map((run) => {
    const part = new SampleBuffer(run.samples)
    addRun(run, part)
    return part
  })
  while (parts.length > 2) {
    const merged: SampleBuffer[] = []
    for (let i = 0; i < parts.length; i += 2) {
      if (i + 1 === parts.length) merged.push(parts[i]!)
      else {
        merged.push(new SampleBuffer(parts[i]!.length + parts[i + 1]!.length))
        mergeTwo(parts[i]!, parts[i + 1]!, merged.at(-1)!)
      }
    }
    parts = merged
  }
  mergeTwo(parts[0]!, parts[1]!, into)
}

/** Adds two rows of samples in order of time; where both have one of a time, that of the first. */
function mergeTwo(first: SampleBuffer, second: SampleBuffer, into: SampleBuffer): void {
  into.reserve(first.length + second.length)
  let a = 0
  let b = 0
  while (a < first.length && b < second.length) {
    // Samples mostly come in stretches from one side or the other, and those are copied at once.
    const limitMs = second.timesMs[b]!
    const end = first.timesMs[a]! > limitMs ? a : a + upperBound(first.timesMs, first.length - a, limitMs, a)
    into.push(first.timesMs, a, first.values, a, end - a)
    a = end
    if (a > 0 && first.timesMs[a - 1] === limitMs) {
      b++
      continue
    }
    const nextMs = a < first.length ? first.timesMs[a]! : Number.POSITIVE_INFINITY
    const to = b + upperBound(second.timesMs, second.length - b, nextMs - 1, b)
    into.push(second.timesMs, b, second.values, b, to - b)
    b = to
  }
  into.push(first.timesMs, a, first.values, a, first.length - a)
  into.push(second.timesMs, b, second.values, b, second.length - b)
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
