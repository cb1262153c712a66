import { ModelwatchError } from '../../../core/errors.ts'
import { ByteSink } from '../chunk/byte-sink.ts'
import { type EncodedChunk, encodeChunk } from '../chunk/chunk.ts'
import type { TimeRange } from '../contract.ts'
import { type PlainRun, type Run, readRuns, removeTimes } from '../runs.ts'
import { SampleBuffer } from '../sample-buffer.ts'
import { covers, touches } from './tombstones.ts'

/** Samples a compaction gathers into one chunk at most; docs/decisions/0009-blocks.md has the figures. */
export const JOINED_SAMPLES_MAX = 480

/** A chunk of one of the blocks that are put together. */
export interface SourceChunk extends EncodedChunk {
  /** Where two have a sample of one time, that of the smaller rank stays. */
  readonly rank: number
  /** What was deleted of its series in its block. */
  readonly deleted: readonly TimeRange[]
}

/**
 * The chunks of one series in several blocks, as chunks that follow each other: overlapping ones are merged, deleted samples left out, and short
 * neighbours joined. What needs none of that keeps its bytes.
 *
 * @param chunks - Of one series; in any order.
 * @param onDamaged - Told of chunks that cannot be decoded; they are left out.
 */
export function joinChunks(
  chunks: readonly SourceChunk[],
  onDamaged: (chunk: SourceChunk, error: ModelwatchError) => void,
): EncodedChunk[] {
  const sorted = chunks
    .filter(({ deleted, minMs, maxMs }) => !covers(deleted, minMs, maxMs))
    .sort((a, b) => a.minMs - b.minMs || a.rank - b.rank)
  const out = new Output(onDamaged)
  for (let i = 0; i < sorted.length; ) {
    let end = i + 1
    let maxMs = sorted[i]!.maxMs
    while (end < sorted.length && sorted[end]!.minMs <= maxMs) maxMs = Math.max(maxMs, sorted[end++]!.maxMs)
    const only = sorted[i]!
    if (end === i + 1 && !touches(only.deleted, only.minMs, only.maxMs)) out.add(only)
    else out.addSamples(merge(sorted.slice(i, end), onDamaged))
    i = end
  }
  out.flush()
  return out.chunks
}

function merge(cluster: readonly SourceChunk[], onDamaged: (chunk: SourceChunk, error: ModelwatchError) => void): SampleBuffer {
  const runs: PlainRun[] = []
  for (const chunk of [...cluster].sort((a, b) => a.rank - b.rank)) {
    const samples = decode(chunk, onDamaged)
    for (const range of chunk.deleted) removeTimes(samples, range)
    const run = asRun(samples, 0, samples.length)
    if (run !== undefined) runs.push(run)
  }
  const merged = new SampleBuffer()
  readRuns(runs, merged)
  return merged
}

function decode(chunk: SourceChunk, onDamaged: (chunk: SourceChunk, error: ModelwatchError) => void): SampleBuffer {
  const samples = new SampleBuffer(chunk.samples)
  try {
    readRuns([chunk], samples)
  } catch (error) {
    // Its checksum was right, so it was written like that: nothing else is lost with it.
    if (!(error instanceof ModelwatchError)) throw error
    onDamaged(chunk, error)
    samples.clear()
  }
  return samples
}

function asRun({ timesMs, values }: SampleBuffer, from: number, to: number): PlainRun | undefined {
  if (from === to) return undefined
  return { minMs: timesMs[from]!, maxMs: timesMs[to - 1]!, samples: to - from, timesMs, timesAt: from, values, valuesAt: from }
}

/** Gathers what follows each other until a chunk is full. */
class Output {
  readonly chunks: EncodedChunk[] = []
  readonly #onDamaged: (chunk: SourceChunk, error: ModelwatchError) => void
  #pending: (SourceChunk | PlainRun)[] = []
  #samples = 0

  constructor(onDamaged: (chunk: SourceChunk, error: ModelwatchError) => void) {
    this.#onDamaged = onDamaged
  }

  add(run: SourceChunk | PlainRun): void {
    if (this.#samples + run.samples > JOINED_SAMPLES_MAX) this.flush()
    this.#pending.push(run)
    this.#samples += run.samples
  }

  addSamples(samples: SampleBuffer): void {
    for (let from = 0; from < samples.length; from += JOINED_SAMPLES_MAX) {
      this.add(asRun(samples, from, Math.min(from + JOINED_SAMPLES_MAX, samples.length))!)
    }
  }

  flush(): void {
    const pending = this.#pending
    this.#pending = []
    this.#samples = 0
    if (pending.length === 0) return
    if (pending.length === 1 && 'bytes' in pending[0]!) {
      const { minMs, maxMs, samples, bytes, offset, length } = pending[0]
      this.chunks.push({ minMs, maxMs, samples, bytes, offset, length })
      return
    }
    const samples = new SampleBuffer(JOINED_SAMPLES_MAX)
    for (const run of pending) {
      const runs: Run[] = [run]
      if (!('bytes' in run)) readRuns(runs, samples)
      else {
        const decoded = decode(run, this.#onDamaged)
        samples.push(decoded.timesMs, 0, decoded.values, 0, decoded.length)
      }
    }
    if (samples.length === 0) return
    const sink = new ByteSink(256)
    const length = encodeChunk(samples.timesMs, samples.values, 0, samples.length, sink)
    const { timesMs } = samples
    this.chunks.push({
      minMs: timesMs[0]!,
      maxMs: timesMs[samples.length - 1]!,
      samples: samples.length,
      bytes: sink.bytes,
      offset: 0,
      length,
    })
  }
}
