import type { Labels } from '../../../core/labels.ts'
import { decodeChunk, type EncodedChunk } from '../chunk/chunk.ts'
import type { SeriesRef, TimeRange } from '../contract.ts'
import { type Run, readRuns, removeTimes } from '../runs.ts'
import { SampleBuffer } from '../sample-buffer.ts'
import { copyValue, isStaleMarker, sameBits } from '../stale.ts'
import type { Arena } from './arena.ts'
import { LateSamples } from './late-samples.ts'
import { OpenCopies } from './open-copies.ts'
import { CHUNK_SAMPLES, type Slab, type Slot } from './slab.ts'

/** Where the series of one head keep their samples. */
export interface SeriesMemory {
  readonly slab: Slab
  readonly arena: Arena
  /** Chunks never reach over a multiple of this, so that a block is made of whole chunks. */
  readonly blockRangeMs: number
}

export type AppendResult = 'appended' | 'same' | 'older' | 'duplicate'

/**
 * One series in memory.
 *
 *   chunks (encoded, oldest first) ─ open chunk (plain columns in a slot) ─▶ newest
 *   late: what came after newer samples, kept apart; readers merge it in
 */
export class HeadSeries {
  readonly ref: SeriesRef
  readonly labels: Labels
  readonly key: string
  /** The log's epoch in which it was told which labels the ref stands for. */
  loggedEpoch = -1
  /** Time of the newest sample in order; −∞ when there is none. */
  newestMs = Number.NEGATIVE_INFINITY
  chunks: EncodedChunk[] = []
  late: LateSamples | undefined
  /** Late samples on their way into a block; they count until the block is there. */
  leaving: LateSamples | undefined
  #slot: Slot | undefined
  #open = 0
  /** End of the block range the open chunk lies in. */
  #openEndMs = Number.NEGATIVE_INFINITY

  constructor(ref: SeriesRef, labels: Labels, key: string) {
    this.ref = ref
    this.labels = labels
    this.key = key
  }

  get openSamples(): number {
    return this.#open
  }

  get isEmpty(): boolean {
    return this.#open === 0 && this.chunks.length === 0 && this.late === undefined && this.leaving === undefined
  }

