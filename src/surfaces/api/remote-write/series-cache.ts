import type { Labels } from '../../../core/labels.ts'
import type { SeriesRef } from '../../../plane/store/contract.ts'

const FIRST_SLOTS = 1024
const FIRST_ARENA_BYTES = 64 << 10

/** What is known of a series by the bytes its labels came in. */
export interface KnownSeries {
  readonly labels: Labels
  /** The store's handle; 0 while there is none. */
  ref: SeriesRef
}

/** Bytes to be looked up, and a view of the same. */
export interface LabelBytes {
  readonly bytes: Uint8Array
  readonly view: DataView
}

/**
 * Finds series by the raw bytes of their labels, so that a series that was seen before costs a hash and a comparison, and no string.
 * There are two generations: when the young one is full it becomes the old one, and what the old one held is forgotten. What is asked for moves to
 * the young one, so only series nobody writes are lost.
 */
export class SeriesCache {
  readonly #generationSeriesMax: number
  readonly #generationBytesMax: number
  /** Nobody outside can make two series collide on purpose. */
  readonly #seed = (Math.random() * 2 ** 32) | 0
  #young: Generation
  #old: Generation
  #last: Entry | undefined
  /** Of the old generation, those that live on in the young one. */
  #promoted = 0
  /** Series forgotten for lack of room. */
  evictions = 0

  /** @param seriesMax - Series both generations hold together. @param bytesMax - Bytes of labels, likewise. */
  constructor({ seriesMax, bytesMax }: { seriesMax: number; bytesMax: number }) {
    this.#generationSeriesMax = Math.max(1, Math.floor(seriesMax / 2))
    this.#generationBytesMax = Math.floor(bytesMax / 2)
    this.#young = new Generation()
    this.#old = new Generation()
  }

  get size(): number {
    return this.#young.count + this.#old.count
  }

  /** The series whose labels are bytes [from, to). */
  find(source: LabelBytes, from: number, to: number): KnownSeries | undefined {
    // Senders keep their order, so the series that came after the last one then is probably the one that comes now.
    // The last one is always of the young generation, and so is what follows it.
    const expected = this.#last?.next
    if (expected !== undefined && this.#young.holds(expected, source, from, to)) {
      this.#last = expected
      return expected
    }
    const hash = hashOf(source, from, to, this.#seed)
    let entry = this.#young.find(hash, source, from, to)
    if (entry === undefined) {
      const before = this.#old.find(hash, source, from, to)
      if (before === undefined) return undefined
      this.#promoted++
      entry = this.#insert(hash, source, from, to, before.labels, before.ref)
    }
    this.#follow(entry)
    return entry
  }

  /** Remembers a series that `find` did not know. */
  add(source: LabelBytes, from: number, to: number, labels: Labels): KnownSeries {
    const entry = this.#insert(hashOf(source, from, to, this.#seed), source, from, to, labels, 0)
    this.#follow(entry)
    return entry
  }

  /** Another sender's request begins: what came last says nothing about what comes next. */
  begin(): void {
    this.#last = undefined
  }

  #follow(entry: Entry): void {
    if (this.#last !== undefined) this.#last.next = entry
    this.#last = entry
  }

  #insert(hash: number, source: LabelBytes, from: number, to: number, labels: Labels, ref: SeriesRef): Entry {
    if (this.#young.count >= this.#generationSeriesMax || this.#young.bytesUsed + (to - from) > this.#generationBytesMax) {
      this.evictions += this.#old.count - this.#promoted
      this.#promoted = 0
      this.#old = this.#young
      this.#young = new Generation()
      this.#last = undefined
    }
    return this.#young.insert(hash, source, from, to, labels, ref)
  }
}

class Entry implements KnownSeries {
  readonly labels: Labels
  ref: SeriesRef
  readonly hash: number
  readonly offset: number
  readonly length: number
  /** The series that came after this one the last time. */
  next: Entry | undefined = undefined

  constructor(labels: Labels, ref: SeriesRef, hash: number, offset: number, length: number) {
    this.labels = labels
    this.ref = ref
    this.hash = hash
    this.offset = offset
    this.length = length
  }
}

/** A hash table with open addressing; the bytes of all keys stand in one buffer. */
class Generation {
  #slots: (Entry | undefined)[] = new Array(FIRST_SLOTS).fill(undefined)
  #arena = new Uint8Array(FIRST_ARENA_BYTES)
  #view = new DataView(this.#arena.buffer)
  count = 0
  bytesUsed = 0

  holds(entry: Entry, { bytes, view }: LabelBytes, from: number, to: number): boolean {
    const length = to - from
    if (entry.length !== length) return false
    const arenaView = this.#view
    const offset = entry.offset
    let i = 0
    for (; i + 4 <= length; i += 4) if (arenaView.getInt32(offset + i, true) !== view.getInt32(from + i, true)) return false
    const arena = this.#arena
    for (; i < length; i++) if (arena[offset + i] !== bytes[from + i]) return false
    return true
  }

  find(hash: number, source: LabelBytes, from: number, to: number): Entry | undefined {
    const slots = this.#slots
    const mask = slots.length - 1
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const entry = slots[slot]
      if (entry === undefined) return undefined
      if (entry.hash === hash && this.holds(entry, source, from, to)) return entry
    }
  }

  insert(hash: number, { bytes }: LabelBytes, from: number, to: number, labels: Labels, ref: SeriesRef): Entry {
    const length = to - from
    if (this.bytesUsed + length > this.#arena.length) {
      const larger = new Uint8Array(Math.max(this.#arena.length * 2, this.bytesUsed + length))
      larger.set(this.#arena.subarray(0, this.bytesUsed))
      this.#arena = larger
      this.#view = new DataView(larger.buffer)
    }
    this.#arena.set(bytes.subarray(from, to), this.bytesUsed)
    const entry = new Entry(labels, ref, hash, this.bytesUsed, length)
    this.bytesUsed += length
    this.count++
    if (this.count * 2 > this.#slots.length) this.#widen()
    place(this.#slots, entry)
    return entry
  }

  #widen(): void {
    const wider: (Entry | undefined)[] = new Array(this.#slots.length * 2).fill(undefined)
    for (const entry of this.#slots) if (entry !== undefined) place(wider, entry)
    this.#slots = wider
  }
}

function place(slots: (Entry | undefined)[], entry: Entry): void {
  const mask = slots.length - 1
  let slot = entry.hash & mask
  while (slots[slot] !== undefined) slot = (slot + 1) & mask
  slots[slot] = entry
}

/** MurmurHash3 of 32 bits. @see https://github.com/aappleby/smhasher */
function hashOf({ bytes, view }: LabelBytes, from: number, to: number, seed: number): number {
  let hash = seed ^ (to - from)
  let i = from
  for (; i + 4 <= to; i += 4) {
    let k = Math.imul(view.getInt32(i, true), 0xcc9e2d51)
    k = (k << 15) | (k >>> 17)
    hash ^= Math.imul(k, 0x1b873593)
    hash = (hash << 13) | (hash >>> 19)
    hash = (Math.imul(hash, 5) + 0xe6546b64) | 0
  }
  let rest = 0
  for (; i < to; i++) rest = (rest << 8) | bytes[i]!
  rest = Math.imul(rest, 0xcc9e2d51)
  hash ^= Math.imul((rest << 15) | (rest >>> 17), 0x1b873593)
  hash ^= hash >>> 16
  hash = Math.imul(hash, 0x85ebca6b)
  hash ^= hash >>> 13
  hash = Math.imul(hash, 0xc2b2ae35)
  return hash ^ (hash >>> 16)
}
