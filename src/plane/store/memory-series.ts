import type { Labels } from '../../core/labels.ts'
import type { SeriesColumns, SeriesRef, TimeRange } from './contract.ts'
import { writeStaleMarker } from './stale.ts'

/** Samples per full chunk: 8 KiB of columns. */
const CHUNK_SAMPLES = 512
/** Room of a series' first chunk, so that a series of a few samples stays cheap; it doubles as it fills. */
const FIRST_CHUNK_SAMPLES = 16

interface Chunk {
  timesMs: Float64Array
  values: Float64Array
  length: number
}

export type AppendResult = 'appended' | 'same' | 'outOfOrder' | 'duplicate'

/** One series in memory: chunks of columns, oldest first. Samples are only ever added behind the newest. */
export class MemorySeries {
  readonly ref: SeriesRef
  readonly labels: Labels
  readonly key: string
  #chunks: Chunk[] = []
  #samples = 0

  constructor(ref: SeriesRef, labels: Labels, key: string) {
    this.ref = ref
    this.labels = labels
    this.key = key
  }

  get samples(): number {
    return this.#samples
  }

  /** Time of the oldest and of the newest sample; undefined when there is none. */
  get oldestMs(): number | undefined {
    return this.#chunks[0]?.timesMs[0]
  }

  get newestMs(): number | undefined {
    const last = this.#chunks.at(-1)
    return last?.timesMs[last.length - 1]
  }

  /** @param stale - Whether to write a staleness marker instead of the value. */
  append(timeMs: number, value: number, stale: boolean): AppendResult {
    const newestMs = this.newestMs
    if (newestMs !== undefined && timeMs <= newestMs) {
      if (timeMs < newestMs) return 'outOfOrder'
      return this.#isNewest(value, stale) ? 'same' : 'duplicate'
    }
    const chunk = this.#room()
    chunk.timesMs[chunk.length] = timeMs
    if (stale) writeStaleMarker(chunk.values, chunk.length)
    else chunk.values[chunk.length] = Number.isNaN(value) ? Number.NaN : value
    chunk.length++
    this.#samples++
    return 'appended'
  }

  #isNewest(value: number, stale: boolean): boolean {
    const { values, length } = this.#chunks.at(-1)!
    const probe = new Float64Array(1)
    if (stale) writeStaleMarker(probe, 0)
    else probe[0] = Number.isNaN(value) ? Number.NaN : value
    const bits = (column: Float64Array, i: number) => new BigUint64Array(column.buffer, column.byteOffset + i * 8, 1)[0]
    return bits(values, length - 1) === bits(probe, 0)
  }

  #room(): Chunk {
    const last = this.#chunks.at(-1)
    if (last !== undefined && last.length < last.timesMs.length) return last
    if (last === undefined || last.length >= CHUNK_SAMPLES) {
      const size = last === undefined ? FIRST_CHUNK_SAMPLES : CHUNK_SAMPLES / 4
      const chunk = { timesMs: new Float64Array(size), values: new Float64Array(size), length: 0 }
      this.#chunks.push(chunk)
      return chunk
    }
    const size = Math.min(last.length * 2, CHUNK_SAMPLES)
    last.timesMs = grown(last.timesMs, size)
    last.values = grown(last.values, size)
    return last
  }

  hasSampleIn({ fromMs, toMs }: TimeRange): boolean {
    for (const chunk of this.#chunks) {
      if (chunk.timesMs[chunk.length - 1]! < fromMs) continue
      return chunk.timesMs[lowerBound(chunk, fromMs)]! <= toMs
    }
    return false
  }

  /** The samples of the range, both ends included; undefined when there are none. */
  read({ fromMs, toMs }: TimeRange): SeriesSlices | undefined {
    const slices: Slice[] = []
    let samples = 0
    for (const chunk of this.#chunks) {
      if (chunk.timesMs[0]! > toMs) break
      if (chunk.timesMs[chunk.length - 1]! < fromMs) continue
      const from = lowerBound(chunk, fromMs)
      const to = upperBound(chunk, toMs)
      if (from >= to) continue
      slices.push({ timesMs: chunk.timesMs, values: chunk.values, from, to })
      samples += to - from
    }
    return samples === 0 ? undefined : new SeriesSlices(this.labels, slices, samples)
  }

  /** Time of the newest sample and size of each chunk, oldest first. */
  chunks(): { newestMs: number; samples: number }[] {
    return this.#chunks.map((chunk) => ({ newestMs: chunk.timesMs[chunk.length - 1]!, samples: chunk.length }))
  }

  /** Forgets whole chunks from the oldest on. @returns How many samples went. */
  dropChunks(count: number): number {
    const dropped = this.#chunks.splice(0, count).reduce((sum, chunk) => sum + chunk.length, 0)
    this.#samples -= dropped
    return dropped
  }

  /** Forgets chunks that end before the time; a chunk that reaches past it stays whole. @returns How many samples went. */
  dropBefore(timeMs: number): number {
    const kept = this.#chunks.findIndex((chunk) => chunk.timesMs[chunk.length - 1]! >= timeMs)
    return this.dropChunks(kept < 0 ? this.#chunks.length : kept)
  }
}

interface Slice {
  readonly timesMs: Float64Array
  readonly values: Float64Array
  readonly from: number
  readonly to: number
}

/** Samples of one series, joined from their chunks when they are first looked at. */
export class SeriesSlices implements SeriesColumns {
  readonly labels: Labels
  readonly samples: number
  readonly #slices: readonly Slice[]
  #times: Float64Array | undefined
  #values: Float64Array | undefined

  constructor(labels: Labels, slices: readonly Slice[], samples: number) {
    this.labels = labels
    this.#slices = slices
    this.samples = samples
  }

  get timesMs(): Float64Array {
    this.#times ??= this.#join('timesMs')
    return this.#times
  }

  get values(): Float64Array {
    this.#values ??= this.#join('values')
    return this.#values
  }

  #join(column: 'timesMs' | 'values'): Float64Array {
    const [first] = this.#slices
    if (this.#slices.length === 1) return first![column].subarray(first!.from, first!.to)
    const joined = new Float64Array(this.samples)
    let at = 0
    // Typed arrays are copied by their bytes here, so the bits of staleness markers survive.
    for (const slice of this.#slices) {
      joined.set(slice[column].subarray(slice.from, slice.to), at)
      at += slice.to - slice.from
    }
    return joined
  }
}

function grown(column: Float64Array, size: number): Float64Array {
  const larger = new Float64Array(size)
  larger.set(column)
  return larger
}

/** Index of the first sample at or after the time. */
function lowerBound({ timesMs, length }: Chunk, timeMs: number): number {
  let low = 0
  let high = length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (timesMs[middle]! < timeMs) low = middle + 1
    else high = middle
  }
  return low
}

/** Index behind the last sample at or before the time. */
function upperBound({ timesMs, length }: Chunk, timeMs: number): number {
  let low = 0
  let high = length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (timesMs[middle]! <= timeMs) low = middle + 1
    else high = middle
  }
  return low
}
