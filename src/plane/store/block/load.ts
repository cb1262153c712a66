import type { FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { createPace } from '../../../core/turns.ts'
import type { IndexColumns } from './block-index.ts'
import type { BlockSeries } from './block-series.ts'
import type { BlockMeta } from './meta.ts'
import type { PieceCache } from './piece-cache.ts'
import { readPieces } from './piece-reader.ts'

/** What a read may hold in memory. */
export interface BytesBudget {
  charge(bytes: number): void
}

/** Pieces known to be damaged, with the reason: they are not read again. */
export type DamagedPieces = Map<number, string>

export interface LoadSource {
  readonly meta: BlockMeta
  readonly dir: string
  readonly columns: IndexColumns
  readonly file: FileHandle
  readonly damaged: DamagedPieces
}

export interface LoadDeps {
  readonly cache: PieceCache
  readonly budget: BytesBudget
  readonly onDamagedPiece: ((sentence: string) => void) | undefined
}

/**
 * Brings the pieces of the series' chunks into memory, from the cache or from disk, neighbours in one read, and gives each chunk its bytes.
 * @returns a sentence for each piece that could not be read: where, why, and what is missing of the series that were asked for.
 */
export async function loadPieces(source: LoadSource, series: readonly BlockSeries[], deps: LoadDeps): Promise<readonly string[]> {
  const { meta, columns, file, damaged } = source
  const pace = createPace()
  const wanted = new Set<number>()
  for (const { chunks } of series) {
    for (const { piece } of chunks) wanted.add(piece)
    if (pace.due(20 + chunks.length)) await pace.breathe()
  }
  let bytes = 0
  for (const piece of wanted) bytes += columns.pieceRaw[piece]!
  deps.budget.charge(bytes)

  const pieces = new Map<number, Uint8Array>()
  const missing = new Map<number, string>()
  const unread: number[] = []
  for (const piece of [...wanted].sort((a, b) => a - b)) {
    const cached = deps.cache.get(meta.id, piece)
    if (cached !== undefined) pieces.set(piece, cached)
    else if (damaged.has(piece)) missing.set(piece, damaged.get(piece)!)
    else unread.push(piece)
  }
  const sink = {
    piece(piece: number, raw: Uint8Array) {
      pieces.set(piece, raw)
      deps.cache.add(meta.id, piece, raw)
    },
    missing(piece: number, why: string, isPermanent: boolean) {
      missing.set(piece, why)
      if (!isPermanent || damaged.has(piece)) return
      damaged.set(piece, why)
      deps.onDamagedPiece?.(placeOf(source, piece, why))
    },
  }
  await readPieces(file, columns, unread, sink, pace)
  for (const { chunks } of series) {
    for (const chunk of chunks) chunk.bytes = pieces.get(chunk.piece)
    if (pace.due(20 + chunks.length)) await pace.breathe()
  }
  return missing.size === 0 ? [] : describe(source, series, missing)
}

/** Where a piece lies, and what is wrong with it. */
export function placeOf({ dir, columns }: Pick<LoadSource, 'dir' | 'columns'>, piece: number, why: string): string {
  return `${join(dir, 'data')} cannot be read at offset ${columns.pieceAt[piece]}, piece ${piece} of ${columns.pieceStored[piece]} bytes: ${why}`
}

function describe(source: LoadSource, series: readonly BlockSeries[], missing: ReadonlyMap<number, string>): string[] {
  const lost = new Map<number, { series: number; samples: number; minMs: number; maxMs: number }>()
  for (const { chunks } of series) {
    let last = -1
    for (const { piece, samples, minMs, maxMs } of chunks) {
      if (!missing.has(piece)) continue
      const so = lost.get(piece) ?? { series: 0, samples: 0, minMs, maxMs }
      if (piece !== last) so.series++
      so.samples += samples
      so.minMs = Math.min(so.minMs, minMs)
      so.maxMs = Math.max(so.maxMs, maxMs)
      lost.set(piece, so)
      last = piece
    }
  }
  return [...missing].map(([piece, why]) => {
    const { series: count, samples, minMs, maxMs } = lost.get(piece)!
    return `${placeOf(source, piece, why)}; up to ${samples} samples of ${count} series from ${timeText(minMs)} to ${timeText(maxMs)} are missing`
  })
}

function timeText(timeMs: number): string {
  const date = new Date(timeMs)
  return Number.isNaN(date.getTime()) ? `${timeMs} ms` : date.toISOString()
}
