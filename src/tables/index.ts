import { constants } from 'node:fs'
import { access, stat } from 'node:fs/promises'
import { extname } from 'node:path'
import type { Table } from './contract.ts'
import { openCsv } from './csv.ts'
import { asUnreadable, tableErrors } from './errors.ts'
import { openParquet } from './parquet.ts'

export type { Cell, Table } from './contract.ts'
export { tableErrors } from './errors.ts'

/**
 * Opens a table by its file's ending: `.csv` or `.parquet`.
 * @throws MW_TABLE_UNREADABLE for another ending, a folder or another thing that is no file, or a file that cannot be opened;
 *   MW_TABLE_BROKEN for one that is damaged.
 */
export async function openTable(path: string): Promise<Table> {
  const open = { '.csv': openCsv, '.parquet': openParquet }[extname(path).toLowerCase()]
  if (open === undefined) throw tableErrors.MW_TABLE_UNREADABLE(`${path} is neither .csv nor .parquet`)
  try {
    const found = await stat(path)
    if (!found.isFile()) throw tableErrors.MW_TABLE_UNREADABLE(`${path} is ${found.isDirectory() ? 'a folder, not a file' : 'not a file'}`)
    await access(path, constants.R_OK)
    return await open(path, found.size)
  } catch (error) {
    throw asUnreadable(path, error) ?? error
  }
}

/**
 * Where the wanted columns stand.
 * @throws MW_TABLE_COLUMN_MISSING naming those that are missing and those that are there.
 */
export function locateColumns(path: string, table: Table, wanted: readonly string[]): number[] {
  const missing = wanted.filter((name) => !table.columns.includes(name))
  if (missing.length > 0) {
    const noun = missing.length === 1 ? 'the column' : 'the columns'
    throw tableErrors.MW_TABLE_COLUMN_MISSING(`${path} lacks ${noun} ${missing.join(', ')}; it has ${table.columns.join(', ')}`)
  }
  return wanted.map((name) => table.columns.indexOf(name))
}
