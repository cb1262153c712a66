import type { EncodedChunk } from '../chunk/chunk.ts'
import { type PlainRun, type Run, removeTimes } from '../runs.ts'
import { SampleBuffer, upperBound } from '../sample-buffer.ts'
import { sameBits } from '../stale.ts'
import type { Arena } from './arena.ts'

/** Samples gathered before they are encoded. Each insertion moves those behind it, so this is kept short. */
const OPEN_SAMPLES = 120

/**
 * Samples of one series that came after newer ones: an open piece, sorted, and encoded chunks, each sorted in itself. Chunks may overlap each other and
 * whatever else the series holds; readers merge.
 */
export class LateSamples {
  chunks: EncodedChunk[] = []
  readonly open = new SampleBuffer(16)

  get samples(): number {
    return this.chunks.reduce((sum, chunk) => sum + chunk.samples, this.open.length)
  }

  /** A copy of the open piece; undefined when it is empty. */
  openRun(): PlainRun | undefined {
    const { timesMs, values, length: samples } = this.open
    if (samples === 0) return undefined
    const own = { timesMs: timesMs.slice(0, samples), timesAt: 0, values: values.slice(0, samples), valuesAt: 0 }
    return { minMs: timesMs[0]!, maxMs: timesMs[samples - 1]!, samples, ...own }
  }

  /** Forgets samples before the time; of a chunk that ends later, none. */
  dropBefore(timeMs: number): void {
    this.chunks = this.chunks.filter(({ maxMs }) => maxMs >= timeMs)
    removeTimes(this.open, { fromMs: Number.NEGATIVE_INFINITY, toMs: timeMs - 1 })
  }

  /** @returns `same` or `conflict` when the open piece has a sample of that time already, with the same value or another: the first stays. */
  insert(timeMs: number, values: Float64Array, i: number, arena: Arena): 'inserted' | 'same' | 'conflict' {
    const { open } = this
    const at = upperBound(open.timesMs, open.length, timeMs)
    if (at > 0 && open.timesMs[at - 1] === timeMs) return sameBits(open.values, at - 1, values, i) ? 'same' : 'conflict'
    open.reserve(1)
    open.timesMs.copyWithin(at + 1, at, open.length)
    open.values.copyWithin(at + 1, at, open.length)
    open.timesMs[at] = timeMs
    open.values.set(values.subarray(i, i + 1), at)
    open.length++
    if (open.length >= OPEN_SAMPLES) {
      this.chunks.push(arena.encode(open.timesMs, open.values, 0, open.length))
      open.clear()
    }
    return 'inserted'
  }
}

/** What late samples are read from; nothing for none. */
export function lateRuns(late: LateSamples | undefined): Run[] {
  if (late === undefined) return []
  const run = late.openRun()
  return run === undefined ? [...late.chunks] : [...late.chunks, run]
}
