/** A cell as its file holds it: text in CSV; text, number, boolean or null in Parquet. */
export type Cell = string | number | bigint | boolean | null

/**
 * Rows of a file, in its order, some thousands at a time. A large file never stands in memory whole: of CSV one batch is held, of Parquet
 * one row group in its decoded columns, for that is the least its encoding can be read in. A Parquet file written as a single row group is
 * therefore decoded whole.
 */
export interface Table {
  readonly columns: readonly string[]
  /** Rows known beforehand, for a progress bar; undefined where the format does not say. */
  readonly rowCount: number | undefined
  /** Size of the file, and how much of it the batches handed out so far make up; it grows with every batch. */
  readonly sizeBytes: number
  readBytes(): number
  /**
   * At most `BATCH_ROWS_MAX` rows each, never none.
   * @throws MW_TABLE_BROKEN for a damaged file, MW_TABLE_UNREADABLE when the disk fails.
   */
  batches(): AsyncIterable<readonly (readonly Cell[])[]>
}

export const BATCH_ROWS_MAX = 4096
