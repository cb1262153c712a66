import assert from 'node:assert/strict'
import { crc32 } from 'node:zlib'
import type { Labels } from '../../../core/labels.ts'
import type { Pace } from '../../../core/turns.ts'
import type { EncodedChunk } from '../chunk/chunk.ts'
import { ByteWriter, Uint32List } from './bytes.ts'
import {
  codec,
  ENTRY_BYTES,
  HEADER_BYTES,
  INDEX_MAGIC,
  INLINE_BYTES,
  KIND_FLOAT,
  KINDS,
  type SectionName,
  section,
} from './index-format.ts'
import { BLOCK_VERSION } from './meta.ts'
import { pack, packAside } from './pack.ts'
import type { PieceTable } from './piece-writer.ts'
import { sortStrings } from './sort-strings.ts'

/**
 * Gathers what the index of a block says about its series, as columns, and writes it down.
 * Label names and values become symbols, a label of a series one number (its pair), and the times of its chunks one more (its layout): what is
 * scraped together has the same times, so a few layouts serve thousands of series.
 */
export class IndexBuilder {
  readonly #pairs = new Map<string, Map<string, number>>()
  #pairCount = 0
  readonly #layouts = new Map<string, number>()
  readonly #layoutMinMs: number[] = []
  readonly #layoutChunks = new Uint32List()
  readonly #layoutBytes = new ByteWriter()
  readonly #layoutEnds = new Uint32List()
  readonly #rowLabels = new Uint32List()
  readonly #rowPairs = new Uint32List()
  readonly #rowLayout = new Uint32List()
  readonly #lengths = new Uint32List()
  readonly #scratch = new ByteWriter(256)
  #labelsMax = 0
  minMs = Number.POSITIVE_INFINITY
  maxMs = Number.NEGATIVE_INFINITY
  samples = 0

  get series(): number {
    return this.#rowLabels.length
  }

  get chunks(): number {
    return this.#lengths.length
  }

  /** Adds the next series in the order of `compareLabels`. */
  add(labels: Labels, chunks: readonly EncodedChunk[]): void {
    this.#rowLabels.push(labels.length)
    this.#labelsMax = Math.max(this.#labelsMax, labels.length)
    let last: string | undefined
    for (const [name, value] of labels) {
      if (last !== undefined && name <= last) assert.fail(`labels of a series out of order: ${name} after ${last}`)
      last = name
      this.#rowPairs.push(this.#pairOf(name, value))
    }
    this.#rowLayout.push(this.#layoutOf(chunks))
    for (const { length } of chunks) this.#lengths.push(length)
  }

