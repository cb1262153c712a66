import type { Columns } from './columns.ts'
import { Findings, type FoundFaults, isRow } from './findings.ts'
import { compileFeatureReaders } from './read-features.ts'
import type { Feature, ModelSchema } from './schema.ts'

/** Rows as columns, and what was wrong with them. */
export interface ReadRows extends FoundFaults {
  readonly columns: Columns
}

/**
 * Compiles a model's schema into the reader of its rows: checks every value, and lays them out as columns for the model and for the bins.
 * Nothing is coerced: null, "1", NaN, an unknown or a missing field never becomes a number.
 */
export function compileRowReader(schema: ModelSchema): (rows: readonly unknown[]) => ReadRows {
  const { features } = schema
  const names = new Set(features.map(({ name }) => name))
  const readers = compileFeatureReaders(features)
  const toKnown = compileKnownFields(features, names)

  return (rows) => {
    const found = new Findings(features)
    const { known, strangers } = toKnown(rows)
    const values = readers.map((reader) => reader.rows(known, found))
    for (const r of strangers) if (!found.unknownFields(r, rows[r] as object, names)) break
    return { columns: { rows: rows.length, values }, ...found.result() }
  }
}

/**
 * Takes unknown fields out of the rows that have any, and tells which these are. A row with fields of its own making has a hidden class of its own, and
 * so each look at one of its fields by name costs a microsecond, not some nanoseconds: 10,000 such rows, which are refused anyway, would stop the event loop
 * for a quarter of a second. What they have in common with the model is therefore copied to objects that are all alike.
 */
function compileKnownFields(features: readonly Feature[], names: ReadonlySet<string>) {
  const template: Readonly<Record<string, unknown>> = Object.fromEntries(features.map(({ name }) => [name, undefined]))

  return (rows: readonly unknown[]): { known: readonly unknown[]; strangers: readonly number[] } => {
    let known: unknown[] | undefined
    const strangers: number[] = []
    for (let r = 0; r < rows.length; r++) {
      const row = rows[r]
      if (!isRow(row) || !hasUnknown(row, names)) continue
      known ??= rows.slice()
      strangers.push(r)
      const copy: Record<string, unknown> = { ...template }
      for (const field in row) if (names.has(field)) copy[field] = row[field]
      known[r] = copy
    }
    return { known: known ?? rows, strangers }
  }
}

function hasUnknown(row: object, names: ReadonlySet<string>): boolean {
  for (const field in row) if (!names.has(field)) return true
  return false
}
