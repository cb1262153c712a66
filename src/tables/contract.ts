/** A cell as its file holds it: text in CSV; text, number, boolean or null in Parquet. */
export type Cell = string | number | bigint | boolean | null

/** Rows of a file, in its order, some thousands at a time, so that a large file never stands in memory whole. */
export interface Table {
  readonly columns: readonly string[]
  /** Rows known beforehand, for a progress bar; undefined where the format does not say. */
  readonly rowCount: number | undefined
  /** Size of the file, and how much of it was read so far. */
  readonly sizeBytes: number
  readBytes(): number
  batches(): AsyncIterable<readonly (readonly Cell[])[]>
}
