import { createPace, type Pace } from '../../../core/turns.ts'
import { BlockIndex } from './block-index.ts'
import type { ByteReader } from './bytes.ts'
import { readSections } from './index-sections.ts'
import { type ParsedLayouts, parseLayouts } from './layouts.ts'
import { parseSymbols } from './symbols.ts'

/**
 * Reads the file `index` and checks all of it, so that what is asked later cannot fail: checksums, counts, order, and that every number points
 * to something.
 * @throws MW_STORE_BLOCK_DAMAGED, MW_STORE_BLOCK_VERSION
 */
export async function parseIndex(bytes: Buffer, file: string): Promise<BlockIndex> {
  const pace = createPace()
  const sections = await readSections(bytes, file)
  const base = parseBase(sections.base)
  const symbols = await parseSymbols(sections.symbols, pace)
  const pairs = await parsePairs(sections.pairs, symbols.length, pace)
  const postingAt = await parsePostings(sections.postings, pairs, base.seriesCount, pace)
  const layouts = await parseLayouts(sections.layouts, { count: base.layouts, minMs: base.minMs, maxMs: base.maxMs }, pace)
  const pieces = parsePieces(sections.pieces, base.pieces)
  const rows = await parseRows(sections.series, { base, layouts, pairName: pairs.pairName, pieceRaw: pieces.pieceRaw }, pace)
  const { samples, seriesCount, chunks, minMs, maxMs } = base
  return new BlockIndex({
    ...{ samples, seriesCount, chunks, minMs, maxMs, symbols, layouts: layouts.table },
    ...{ nameSymbol: pairs.nameSymbol, nameFirstPair: pairs.nameFirstPair },
    ...{ pairName: pairs.pairName, pairSymbol: pairs.pairSymbol, pairSeries: pairs.pairSeries },
    ...{ postingAt, postings: sections.postings.bytes },
    ...rows,
    ...pieces,
  })
}

interface Base {
  readonly minMs: number
  readonly maxMs: number
  readonly samples: number
  readonly seriesCount: number
  readonly chunks: number
  readonly layouts: number
  readonly pieces: number
}

function parseBase(reader: ByteReader): Base {
  const minMs = reader.float64()
  const maxMs = reader.float64()
  if (!Number.isSafeInteger(minMs) || !Number.isSafeInteger(maxMs) || minMs > maxMs) throw reader.damaged(`times ${minMs} to ${maxMs}`)
  const samples = reader.varint()
  const seriesCount = reader.below(2 ** 31, 'series')
  const chunks = reader.varint()
  const layouts = reader.below(seriesCount + 1, 'layouts')
  const pieces = reader.below(Math.min(chunks + 1, 2 ** 31), 'pieces')
  reader.finish()
  return { minMs, maxMs, samples, seriesCount, chunks, layouts, pieces }
}

interface Pairs {
  readonly nameSymbol: Uint32Array
  readonly nameFirstPair: Uint32Array
  readonly pairName: Uint32Array
  readonly pairSymbol: Uint32Array
  readonly pairSeries: Uint32Array
  readonly postingBytes: Uint32Array
}

async function parsePairs(reader: ByteReader, symbols: number, pace: Pace): Promise<Pairs> {
  const nameSymbol = new Uint32Array(reader.count(2))
  const nameFirstPair = new Uint32Array(nameSymbol.length + 1)
  // No more pairs than three bytes of the section can make.
  const pairsMax = Math.floor(reader.remaining / 3)
  const [pairName, pairSymbol, pairSeries, postingBytes] = [0, 1, 2, 3].map(() => new Uint32Array(pairsMax)) as [
    Uint32Array,
    Uint32Array,
    Uint32Array,
    Uint32Array,
  ]
  let pair = 0
  let lastName = -1
  for (let name = 0; name < nameSymbol.length; name++) {
    lastName += reader.below(symbols, 'symbol') + 1
    if (lastName >= symbols) throw reader.damaged(`symbol ${lastName} where there are ${symbols}`)
    nameSymbol[name] = lastName
    let lastValue = -1
    for (let left = reader.count(3); left > 0; left--) {
      lastValue += reader.below(symbols, 'symbol') + 1
      if (lastValue >= symbols) throw reader.damaged(`symbol ${lastValue} where there are ${symbols}`)
      pairName[pair] = name
      pairSymbol[pair] = lastValue
      pairSeries[pair] = reader.below(2 ** 31, 'series')
      postingBytes[pair] = reader.below(2 ** 31, 'bytes')
      pair++
      if (pace.due(4)) await pace.breathe()
    }
    nameFirstPair[name + 1] = pair
  }
  reader.finish()
  const cut = (column: Uint32Array) => column.slice(0, pair)
  return {
    nameSymbol,
    nameFirstPair,
    pairName: cut(pairName),
    pairSymbol: cut(pairSymbol),
    pairSeries: cut(pairSeries),
    postingBytes: cut(postingBytes),
  }
}

