import { access } from 'node:fs/promises'
import { extname } from 'node:path'
import type { Table } from './contract.ts'
import { openCsv } from './csv.ts'
import { tableErrors } from './errors.ts'
import { openParquet } from './parquet.ts'

export type { Cell, Table } from './contract.ts'
export { tableErrors } from './errors.ts'

/**
 * Opens a table by its file's ending: `.csv` or `.parquet`.
 * @throws MW_TABLE_UNREADABLE for another ending or a file that cannot be opened; MW_TABLE_BROKEN for one that is damaged.
 */
export async function openTable(path: string): Promise<Table> {
  const open = { '.csv': openCsv, '.parquet': openParquet }[extname(path).toLowerCase()]
  if (open === undefined) throw tableErrors.MW_TABLE_UNREADABLE(`${path} is neither .csv nor .parquet`)
  try {
    await access(path)
  } catch (error) {
    throw tableErrors.MW_TABLE_UNREADABLE(`${path} cannot be opened`, { cause: error })
  }
  return open(path)
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