  get oldestMs(): number {
    return this.chunks[0]?.minMs ?? (this.#open > 0 ? this.#slot!.page[this.#slot!.at]! : Number.POSITIVE_INFINITY)
  }

  /** Adds a sample behind the newest. `older` leaves it to the caller to keep it as a late one. */
  append(timeMs: number, values: Float64Array, i: number, memory: SeriesMemory): AppendResult {
    if (timeMs <= this.newestMs) {
      if (timeMs < this.newestMs) return 'older'
      return this.#isNewestValue(values, i) ? 'same' : 'duplicate'
    }
    if (this.#open === CHUNK_SAMPLES || timeMs >= this.#openEndMs) {
      this.seal(memory)
      this.#openEndMs = (Math.floor(timeMs / memory.blockRangeMs) + 1) * memory.blockRangeMs
    }
    this.#slot ??= memory.slab.take()
    const { page, at } = this.#slot
    page[at + this.#open] = timeMs
    copyValue(values, i, page, at + CHUNK_SAMPLES + this.#open)
    this.#open++
    this.newestMs = timeMs
    // A series that ended gives its room back: of those that come and go, thousands may be in memory.
    if (isStaleMarker(values, i)) this.release(memory)
    return 'appended'
  }

  #isNewestValue(values: Float64Array, i: number): boolean {
    if (this.#open > 0) return sameBits(this.#slot!.page, this.#slot!.at + CHUNK_SAMPLES + this.#open - 1, values, i)
    const last = this.chunks.at(-1)
    if (last === undefined) return false
    const samples = new SampleBuffer(last.samples)
    decodeChunk(last.bytes, last.offset, last.length, samples)
    return sameBits(samples.values, samples.length - 1, values, i)
  }

  insertLate(timeMs: number, values: Float64Array, i: number, memory: SeriesMemory): 'inserted' | 'same' | 'conflict' {
    this.late ??= new LateSamples()
    return this.late.insert(timeMs, values, i, memory.arena)
  }

  /** The open chunk as it is now: its columns go on changing. undefined when there is none. */
  openColumns(): { readonly timesMs: Float64Array; readonly values: Float64Array } | undefined {
    if (this.#open === 0) return undefined
    const { page, at } = this.#slot!
    return {
      timesMs: page.subarray(at, at + this.#open),
      values: page.subarray(at + CHUNK_SAMPLES, at + CHUNK_SAMPLES + this.#open),
    }
  }

  /** Encodes the open chunk. */
  seal({ arena }: SeriesMemory): void {
    const open = this.openColumns()
    if (open === undefined) return
    const { timesMs, values } = open
    this.chunks.push(arena.encode(timesMs, values, 0, this.#open))
    this.#open = 0
    this.#openEndMs = Number.NEGATIVE_INFINITY
  }

  /** Encodes the open chunk and gives its slot back. */
  release(memory: SeriesMemory): void {
    this.seal(memory)
    if (this.#slot !== undefined) memory.slab.give(this.#slot)
    this.#slot = undefined
  }

  /** Puts a chunk from a checkpoint behind the newest sample; its bytes are copied. */
  restoreChunk(chunk: EncodedChunk, { arena }: SeriesMemory): void {
    this.chunks.push(arena.copy(chunk))
    this.newestMs = chunk.maxMs
  }

  /** Encodes the open chunk if all of it lies before the time. */
  sealBefore(timeMs: number, memory: SeriesMemory): void {
    if (this.#open > 0 && this.newestMs < timeMs) this.release(memory)
  }

  /**
   * The runs that touch the range, in order of precedence. Open columns are copied: they go on changing.
   * @param newestMs - Samples in order that are newer are left out, as if they were not there yet.
   */
  runs({ fromMs, toMs }: TimeRange, copies: OpenCopies, newestMs = Number.POSITIVE_INFINITY): Run[] {
    const found: Run[] = []
    const { chunks } = this
    const endMs = Math.min(toMs, newestMs)
    // Few queries ask for the oldest first, so the search starts from the newest.
    let i = chunks.length
    while (i > 0 && chunks[i - 1]!.maxMs >= fromMs) i--
    for (; i < chunks.length && chunks[i]!.minMs <= endMs; i++) found.push(upTo(chunks[i]!, newestMs))
    if (this.#open > 0 && this.newestMs >= fromMs) {
      const { page, at } = this.#slot!
      const run = copies.copy(page, at, at + CHUNK_SAMPLES, this.#open, fromMs, endMs)
      if (run !== undefined) found.push(run)
    }
    for (const late of this.late === undefined && this.leaving === undefined ? [] : [this.leaving, this.late]) {
      if (late === undefined) continue
      for (const chunk of late.chunks) if (chunk.maxMs >= fromMs && chunk.minMs <= toMs) found.push(chunk)
      const run = late.openRun()
      if (run !== undefined && run.maxMs >= fromMs && run.minMs <= toMs) found.push(run)
    }
    return found
  }

  /** Everything, in order of precedence. */
  allRuns(): Run[] {
    return this.runs({ fromMs: Number.NEGATIVE_INFINITY, toMs: Number.POSITIVE_INFINITY }, new OpenCopies(2 * CHUNK_SAMPLES))
  }

  hasSampleIn(range: TimeRange): boolean {
    if (this.newestMs >= range.fromMs && this.newestMs <= range.toMs) return true
    const runs = this.runs(range, new OpenCopies(2 * CHUNK_SAMPLES))
    if (runs.some(({ minMs, maxMs }) => minMs >= range.fromMs || maxMs <= range.toMs)) return true
    // Only runs that reach over the whole range are left; there may be a gap in them.
    const samples = new SampleBuffer()
    readRuns(runs, samples)
    samples.cut(range.fromMs, range.toMs)
    return samples.length > 0
  }

  /** Whether there is a sample of exactly that time. */
  hasSampleAt(timeMs: number): boolean {
    return this.hasSampleIn({ fromMs: timeMs, toMs: timeMs })
  }

  /** Forgets encoded chunks that end before the time. @returns how many samples went. */
  dropChunksBefore(timeMs: number): number {
    let dropped = 0
    const { chunks } = this
    let kept = 0
    while (kept < chunks.length && chunks[kept]!.maxMs < timeMs) dropped += chunks[kept++]!.samples
    if (kept > 0) this.chunks = chunks.slice(kept)
    return dropped
  }

  /** Forgets late samples before the time; of a chunk that ends later, none. @returns how many samples went. */
  dropLateBefore(timeMs: number): number {
    const { late } = this
    if (late === undefined) return 0
    const before = late.samples
    late.dropBefore(timeMs)
    const left = late.samples
    if (left === 0) this.late = undefined
    return before - left
  }

  /** Takes the samples of the range out for good. @returns how many samples went, and how many of them were late ones. */
  delete(range: TimeRange, memory: SeriesMemory): { readonly samples: number; readonly late: number } {
    const before = this.samples
    const lateBefore = this.#lateSamples
    this.release(memory)
    const touched = (chunk: EncodedChunk) => chunk.maxMs >= range.fromMs && chunk.minMs <= range.toMs
    this.chunks = this.chunks.flatMap((chunk) => (touched(chunk) ? without(chunk, range, memory.arena) : [chunk]))
    for (const late of [this.late, this.leaving]) {
      if (late === undefined) continue
      const kept = late.chunks.flatMap((chunk) => (touched(chunk) ? without(chunk, range, memory.arena) : [chunk]))
      late.chunks = kept
      removeTimes(late.open, range)
    }
    if (this.late?.samples === 0) this.late = undefined
    this.newestMs = this.chunks.at(-1)?.maxMs ?? Number.NEGATIVE_INFINITY
    return { samples: before - this.samples, late: lateBefore - this.#lateSamples }
  }

  get samples(): number {
    return this.chunks.reduce((sum, chunk) => sum + chunk.samples, this.#open + this.#lateSamples)
  }

  get #lateSamples(): number {
    return (this.late?.samples ?? 0) + (this.leaving?.samples ?? 0)
  }
}

/** A chunk without the samples that are newer. */
function upTo(chunk: EncodedChunk, newestMs: number): Run {
  return chunk.maxMs <= newestMs ? chunk : { ...chunk, deleted: [{ fromMs: newestMs + 1, toMs: Number.POSITIVE_INFINITY }] }
}

function without(chunk: EncodedChunk, range: TimeRange, arena: Arena): EncodedChunk[] {
  const samples = new SampleBuffer(chunk.samples)
  decodeChunk(chunk.bytes, chunk.offset, chunk.length, samples)
  removeTimes(samples, range)
  return samples.length === 0 ? [] : [arena.encode(samples.timesMs, samples.values, 0, samples.length)]
}
