import { brotliDecompressSync, gunzipSync, zstdDecompressSync } from 'node:zlib'
import {
  type AsyncBuffer,
  type ColumnData,
  type Compressors,
  type FileMetaData,
  parquetMetadataAsync,
  parquetRead,
  parquetSchema,
} from 'hyparquet'
import { asyncBufferFromFile } from 'hyparquet/src/node.js'
import { messageOf } from '../core/errors.ts'
import { BATCH_ROWS_MAX, type Cell, type Table } from './contract.ts'
import { asUnreadable, refuseRepeated, tableErrors } from './errors.ts'

/** What the reader does not bring itself, Node does. */
const compressors: Compressors = {
  GZIP: (input) => gunzipSync(input),
  ZSTD: (input) => zstdDecompressSync(input),
  BROTLI: (input) => brotliDecompressSync(input),
}

/**
 * Opens a Parquet file of flat columns. A row group is decoded at a time, and stays in columns: numbers take eight bytes there, where rows of
 * cells would take many times that; rows are made of it a batch at a time.
 * @param sizeBytes - Of the file.
 * @throws MW_TABLE_BROKEN when it is not Parquet, or half written (the footer is written last).
 */
export async function openParquet(path: string, sizeBytes: number): Promise<Table> {
  const { file, metadata } = await readFooter(path)
  const columns = refuseRepeated(
    path,
    parquetSchema(metadata).children.map(({ element }) => element.name),
  )
  let read = 0
  return {
    columns,
    rowCount: Number(metadata.num_rows),
    sizeBytes,
    readBytes: () => read,
    async *batches() {
      let [groupStart, groupStartBytes] = [0, 0]
      for (const group of metadata.row_groups) {
        const groupEnd = groupStart + Number(group.num_rows)
        const groupBytes = Number(group.total_compressed_size ?? group.total_byte_size)
        const chunks = await readColumns(path, columns, { file, metadata, rowStart: groupStart, rowEnd: groupEnd })
        for (let from = groupStart; from < groupEnd; from += BATCH_ROWS_MAX) {
          const to = Math.min(groupEnd, from + BATCH_ROWS_MAX)
          read = groupStartBytes + groupBytes * ((to - groupStart) / (groupEnd - groupStart))
          if (to === Number(metadata.num_rows)) read = sizeBytes // Footer and indexes belong to no group.
          yield toRows(chunks, from, to)
        }
        groupStart = groupEnd
        groupStartBytes += groupBytes
      }
      read = sizeBytes
    },
  }
}

async function readFooter(path: string): Promise<{ file: AsyncBuffer; metadata: FileMetaData }> {
  try {
    const file = await asyncBufferFromFile(path)
    return { file, metadata: await parquetMetadataAsync(file) }
  } catch (error) {
    throw (
      asUnreadable(path, error) ?? tableErrors.MW_TABLE_BROKEN(`${path} is not a whole Parquet file: ${messageOf(error)}`, { cause: error })
    )
  }
}

/** A run of one column's values. */
interface Piece {
  readonly rowStart: number
  /** Exclusive. */
  readonly rowEnd: number
  readonly values: ColumnData['columnData']
  /** 1 where there is no value; undefined where `values` themselves say so. */
  readonly absent: Uint8Array | undefined
}

/**
 * Decodes a row group, one column after the other, so that only one stands in memory as the decoder left it.
 * @returns for each column its pieces, in the order of rows.
 */
async function readColumns(
  path: string,
  columns: readonly string[],
  part: { file: AsyncBuffer; metadata: FileMetaData; rowStart: number; rowEnd: number },
): Promise<Piece[][]> {
  const where = `${path}: rows ${part.rowStart + 1} to ${part.rowEnd}`
  const group: Piece[][] = []
  for (const name of columns) {
    const pieces: Piece[] = []
    try {
      await parquetRead({ ...part, columns: [name], compressors, onChunk: (chunk) => pieces.push(compact(chunk)) })
    } catch (error) {
      throw asUnreadable(path, error) ?? tableErrors.MW_TABLE_BROKEN(`${where}: ${messageOf(error)}`, { cause: error })
    }
    const rows = pieces.reduce((sum, { rowStart, rowEnd }) => sum + rowEnd - rowStart, 0)
    const wanted = part.rowEnd - part.rowStart
    if (rows !== wanted) throw tableErrors.MW_TABLE_BROKEN(`${where}: the column ${name} holds ${rows} values, not ${wanted}`)
    group.push(pieces)
  }
  return group
}

/** Numbers with gaps come as a list of objects, three times as large as they need to be. */
function compact({ columnData, rowStart, rowEnd }: ColumnData): Piece {
  const piece = { rowStart, rowEnd, values: columnData, absent: undefined }
  if (!Array.isArray(columnData)) return piece
  const numbers = new Float64Array(columnData.length)
  const absent = new Uint8Array(columnData.length)
  for (const [i, value] of columnData.entries()) {
    if (typeof value === 'number') numbers[i] = value
    else if (value === null || value === undefined) absent[i] = 1
    else return piece
  }
  return { ...piece, values: numbers, absent }
}

function toRows(columns: readonly (readonly Piece[])[], from: number, to: number): Cell[][] {
  const rows = Array.from({ length: to - from }, () => new Array<Cell>(columns.length))
  for (const [c, pieces] of columns.entries()) {
    for (const { values, absent, rowStart, rowEnd } of pieces) {
      for (let r = Math.max(from, rowStart); r < Math.min(to, rowEnd); r++)
        rows[r - from]![c] = absent?.[r - rowStart] === 1 ? null : toCell(values[r - rowStart])
    }
  }
  return rows
}

/** Dates become ISO text; nested values their JSON, which no feature accepts, so that the error shows what stood there. */
function toCell(value: unknown): Cell {
  if (value === undefined || value === null) return null
  if (value instanceof Date) return value.toISOString()
  return typeof value === 'object' ? JSON.stringify(value) : (value as Cell)
}
