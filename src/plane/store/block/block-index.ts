import { type Labels, labelsKey } from '../../../core/labels.ts'
import { CheckedBytes } from './bytes.ts'
import type { LayoutTable } from './layouts.ts'
import type { SymbolTable } from './symbols.ts'

/** Where one chunk lies: its piece of `data`, and its bytes within the unpacked piece. */
export interface ChunkPlace {
  /** Times of the first and of the last sample. */
  readonly minMs: number
  readonly maxMs: number
  readonly samples: number
  readonly piece: number
  readonly offset: number
  readonly length: number
  /** The unpacked piece, once it has been loaded; undefined before that, and when it is damaged. */
  bytes: Uint8Array | undefined
}

export function isLoaded(chunk: ChunkPlace): chunk is ChunkPlace & { readonly bytes: Uint8Array } {
  return chunk.bytes !== undefined
}

/** The index of a block in memory: columns and bytes; 16 bytes beside its row for each series, no objects. */
export interface IndexColumns {
  readonly samples: number
  readonly seriesCount: number
  readonly chunks: number
  readonly minMs: number
  readonly maxMs: number
  readonly symbols: SymbolTable
  readonly layouts: LayoutTable
  /** Names of labels, sorted: the symbol of each, and its first pair; one entry more for the end. */
  readonly nameSymbol: Uint32Array
  readonly nameFirstPair: Uint32Array
  /** Pairs of name and value, sorted: the name's number, the value's symbol, how many series have the pair, and where their list begins. */
  readonly pairName: Uint32Array
  readonly pairSymbol: Uint32Array
  readonly pairSeries: Uint32Array
  readonly postingAt: Uint32Array
  readonly postings: Uint8Array
  /** Series, sorted by labels: where the row begins, and where the first chunk lies. */
  readonly rowAt: Uint32Array
  readonly seriesLayout: Uint32Array
  readonly seriesPiece: Uint32Array
  readonly seriesOffset: Uint32Array
  readonly rows: Uint8Array
  /** Pieces: where each begins in `data`, its bytes there, and unpacked. */
  readonly pieceAt: Float64Array
  readonly pieceStored: Uint32Array
  readonly pieceRaw: Uint32Array
}

/** Series of one block whose labels are remembered; past it they are forgotten and read anew. */
const IDENTITIES_MAX = 4096

/** What a series is: its labels, and the key that two series share when they are the same. */
export interface SeriesIdentity {
  readonly labels: Labels
  readonly key: string
}

/** Answers from the columns of an index. They were checked when they were parsed: nothing points outside. */
export class BlockIndex {
  #identities = new Map<number, SeriesIdentity>()
  readonly columns: IndexColumns
  readonly #postings: CheckedBytes
  readonly #rows: CheckedBytes
  /** Pairs of the row that was read last. */
  #pairs = new Uint32Array(64)

  constructor(columns: IndexColumns) {
    this.columns = columns
    this.#postings = new CheckedBytes(columns.postings)
    this.#rows = new CheckedBytes(columns.rows)
  }

  /** The pairs of a label's name: [first, behind the last). Empty when the block has no such label. */
  pairsOfName(name: string): readonly [first: number, end: number] {
    const { symbols, nameSymbol, nameFirstPair } = this.columns
    const symbol = symbols.find(name)
    const at = symbol < 0 ? -1 : indexOf(nameSymbol, symbol, 0, nameSymbol.length)
    return at < 0 ? [0, 0] : [nameFirstPair[at]!, nameFirstPair[at + 1]!]
  }

  /** The pair of a value among the pairs [first, end) of its name, −1 when there is none. */
  pairOfValue(value: string, first: number, end: number): number {
    const { symbols, pairSymbol } = this.columns
    const symbol = symbols.find(value)
    return symbol < 0 ? -1 : indexOf(pairSymbol, symbol, first, end)
  }

  nameOf(pair: number): string {
    const { symbols, nameSymbol, pairName } = this.columns
    return symbols.get(nameSymbol[pairName[pair]!]!)
  }

  valueOf(pair: number): string {
    const { symbols, pairSymbol } = this.columns
    return symbols.get(pairSymbol[pair]!)
  }

  /** As `valueOf`, for one look at many values: they do not drive others out of the cache. */
  peekValue(pair: number): string {
    const { symbols, pairSymbol } = this.columns
    return symbols.peek(pairSymbol[pair]!)
  }

  /** Writes the series that have a pair into a column, in rising order. @returns The position behind the last. */
  readPosting(pair: number, into: Uint32Array, at: number): number {
    const bytes = this.#postings
    bytes.at = this.columns.postingAt[pair]!
    let last = -1
    for (const end = at + this.columns.pairSeries[pair]!; at < end; at++) {
      last += bytes.next() + 1
      into[at] = last
    }
    return at
  }

  /** The pairs of a series, in rising order; the column is written over by the next call. */
  pairsOf(series: number): Uint32Array {
    const rows = this.#rows
    rows.at = this.columns.rowAt[series]!
    const count = rows.next()
    if (count > this.#pairs.length) this.#pairs = new Uint32Array(count * 2)
    const pairs = this.#pairs
    let last = -1
    for (let i = 0; i < count; i++) {
      last += rows.next() + 1
      pairs[i] = last
    }
    return pairs.subarray(0, count)
  }

  /** Labels of a series and their key, remembered: whoever asked once tends to ask again. */
  identity(series: number): SeriesIdentity {
    const known = this.#identities.get(series)
    if (known !== undefined) return known
    const labels = this.labels(series)
    const identity = { labels, key: labelsKey(labels) }
    if (this.#identities.size >= IDENTITIES_MAX) this.#identities = new Map()
    this.#identities.set(series, identity)
    return identity
  }

  labels(series: number): Labels {
    const labels: (readonly [string, string])[] = []
    for (const pair of this.pairsOf(series)) labels.push([this.nameOf(pair), this.valueOf(pair)])
    return labels
  }

  /** The chunks of a series that touch the range, oldest first. */
  chunksOf(series: number, fromMs: number, toMs: number): ChunkPlace[] {
    const { layouts, seriesLayout, seriesPiece, seriesOffset, pieceRaw, rowAt } = this.columns
    const layout = layouts.get(seriesLayout[series]!)
    const found: ChunkPlace[] = []
    const rows = this.#rows
    rows.at = rowAt[series]!
    for (let pairs = rows.next(); pairs > 0; pairs--) rows.next()
    rows.next() // The layout, which stands in a column of its own.
    let piece = seriesPiece[series]!
    let offset = seriesOffset[series]!
    for (let i = 0; i < layout.length && layout.minMs[i]! <= toMs; i++) {
      const length = rows.next()
      if (offset === pieceRaw[piece]) {
        piece++
        offset = 0
      }
      if (layout.maxMs[i]! >= fromMs) {
        const samples = layout.samples[i]!
        found.push({ minMs: layout.minMs[i]!, maxMs: layout.maxMs[i]!, samples, piece, offset, length, bytes: undefined })
      }
      offset += length
    }
    return found
  }
}

/** Position of a value in the sorted stretch [from, end) of a column, −1 when it is not there. */
function indexOf(sorted: Uint32Array, value: number, from: number, end: number): number {
  let low = from
  let high = end
  while (low < high) {
    const middle = (low + high) >>> 1
    if (sorted[middle]! < value) low = middle + 1
    else high = middle
  }
  return low < end && sorted[low] === value ? low : -1
}
