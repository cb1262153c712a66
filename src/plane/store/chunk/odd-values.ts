import type { ByteSink } from './byte-sink.ts'
import type { ByteSource } from './byte-source.ts'
import { chunkSamplesMax, HIGH, LOW } from './workspace.ts'

/** Bits, high word then low, of the values that are odd most often: they are told by their place in this list. */
const KNOWN: readonly (readonly [high: number, low: number])[] = [
  [0x7ff00000, 2], // The staleness marker.
  [0x7ff80000, 0], // NaN as JavaScript makes it,
  [0x7ff80000, 1], // and as Go and Prometheus do.
  [0x7ff00000, 0], // Infinity
  [0xfff00000, 0], // -Infinity
  [0x80000000, 0], // -0
  [0, 0],
]
const RAW = KNOWN.length

/** The samples of a chunk that its value mode does not fit: kept aside, bit for bit, so that one staleness marker does not spoil a chunk of decimals. */
export class OddValues {
  readonly indices = new Int32Array(chunkSamplesMax)
  count = 0
  /** Of them, those that take all their 64 bits. */
  raw = 0

  clear(): void {
    this.count = 0
    this.raw = 0
  }

  add(words: Uint32Array, index: number): void {
    this.indices[this.count++] = index
    if (kindOf(words, index) === RAW) this.raw++
  }

  get costBits(): number {
    return this.count === 0 ? 0 : 8 + this.count * 16 + this.raw * 64
  }

  /** Gives the integers of odd values ones on a line between their neighbours': they cost nothing there. At the ends, the neighbour's. */
  bridge(numbers: Float64Array, count: number): void {
    for (let k = 0; k < this.count; ) {
      const from = this.indices[k]!
      let to = from + 1
      for (k++; k < this.count && this.indices[k] === to; k++) to++
      if (from === 0 && to === count) return
      const after = numbers[to < count ? to : from - 1]!
      const before = from > 0 ? numbers[from - 1]! : after
      const step = (after - before) / (to - from + 1)
      for (let i = from; i < to; i++) numbers[i] = Math.round(before + step * (i - from + 1))
    }
  }

  write(words: Uint32Array, sink: ByteSink): void {
    sink.putVarint(this.count)
    let next = 0
    for (let k = 0; k < this.count; k++) {
      const index = this.indices[k]!
      const kind = kindOf(words, index)
      sink.putVarint((index - next) * 8 + kind)
      if (kind === RAW) {
        sink.putU32(words[2 * index + LOW]!)
        sink.putU32(words[2 * index + HIGH]!)
      }
      next = index + 1
    }
  }
}

/**
 * Puts odd values where they belong.
 * @param words - The decoded values of the chunk, two words each.
 */
export function readOddValues(source: ByteSource, words: Uint32Array, samples: number): void {
  const count = source.varint()
  let next = 0
  for (let k = 0; k < count; k++) {
    const head = source.varint()
    const index = next + Math.floor(head / 8)
    if (index >= samples) throw source.damage(`an odd value at ${index} of ${samples}`)
    const known = KNOWN[head % 8]
    if (known === undefined) {
      words[2 * index + LOW] = source.u32()
      words[2 * index + HIGH] = source.u32()
    } else {
      words[2 * index + LOW] = known[1]
      words[2 * index + HIGH] = known[0]
    }
    next = index + 1
  }
}

function kindOf(words: Uint32Array, index: number): number {
  const high = words[2 * index + HIGH]!
  const low = words[2 * index + LOW]!
  for (let kind = 0; kind < RAW; kind++) if (KNOWN[kind]![0] === high && KNOWN[kind]![1] === low) return kind
  return RAW
}
