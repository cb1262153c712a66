import { compareLabels, type Labels } from '../../../core/labels.ts'
import { createPace, type Pace } from '../../../core/turns.ts'
import type { TimeRange } from '../contract.ts'
import type { Block } from './block.ts'
import type { ChunkPlace } from './block-index.ts'
import { blockErrors } from './errors.ts'
import { joinChunks, type SourceChunk } from './join-chunks.ts'
import { placeOf } from './load.ts'
import { byPrecedence } from './meta.ts'
import { readPieces } from './piece-reader.ts'
import type { SeriesChunks } from './write.ts'

/** Unpacked bytes that are read ahead of each block. */
const AHEAD_BYTES = 1024 * 1024

export interface MergeDeps {
  readonly signal: AbortSignal | undefined
  /** Told what of a block cannot be read, and is left out. */
  readonly onDamaged: (block: Block, sentence: string) => void
}

/**
 * The series of several blocks as of one, in the order of their labels, without what was deleted.
 * Reads the blocks from front to back; in memory are about 1 MiB of each, and one series.
 */
export async function* mergeBlocks(blocks: readonly Block[], { signal, onDamaged }: MergeDeps): AsyncIterable<SeriesChunks> {
  const pace = createPace(signal)
  const ranked = [...blocks].sort((a, b) => byPrecedence(a.meta, b.meta))
  let cursors = ranked.map((block, rank) => new BlockCursor(block, rank, { pace, onDamaged }))
  for (;;) {
    cursors = cursors.filter(({ isAtEnd }) => !isAtEnd)
    if (cursors.length === 0) return
    let labels = cursors[0]!.labels
    for (const cursor of cursors) if (compareLabels(cursor.labels, labels) < 0) labels = cursor.labels
    const chunks: SourceChunk[] = []
    for (const cursor of cursors) {
      if (compareLabels(cursor.labels, labels) !== 0) continue
      for (const chunk of await cursor.take()) chunks.push(chunk)
      if (pace.due(50)) await pace.breathe()
    }
    const joined = joinChunks(chunks, (chunk, error) => {
      const { block } = cursors.find(({ rank }) => rank === chunk.rank)!
      onDamaged(block, `${block.dir}: a chunk of ${chunk.samples} samples cannot be decoded: ${error.message}`)
    })
    if (joined.length > 0) yield { labels, chunks: joined }
    // A sample decoded and encoded takes some 30 ns.
    for (const { samples } of joined) if (pace.due(samples)) await pace.breathe()
  }
}

interface CursorDeps {
  readonly pace: Pace
  readonly onDamaged: MergeDeps['onDamaged']
}

/** Goes through the series of one block, with the pieces they need. */
class BlockCursor {
  readonly block: Block
  readonly rank: number
  readonly #deps: CursorDeps
  readonly #pieces = new Map<number, Uint8Array | undefined>()
  #series = 0
  #labels: Labels | undefined

  constructor(block: Block, rank: number, deps: CursorDeps) {
    this.block = block
    this.rank = rank
    this.#deps = deps
  }

  get isAtEnd(): boolean {
    return this.#series >= this.block.seriesCount
  }

  get labels(): Labels {
    this.#labels ??= this.block.index.labels(this.#series)
    return this.#labels
  }

  /** The chunks of the series it stands at, and on to the next. */
  async take(): Promise<SourceChunk[]> {
    const series = this.#series++
    this.#labels = undefined
    const places = this.block.index.chunksOf(series, Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY)
    if (places.length > 0) await this.#read(places[0]!.piece, places.at(-1)!.piece)
    const deleted = this.block.tombstones.get(series) ?? []
    return places.flatMap((place) => this.#chunk(place, deleted))
  }

  #chunk({ piece, minMs, maxMs, samples, offset, length }: ChunkPlace, deleted: readonly TimeRange[]): SourceChunk[] {
    const bytes = this.#pieces.get(piece)
    return bytes === undefined ? [] : [{ minMs, maxMs, samples, bytes, offset, length, rank: this.rank, deleted }]
  }

  /** Has pieces [first, last] in memory, and forgets those before. */
  async #read(first: number, last: number): Promise<void> {
    for (const piece of this.#pieces.keys()) if (piece < first) this.#pieces.delete(piece)
    const { columns } = this.block.index
    const wanted: number[] = []
    let ahead = 0
    for (let piece = first; piece < columns.pieceRaw.length; piece++) {
      if (this.#pieces.has(piece)) continue
      if (piece > last && (wanted.length === 0 || ahead >= AHEAD_BYTES)) break
      wanted.push(piece)
      ahead += columns.pieceRaw[piece]!
    }
    const sink = {
      piece: (piece: number, bytes: Uint8Array) => void this.#pieces.set(piece, bytes),
      missing: (piece: number, why: string, isPermanent: boolean) => {
        // What may be readable the next time must not be left out for good.
        if (!isPermanent) throw blockErrors.MW_STORE_BLOCK_IO(placeOf({ dir: this.block.dir, columns }, piece, why))
        this.#pieces.set(piece, undefined)
        this.#deps.onDamaged(this.block, placeOf({ dir: this.block.dir, columns }, piece, why))
      },
    }
    if (wanted.length > 0) await readPieces(this.block.data, columns, wanted, sink, this.#deps.pace)
  }
}
