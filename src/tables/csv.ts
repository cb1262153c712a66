import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { parse } from 'csv-parse'
import { messageOf } from '../core/errors.ts'
import type { Cell, Table } from './contract.ts'
import { tableErrors } from './errors.ts'

const BATCH_ROWS = 4096
/** Longest line; a quote that is never closed would otherwise gather the whole file. */
const LINE_BYTES_MAX = 10_000_000

/**
 * Opens a CSV file: comma separated, quoted as RFC 4180 says, UTF-8 with or without a mark, the first line names the columns.
 * @throws MW_TABLE_UNREADABLE when it cannot be opened or has no header; MW_TABLE_BROKEN naming the line, for a row with another number of cells.
 */
export async function openCsv(path: string): Promise<Table> {
  const { size } = await stat(path)
  const columns = await readHeader(path)
  let read = 0
  return {
    columns,
    rowCount: undefined,
    sizeBytes: size,
    readBytes: () => read,
    async *batches() {
      const stream = createReadStream(path)
      const parser = parse({
        bom: true,
        from_line: 2,
        skip_empty_lines: true,
        max_record_size: LINE_BYTES_MAX,
        columns: false,
        relax_column_count: true,
        info: true,
      })
      stream.on('error', (error) => parser.destroy(error)) // `pipe` does not hand errors on.
      stream.pipe(parser)
      let batch: Cell[][] = []
      try {
        for await (const { record, info } of parser as AsyncIterable<{ record: string[]; info: { lines: number } }>) {
          if (record.length !== columns.length) {
            throw tableErrors.MW_TABLE_BROKEN(`${path}:${info.lines}: has ${record.length} cells, the header has ${columns.length}`)
          }
          batch.push(record)
          if (batch.length < BATCH_ROWS) continue
          read = stream.bytesRead
          yield batch
          batch = []
        }
      } catch (error) {
        throw inOurWords(path, error)
      } finally {
        stream.destroy()
      }
      read = size
      if (batch.length > 0) yield batch
    },
  }
}

/** What the CSV parser refuses is a broken file; anything else, such as a disk error, stays what it is. */
function inOurWords(path: string, error: unknown): unknown {
  const fromParser = (error as { code?: string }).code?.startsWith('CSV_') === true
  return fromParser ? tableErrors.MW_TABLE_BROKEN(`${path}: ${messageOf(error)}`, { cause: error }) : error
}

async function readHeader(path: string): Promise<string[]> {
  const stream = createReadStream(path)
  const parser = stream.pipe(parse({ bom: true, to_line: 1, max_record_size: LINE_BYTES_MAX }))
  try {
    for await (const record of parser as AsyncIterable<string[]>) return checkHeader(path, record)
  } catch (error) {
    throw inOurWords(path, error)
  } finally {
    stream.destroy()
  }
  throw tableErrors.MW_TABLE_UNREADABLE(`${path} is empty: the first line must name the columns`)
}

function checkHeader(path: string, columns: string[]): string[] {
  const repeated = columns.find((name, i) => columns.indexOf(name) !== i)
  if (repeated !== undefined) throw tableErrors.MW_TABLE_UNREADABLE(`${path}:1: the column ${repeated} stands twice`)
  return columns
}
