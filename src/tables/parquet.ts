import { stat } from 'node:fs/promises'
import { brotliDecompressSync, gunzipSync, zstdDecompressSync } from 'node:zlib'
import { type AsyncBuffer, type Compressors, type FileMetaData, parquetMetadataAsync, parquetRead, parquetSchema } from 'hyparquet'
import { asyncBufferFromFile } from 'hyparquet/src/node.js'
import { messageOf } from '../core/errors.ts'
import type { Cell, Table } from './contract.ts'
import { tableErrors } from './errors.ts'

/** What the reader does not bring itself, Node does. */
const compressors: Compressors = {
  GZIP: (input) => gunzipSync(input),
  ZSTD: (input) => zstdDecompressSync(input),
  BROTLI: (input) => brotliDecompressSync(input),
}

/**
 * Opens a Parquet file of flat columns; rows come a row group at a time.
 * @throws MW_TABLE_BROKEN when it is not Parquet, or half written (the footer is written last).
 */
export async function openParquet(path: string): Promise<Table> {
  const { size } = await stat(path)
  const { file, metadata } = await readFooter(path)
  const columns = parquetSchema(metadata).children.map(({ element }) => element.name)
  let read = 0
  return {
    columns,
    rowCount: Number(metadata.num_rows),
    sizeBytes: size,
    readBytes: () => read,
    async *batches() {
      let rowStart = 0
      for (const group of metadata.row_groups) {
        const rowEnd = rowStart + Number(group.num_rows)
        const rows = await readRows(path, { file, metadata, rowStart, rowEnd })
        read += Number(group.total_compressed_size ?? group.total_byte_size)
        yield rows.map((row) => row.map(toCell))
        rowStart = rowEnd
      }
      read = size
    },
  }
}

async function readFooter(path: string): Promise<{ file: AsyncBuffer; metadata: FileMetaData }> {
  try {
    const file = await asyncBufferFromFile(path)
    return { file, metadata: await parquetMetadataAsync(file) }
  } catch (error) {
    throw tableErrors.MW_TABLE_BROKEN(`${path} is not a whole Parquet file: ${messageOf(error)}`, { cause: error })
  }
}

async function readRows(
  path: string,
  part: { file: AsyncBuffer; metadata: FileMetaData; rowStart: number; rowEnd: number },
): Promise<unknown[][]> {
  let rows: unknown[][] = []
  try {
    await parquetRead({
      ...part,
      compressors,
      onComplete: (complete) => {
        rows = complete
      },
    })
  } catch (error) {
    throw tableErrors.MW_TABLE_BROKEN(`${path}: rows ${part.rowStart} to ${part.rowEnd}: ${messageOf(error)}`, { cause: error })
  }
  return rows
}

/** Dates become ISO text; nested values their JSON, which no feature accepts, so that the error shows what stood there. */
function toCell(value: unknown): Cell {
  if (value === undefined || value === null) return null
  if (value instanceof Date) return value.toISOString()
  return typeof value === 'object' ? JSON.stringify(value) : (value as Cell)
}
