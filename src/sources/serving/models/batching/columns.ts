import { type Column, type Columns, joinColumns, sliceColumn } from '../../../../watch/index.ts'

/** Rows of a request that go into one call. */
export interface RowRange {
  readonly columns: Columns
  readonly from: number
  /** The row after the last one. */
  readonly to: number
}

/**
 * The rows of several requests as the columns of one call, in their order; the request's own columns where it is one, whole.
 * @param parts - At least one.
 */
export function concatRows(parts: readonly RowRange[]): Columns {
  const first = parts[0]!
  if (parts.length === 1 && first.to - first.from === first.columns.rows) return first.columns
  let rows = 0
  for (const { from, to } of parts) rows += to - from
  const cut = new Array<Column>(parts.length) // One for all features: sixteen rows of eleven are the usual call.
  const values = first.columns.values.map((_, f) => {
    for (let p = 0; p < parts.length; p++) {
      const { columns, from, to } = parts[p]!
      cut[p] = cutColumn(columns.values[f]!, columns.rows, from, to)
    }
    return joinColumns(cut)
  })
  return { rows, values }
}

/** Some rows of one column that holds `rows` of them; the column itself where that is all of it. */
export function cutColumn(column: Column, rows: number, from: number, to: number): Column {
  return to - from === rows ? column : sliceColumn(column, rows, from, to)
}
