import type { Column } from './columns.ts'
import { type Findings, isRow } from './findings.ts'

/**
 * The values of one feature as a tensor carries them: the value of row r stands at `start + r · step`, and where the feature has a shape, the rest of
 * the row's values behind it. A Float64Array holds numbers, the others 64-bit integers; a list holds what JSON can say, and bytes of pictures.
 */
export interface FeatureValues {
  readonly data: Float64Array | BigInt64Array | BigUint64Array | readonly unknown[]
  readonly start: number
  /** At least as many values as a row has. */
  readonly step: number
}

/** Reads one feature of all rows into its column, and tells what is wrong with it. */
export interface FeatureReader {
  /** From the fields of objects. */
  rows(rows: readonly unknown[], found: Findings): Column
  /** From a tensor, with the findings that rows of the same values would give. @param values - undefined: the feature is absent. */
  values(count: number, values: FeatureValues | undefined, found: Findings): Column
}

/** How the values of one type are read. */
export interface ValueKind<C extends Column> {
  /** A column of so many rows in which nothing was read yet. */
  empty(rows: number): C
  /** Puts a value into its place and tells what is wrong with it. @returns false where there is none, or one of another type; in its place stands what says so. */
  take(value: unknown, row: number, column: C, found: Findings): boolean
  /** The column at once, where nothing is wrong with any value; undefined: look at each. */
  whole?(count: number, values: FeatureValues): C | undefined
  /** The value of one row; that at its place where left out. */
  at?(data: FeatureValues['data'], place: number): unknown
}

/** @param f - The feature's place in the schema. */
export function createFeatureReader<C extends Column>(name: string, f: number, kind: ValueKind<C>): FeatureReader {
  const at = kind.at ?? ((data, place) => data[place])
  return {
    rows(rows, found) {
      const column = kind.empty(rows.length)
      for (let r = 0; r < rows.length; r++) {
        const row = rows[r]
        if (!kind.take(isRow(row) ? row[name] : undefined, r, column, found)) found.unread(r, f, rows)
      }
      return column
    },
    values(count, values, found) {
      const whole = values === undefined ? undefined : kind.whole?.(count, values)
      if (whole !== undefined) return whole
      const column = kind.empty(count)
      for (let r = 0; r < count; r++) {
        const value = values === undefined ? undefined : at(values.data, values.start + r * values.step)
        if (!kind.take(value, r, column, found)) found.unreadValue(r, f, value)
      }
      return column
    },
  }
}
