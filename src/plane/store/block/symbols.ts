import type { Pace } from '../../../core/turns.ts'
import { type ByteReader, CheckedBytes } from './bytes.ts'

/** Symbols of one block kept as strings; past it they are forgotten and read anew. */
const CACHED_MAX = 65_536

/** The names and values of a block's labels, sorted by UTF-16 code units: their bytes, and an offset each. */
export class SymbolTable {
  readonly #bytes: Buffer
  readonly #at: Uint32Array
  readonly #checked: CheckedBytes
  #cache = new Map<number, string>()

  constructor(bytes: Buffer, at: Uint32Array) {
    this.#bytes = bytes
    this.#at = at
    this.#checked = new CheckedBytes(bytes)
  }

  get length(): number {
    return this.#at.length
  }

  get(id: number): string {
    const known = this.#cache.get(id)
    if (known !== undefined) return known
    const text = this.#decode(id)
    if (this.#cache.size >= CACHED_MAX) this.#cache = new Map()
    this.#cache.set(id, text)
    return text
  }

  /** As `get`, but does not remember it. */
  peek(id: number): string {
    return this.#cache.get(id) ?? this.#decode(id)
  }

  /** @returns −1 when the block has no such symbol. */
  find(text: string): number {
    let low = 0
    let high = this.#at.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.get(middle) < text) low = middle + 1
      else high = middle
    }
    return low < this.#at.length && this.get(low) === text ? low : -1
  }

  #decode(id: number): string {
    const checked = this.#checked
    checked.at = this.#at[id]!
    const header = checked.next()
    const end = checked.at + (header >>> 1)
    return this.#bytes.toString(header % 2 === 0 ? 'utf8' : 'utf16le', checked.at, end)
  }
}

/** @throws MW_STORE_BLOCK_DAMAGED */
export async function parseSymbols(reader: ByteReader, pace: Pace): Promise<SymbolTable> {
  const at = new Uint32Array(reader.count())
  for (let id = 0; id < at.length; id++) {
    at[id] = reader.position
    const header = reader.below(2 ** 31, 'length')
    if (header % 4 === 3) throw reader.damaged('half a UTF-16 unit')
    reader.skip(header >>> 1)
    if (pace.due(1)) await pace.breathe()
  }
  reader.finish()
  const { bytes } = reader
  return new SymbolTable(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length), at)
}
