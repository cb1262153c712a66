import type { Pace } from '../../../core/turns.ts'
import type { ByteReader } from './bytes.ts'
import { KIND_FLOAT, KINDS } from './index-format.ts'

/** Chunks of layouts kept decoded, over all layouts of a block; 20 bytes each. Past it they are forgotten and read anew. */
const CACHED_CHUNKS_MAX = 200_000

/** The times of the chunks of a series, and how many samples each holds: columns, oldest first. Chunks do not overlap. */
export interface Layout {
  readonly length: number
  readonly minMs: Float64Array
  readonly maxMs: Float64Array
  readonly samples: Uint32Array
}

/** Layouts of a block. What is scraped together has the same times, so there are far fewer of them than series. */
export class LayoutTable {
  readonly #bytes: Uint8Array
  readonly #at: Uint32Array
  readonly #baseMs: number
  /** Times of the first and of the last sample of each layout; NaN where it has no chunk. */
  readonly minMs: Float64Array
  readonly maxMs: Float64Array
  #cache = new Map<number, Layout>()
  #cachedChunks = 0

  constructor(bytes: Uint8Array, at: Uint32Array, baseMs: number, minMs: Float64Array, maxMs: Float64Array) {
    this.#bytes = bytes
    this.#at = at
    this.#baseMs = baseMs
    this.minMs = minMs
    this.maxMs = maxMs
  }

  get length(): number {
    return this.#at.length
  }

  get(id: number): Layout {
    const known = this.#cache.get(id)
    if (known !== undefined) return known
    const layout = this.#decode(id)
    if (this.#cachedChunks > CACHED_CHUNKS_MAX) {
      this.#cache = new Map()
      this.#cachedChunks = 0
    }
    this.#cache.set(id, layout)
    this.#cachedChunks += layout.length
    return layout
  }

  /** Whether a chunk of the layout touches the range. */
  touches(id: number, fromMs: number, toMs: number): boolean {
    if (!(this.minMs[id]! <= toMs && this.maxMs[id]! >= fromMs)) return false
    if (this.minMs[id]! >= fromMs || this.maxMs[id]! <= toMs) return true
    const { length, minMs, maxMs } = this.get(id)
    for (let i = 0; i < length && minMs[i]! <= toMs; i++) if (maxMs[i]! >= fromMs) return true
    return false
  }

  #decode(id: number): Layout {
    const checked = new CheckedTimes(this.#bytes, this.#at[id]!)
    const length = checked.next()
    const layout = { length, minMs: new Float64Array(length), maxMs: new Float64Array(length), samples: new Uint32Array(length) }
    let timeMs = length === 0 ? 0 : this.#baseMs + checked.next()
    for (let i = 0; i < length; i++) {
      timeMs += checked.next()
      layout.minMs[i] = timeMs
      timeMs += checked.next()
      layout.maxMs[i] = timeMs++
      layout.samples[i] = Math.floor(checked.next() / KINDS)
    }
    return layout
  }
}

/** As CheckedBytes, for numbers up to 2⁵³. */
class CheckedTimes {
  readonly #bytes: Uint8Array
  #at: number

  constructor(bytes: Uint8Array, at: number) {
    this.#bytes = bytes
    this.#at = at
  }

  next(): number {
    let value = 0
    for (let scale = 1; ; scale *= 128) {
      const byte = this.#bytes[this.#at++]!
      value += (byte & 127) * scale
      if (byte < 128) return value
    }
  }
}

export interface LayoutsBase {
  readonly count: number
  readonly minMs: number
  readonly maxMs: number
}

/** What the series that use a layout bring of chunks and samples. */
export interface ParsedLayouts {
  readonly table: LayoutTable
  readonly chunks: Uint32Array
  readonly samples: Float64Array
}

/** @throws MW_STORE_BLOCK_DAMAGED */
export async function parseLayouts(reader: ByteReader, base: LayoutsBase, pace: Pace): Promise<ParsedLayouts> {
  const at = new Uint32Array(base.count)
  const firstMs = new Float64Array(base.count).fill(Number.NaN)
  const lastMs = new Float64Array(base.count).fill(Number.NaN)
  const chunks = new Uint32Array(base.count)
  const samples = new Float64Array(base.count)
  for (let id = 0; id < base.count; id++) {
    at[id] = reader.position
    chunks[id] = reader.count(3)
    let timeMs = chunks[id] === 0 ? 0 : base.minMs + reader.varint()
    for (let i = 0; i < chunks[id]!; i++) {
      timeMs += reader.varint()
      if (i === 0) firstMs[id] = timeMs
      timeMs += reader.varint()
      if (timeMs > base.maxMs) throw reader.damaged(`a chunk ends at ${timeMs}, after the block's last sample`)
      lastMs[id] = timeMs++
      const entry = reader.below(2 ** 31, 'samples')
      if (entry % KINDS !== KIND_FLOAT) throw reader.damaged(`a chunk is of kind ${entry % KINDS}, which is not known`)
      if (entry === 0) throw reader.damaged('a chunk has no samples')
      samples[id] = samples[id]! + Math.floor(entry / KINDS)
      if (pace.due(2)) await pace.breathe()
    }
  }
  reader.finish()
  return { table: new LayoutTable(reader.bytes, at, base.minMs, firstMs, lastMs), chunks, samples }
}