/** Goes over every list of series. @returns Where each begins. */
async function parsePostings(
  reader: ByteReader,
  { pairSeries, postingBytes }: Pairs,
  seriesCount: number,
  pace: Pace,
): Promise<Uint32Array> {
  const at = new Uint32Array(pairSeries.length)
  for (let pair = 0; pair < at.length; pair++) {
    at[pair] = reader.position
    let last = -1
    if (pairSeries[pair]! > reader.remaining)
      throw reader.damaged(`${pairSeries[pair]} series are announced where ${reader.remaining} bytes follow`)
    for (let left = pairSeries[pair]!; left > 0; left--) {
      last += reader.below(seriesCount, 'series') + 1
      if (pace.due(1)) await pace.breathe()
    }
    if (last >= seriesCount) throw reader.damaged(`series ${last} where there are ${seriesCount}`)
    if (reader.position - at[pair]! !== postingBytes[pair]) throw reader.damaged('a list of series has another length than announced')
  }
  reader.finish()
  return at
}

/** Largest piece that is read, unpacked: chunks are of some KiB, and a piece ends with the chunk that fills it. */
const PIECE_BYTES_MAX = 2 ** 28

function parsePieces(reader: ByteReader, count: number) {
  if (count * 2 > reader.remaining) throw reader.damaged(`${count} pieces are announced where ${reader.remaining} bytes follow`)
  const pieceAt = new Float64Array(count)
  const pieceStored = new Uint32Array(count)
  const pieceRaw = new Uint32Array(count)
  let at = 0
  for (let i = 0; i < count; i++) {
    pieceAt[i] = at
    pieceStored[i] = reader.below(PIECE_BYTES_MAX, 'bytes')
    pieceRaw[i] = reader.below(PIECE_BYTES_MAX, 'bytes')
    if (pieceRaw[i] === 0 || pieceStored[i] === 0 || pieceStored[i]! > pieceRaw[i]!)
      throw reader.damaged(`piece ${i} has ${pieceStored[i]} bytes for ${pieceRaw[i]}`)
    at += pieceStored[i]! + 4
  }
  reader.finish()
  return { pieceAt, pieceStored, pieceRaw }
}

interface RowsContext {
  readonly base: Base
  readonly layouts: ParsedLayouts
  readonly pairName: Uint32Array
  readonly pieceRaw: Uint32Array
}

/** Goes over every series: its labels, its layout, and its chunks, which fill the pieces without a gap. */
async function parseRows(reader: ByteReader, { base, layouts, pairName, pieceRaw }: RowsContext, pace: Pace) {
  const { seriesCount } = base
  if (seriesCount * 2 > reader.remaining) throw reader.damaged(`${seriesCount} series are announced where ${reader.remaining} bytes follow`)
  const [rowAt, seriesLayout, seriesPiece, seriesOffset] = [0, 1, 2, 3].map(() => new Uint32Array(seriesCount)) as [
    Uint32Array,
    Uint32Array,
    Uint32Array,
    Uint32Array,
  ]
  let piece = 0
  let offset = 0
  let chunks = 0
  let samples = 0
  for (let series = 0; series < seriesCount; series++) {
    rowAt[series] = reader.position
    let last = -1
    let lastName = -1
    for (let left = reader.count(); left > 0; left--) {
      last += reader.below(pairName.length, 'label') + 1
      const name = pairName[last]
      if (name === undefined) throw reader.damaged(`label ${last} where there are ${pairName.length}`)
      if (name === lastName) throw reader.damaged('a label has two values')
      lastName = name
    }
    const layout = reader.below(layouts.chunks.length, 'layout')
    seriesLayout[series] = layout
    seriesPiece[series] = piece
    seriesOffset[series] = offset
    const count = layouts.chunks[layout]!
    for (let left = count; left > 0; left--) {
      const length = reader.varint()
      if (offset === pieceRaw[piece]) {
        piece++
        offset = 0
      }
      offset += length
      if (length === 0 || piece >= pieceRaw.length || offset > pieceRaw[piece]!) throw reader.damaged('a chunk does not fit into its piece')
    }
    chunks += count
    samples += layouts.samples[layout]!
    if (pace.due(5 + count * 2)) await pace.breathe()
  }
  reader.finish()
  const isFull = pieceRaw.length === 0 || (piece === pieceRaw.length - 1 && offset === pieceRaw[piece])
  if (!isFull) throw reader.damaged('the chunks do not fill the pieces')
  if (chunks !== base.chunks || samples !== base.samples)
    throw reader.damaged(`${chunks} chunks of ${samples} samples, not ${base.chunks} of ${base.samples}`)
  return { rowAt, seriesLayout, seriesPiece, seriesOffset, rows: reader.bytes }
}
