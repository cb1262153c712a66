import type { Column, Columns } from './columns.ts'

const BLOCK_ROWS = 128

/**
 * Single rows, laid side by side until there is a block of them. Between two requests a processor does so much else that it has forgotten edges, counts and
 * branches: a row counted by itself costs some ten times what it costs among a hundred.
 */
export class RowBlock {
  #columns: readonly (Float64Array | string[])[] | undefined
  #rows = 0

  get isFull(): boolean {
    return this.#rows === BLOCK_ROWS
  }

  /**
   * Copies one row, while the block is not full.
   * @param values - By feature or output, of the same kinds each time.
   * @returns false where it is not one row of numbers and texts alone: pictures are not held, and many rows are a block already.
   */
  add(values: readonly Column[]): boolean {
    this.#columns ??= values.map((column) =>
      column instanceof Float64Array ? new Float64Array(BLOCK_ROWS) : new Array(BLOCK_ROWS).fill(''),
    )
    for (let f = 0; f < values.length; f++) {
      const column = values[f]!
      if (column.length !== 1) return false
      const value = column[0]!
      if (typeof value !== 'number' && typeof value !== 'string') return false
      this.#columns[f]![this.#rows] = value
    }
    this.#rows++
    return true
  }

  /** The rows so far, good until the next is added; the block is empty then. */
  take(): Columns {
    const rows = this.#rows
    this.#rows = 0
    return { rows, values: (this.#columns ?? []).map((column) => (rows === BLOCK_ROWS ? column : sliced(column, rows))) }
  }
}

const sliced = (column: Float64Array | string[], rows: number) =>
  column instanceof Float64Array ? column.subarray(0, rows) : column.slice(0, rows)