  #pairOf(name: string, value: string): number {
    let values = this.#pairs.get(name)
    if (values === undefined) {
      values = new Map()
      this.#pairs.set(name, values)
    }
    let pair = values.get(value)
    if (pair === undefined) {
      pair = this.#pairCount++
      values.set(value, pair)
    }
    return pair
  }

  #layoutOf(chunks: readonly EncodedChunk[]): number {
    const scratch = this.#scratch
    scratch.length = 0
    const firstMs = chunks[0]?.minMs ?? 0
    let endMs = firstMs - 1
    for (const { minMs, maxMs, samples, length } of chunks) {
      const isInOrder = minMs > endMs && maxMs >= minMs && samples > 0 && length > 0
      if (!isInOrder) assert.fail(`chunks of a series out of order: ${minMs} to ${maxMs} after ${endMs}`)
      scratch.varint(minMs - endMs - 1)
      scratch.varint(maxMs - minMs)
      scratch.varint(samples * KINDS + KIND_FLOAT)
      endMs = maxMs
      this.samples += samples
    }
    if (chunks.length > 0) {
      this.minMs = Math.min(this.minMs, firstMs)
      this.maxMs = Math.max(this.maxMs, endMs)
    }
    // Most series have the layout of the one before: no text has to be made to find it.
    const newest = this.#rowLayout.items[this.#rowLayout.length - 1]
    if (newest !== undefined && firstMs === this.#layoutMinMs[newest] && this.#isLayout(newest, scratch)) return newest
    const key = `${chunks.length === 0 ? '' : firstMs}:${Buffer.from(scratch.bytes.buffer, 0, scratch.length).toString('latin1')}`
    const known = this.#layouts.get(key)
    if (known !== undefined) return known
    const layout = this.#layouts.size
    this.#layouts.set(key, layout)
    this.#layoutMinMs.push(firstMs)
    this.#layoutChunks.push(chunks.length)
    this.#layoutBytes.raw(scratch.view())
    this.#layoutEnds.push(this.#layoutBytes.length)
    return layout
  }

  #isLayout(layout: number, { bytes, length }: ByteWriter): boolean {
    const from = layout === 0 ? 0 : this.#layoutEnds.items[layout - 1]!
    if (this.#layoutEnds.items[layout]! - from !== length) return false
    const known = this.#layoutBytes.bytes
    for (let i = 0; i < length; i++) if (bytes[i] !== known[from + i]) return false
    return true
  }

  /** The file's parts, to be written one behind the other. */
  async finish(pieces: PieceTable, pace: Pace): Promise<Uint8Array[]> {
    const baseMs = this.samples === 0 ? 0 : this.minMs
    const names = await sortStrings([...this.#pairs.keys()], pace)
    const symbols = await writeSymbols(await this.#symbols(pace), pace)
    const pairs = await this.#sortPairs(names, pace)
    const postings = await this.#postings(pairs.finalOf, pace)
    const sections: [SectionName, ByteWriter][] = [
      ['base', this.#base(baseMs, pieces)],
      ['symbols', symbols.bytes],
      ['pairs', await writePairs(names, pairs.values, symbols.idOf, postings, pace)],
      ['postings', postings.bytes],
      ['layouts', this.#writeLayouts(baseMs)],
      ['series', await this.#writeRows(pairs.finalOf, pace)],
      ['pieces', writePieces(pieces)],
    ]
    return await assemble(sections)
  }

  #base(baseMs: number, pieces: PieceTable): ByteWriter {
    const out = new ByteWriter(64)
    out.float64(baseMs)
    out.float64(this.samples === 0 ? 0 : this.maxMs)
    for (const count of [this.samples, this.series, this.chunks, this.#layouts.size, pieces.raw.length]) out.varint(count)
    return out
  }

  async #symbols(pace: Pace): Promise<string[]> {
    const all = new Set<string>(this.#pairs.keys())
    for (const values of this.#pairs.values()) {
      for (const value of values.keys()) {
        all.add(value)
        if (pace.due(5)) await pace.breathe()
      }
    }
    return sortStrings([...all], pace)
  }

  /** Numbers pairs by the order of their names and values, so that series sorted by their pairs are sorted by their labels. */
  async #sortPairs(names: readonly string[], pace: Pace): Promise<{ values: string[][]; finalOf: Uint32Array }> {
    const finalOf = new Uint32Array(this.#pairCount)
    const sorted: string[][] = []
    let next = 0
    for (const name of names) {
      const byValue = this.#pairs.get(name)!
      const values = await sortStrings([...byValue.keys()], pace)
      sorted.push(values)
      for (const value of values) {
        finalOf[byValue.get(value)!] = next++
        if (pace.due(5)) await pace.breathe()
      }
    }
    return { values: sorted, finalOf }
  }

  /** For each pair the series that have it: a counting sort, since series come in their order. */
  async #postings(finalOf: Uint32Array, pace: Pace): Promise<Postings> {
    const counts = new Uint32Array(this.#pairCount)
    const { items: pairs, length } = this.#rowPairs
    for (let i = 0; i < length; i++) {
      counts[finalOf[pairs[i]!]!]!++
      if (pace.due(1)) await pace.breathe()
    }
    const next = new Uint32Array(this.#pairCount)
    for (let pair = 1; pair < next.length; pair++) next[pair] = next[pair - 1]! + counts[pair - 1]!
    const members = new Uint32Array(length)
    let at = 0
    for (let row = 0; row < this.series; row++) {
      for (const end = at + this.#rowLabels.items[row]!; at < end; at++) members[next[finalOf[pairs[at]!]!]!++] = row
      if (pace.due(20)) await pace.breathe()
    }
    const bytes = new ByteWriter(length + 16)
    const lengths = new Uint32Array(this.#pairCount)
    let from = 0
    for (let pair = 0; pair < counts.length; pair++) {
      const begin = bytes.length
      let last = -1
      for (const end = from + counts[pair]!; from < end; from++) {
        bytes.varint(members[from]! - last - 1)
        last = members[from]!
        if (pace.due(1)) await pace.breathe()
      }
      lengths[pair] = bytes.length - begin
    }
    return { counts, lengths, bytes }
  }

  #writeLayouts(baseMs: number): ByteWriter {
    const out = new ByteWriter(this.#layoutBytes.length + this.#layoutMinMs.length * 12 + 16)
    let from = 0
    for (const [layout, minMs] of this.#layoutMinMs.entries()) {
      const chunks = this.#layoutChunks.items[layout]!
      out.varint(chunks)
      if (chunks > 0) out.varint(minMs - baseMs)
      const end = this.#layoutEnds.items[layout]!
      out.raw(this.#layoutBytes.bytes.subarray(from, end))
      from = end
    }
    return out
  }

  async #writeRows(finalOf: Uint32Array, pace: Pace): Promise<ByteWriter> {
    const out = new ByteWriter(this.#rowPairs.length * 2 + this.#lengths.length * 2 + 16)
    const scratch = new Uint32Array(this.#labelsMax)
    let at = 0
    let chunk = 0
    for (let row = 0; row < this.series; row++) {
      const labels = this.#rowLabels.items[row]!
      for (let i = 0; i < labels; i++) scratch[i] = finalOf[this.#rowPairs.items[at++]!]!
      out.varint(labels)
      let last = -1
      for (let i = 0; i < labels; i++) {
        out.varint(scratch[i]! - last - 1)
        last = scratch[i]!
      }
      const layout = this.#rowLayout.items[row]!
      out.varint(layout)
      for (let left = this.#layoutChunks.items[layout]!; left > 0; left--) out.varint(this.#lengths.items[chunk++]!)
      if (pace.due(labels * 2 + 10)) await pace.breathe()
    }
    return out
  }
}

interface Postings {
  readonly counts: Uint32Array
  readonly lengths: Uint32Array
  readonly bytes: ByteWriter
}

/** Each symbol: its length in bytes times two, plus one where it is no well-formed Unicode and stands in UTF-16. */
async function writeSymbols(symbols: readonly string[], pace: Pace): Promise<{ bytes: ByteWriter; idOf: ReadonlyMap<string, number> }> {
  const idOf = new Map<string, number>()
  const out = new ByteWriter(symbols.length * 16 + 16)
  out.varint(symbols.length)
  for (const symbol of symbols) {
    idOf.set(symbol, idOf.size)
    const isUtf8 = symbol.isWellFormed()
    const bytes = Buffer.from(symbol, isUtf8 ? 'utf8' : 'utf16le')
    out.varint(bytes.length * 2 + (isUtf8 ? 0 : 1))
    out.raw(bytes)
    if (pace.due(20)) await pace.breathe()
  }
  return { bytes: out, idOf }
}

/** Each name: its symbol and number of values; each value: its symbol, how many series have it, and the bytes of their list. */
async function writePairs(
  names: readonly string[],
  values: readonly (readonly string[])[],
  idOf: ReadonlyMap<string, number>,
  postings: Postings,
  pace: Pace,
): Promise<ByteWriter> {
  const out = new ByteWriter(postings.counts.length * 6 + names.length * 4 + 16)
  out.varint(names.length)
  let pair = 0
  let lastName = -1
  for (const [i, name] of names.entries()) {
    const nameId = idOf.get(name)!
    out.varint(nameId - lastName - 1)
    lastName = nameId
    out.varint(values[i]!.length)
    let lastValue = -1
    for (const value of values[i]!) {
      const valueId = idOf.get(value)!
      out.varint(valueId - lastValue - 1)
      lastValue = valueId
      out.varint(postings.counts[pair]!)
      out.varint(postings.lengths[pair]!)
      pair++
      if (pace.due(20)) await pace.breathe()
    }
  }
  return out
}

function writePieces({ stored, raw }: PieceTable): ByteWriter {
  const out = new ByteWriter(raw.length * 6 + 16)
  for (let i = 0; i < raw.length; i++) {
    out.varint(stored.items[i]!)
    out.varint(raw.items[i]!)
  }
  return out
}

async function assemble(sections: readonly [SectionName, ByteWriter][]): Promise<Uint8Array[]> {
  const headerBytes = HEADER_BYTES + sections.length * ENTRY_BYTES
  const header = Buffer.alloc(headerBytes + 4)
  header.write(INDEX_MAGIC, 0, 'latin1')
  header.writeUInt32LE(BLOCK_VERSION, 8)
  header.writeUInt32LE(sections.length, 12)
  const parts: Uint8Array[] = [header]
  for (const [i, [name, { length, bytes }]] of sections.entries()) {
    const raw = bytes.subarray(0, length)
    const packed = length > INLINE_BYTES ? await packAside(raw) : pack(raw)
    const stored = packed.length < length ? packed : raw
    const entry = [section[name], stored === raw ? codec.plain : codec.zstd, stored.length, length, crc32(stored)]
    for (const [j, value] of entry.entries()) header.writeUInt32LE(value, HEADER_BYTES + i * ENTRY_BYTES + j * 4)
    parts.push(stored)
  }
  header.writeUInt32LE(crc32(header.subarray(0, headerBytes)), headerBytes)
  return parts
}
