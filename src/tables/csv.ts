import { createReadStream, type ReadStream } from 'node:fs'
import { pipeline } from 'node:stream'
import { type Options, type Parser, parse } from 'csv-parse'
import { messageOf } from '../core/errors.ts'
import { BATCH_ROWS_MAX, type Cell, type Table } from './contract.ts'
import { asUnreadable, refuseRepeated, tableErrors } from './errors.ts'

/** Longest line; a quote that is never closed would otherwise gather the whole file. */
const LINE_BYTES_MAX = 10_000_000

/**
 * Opens a CSV file: comma separated, quoted as RFC 4180 says, UTF-8 with or without a mark, the first line names the columns.
 * An empty line is skipped, save in a file of one column, where it is a missing value.
 * @param sizeBytes - Of the file.
 * @throws MW_TABLE_UNREADABLE when it cannot be opened or has no header; MW_TABLE_BROKEN naming the line, for a row with another number of cells.
 */
export async function openCsv(path: string, sizeBytes: number): Promise<Table> {
  const columns = await readHeader(path)
  let read = 0
  return {
    columns,
    rowCount: undefined,
    sizeBytes,
    readBytes: () => read,
    async *batches() {
      const { stream, parser } = startParser(path, {
        from_line: 2,
        skip_empty_lines: columns.length > 1,
        columns: false,
        relax_column_count: true,
        info: true,
      })
      let batch: Cell[][] = []
      try {
        for await (const { record, info } of parser as AsyncIterable<{ record: string[]; info: { lines: number } }>) {
          if (record.length !== columns.length) {
            throw tableErrors.MW_TABLE_BROKEN(`${path}:${info.lines}: has ${record.length} cells, the header has ${columns.length}`)
          }
          batch.push(record)
          if (batch.length < BATCH_ROWS_MAX) continue
          read = stream.bytesRead
          yield batch
          batch = []
        }
      } catch (error) {
        throw inOurWords(path, error)
      }
      read = sizeBytes
      if (batch.length > 0) yield batch
    },
  }
}

/** Reads while the parser is iterated. `pipeline`, not `pipe`: an error of the file reaches the parser, and a parser left early lets go of the file. */
function startParser(path: string, options: Options): { stream: ReadStream; parser: Parser } {
  const stream = createReadStream(path)
  const parser = pipeline(stream, parse({ bom: true, max_record_size: LINE_BYTES_MAX, ...options }), () => {}) // Told where it is iterated.
  return { stream, parser }
}

/** What the CSV parser refuses is a broken file, what the disk refuses an unreadable one; anything else stays what it is. */
function inOurWords(path: string, error: unknown): unknown {
  const fromParser = (error as { code?: string }).code?.startsWith('CSV_') === true
  return fromParser ? tableErrors.MW_TABLE_BROKEN(`${path}: ${messageOf(error)}`, { cause: error }) : (asUnreadable(path, error) ?? error)
}

async function readHeader(path: string): Promise<readonly string[]> {
  const { parser } = startParser(path, { to_line: 1 })
  try {
    for await (const record of parser as AsyncIterable<string[]>) {
      if (record.length === 1 && record[0]!.trim() === '') break
      return refuseRepeated(`${path}:1`, record)
    }
  } catch (error) {
    throw inOurWords(path, error)
  }
  throw tableErrors.MW_TABLE_UNREADABLE(`${path} begins with no header: the first line must name the columns`)
}
