import type { Column, Columns } from './columns.ts'
import { Findings, type FoundFaults } from './findings.ts'
import { compileImageReader } from './read-images.ts'
import { compileScalarReader } from './read-scalars.ts'
import { compileShapeReader } from './read-shapes.ts'
import { compileWideReader } from './read-wide.ts'
import type { Feature, ModelSchema } from './schema.ts'

/** Rows as columns, and what was wrong with them. */
export interface ReadRows extends FoundFaults {
  readonly columns: Columns
}

/** Reads one feature of all rows into its column. */
export type FeatureReader = (rows: readonly unknown[], found: Findings) => Column

/**
 * Compiles a model's schema into the reader of its rows: checks every value, and lays them out as columns for the model and for the bins.
 * Nothing is coerced: null, "1", NaN, an unknown or a missing field never becomes a number.
 */
export function compileRowReader(schema: ModelSchema): (rows: readonly unknown[]) => ReadRows {
  const { features } = schema
  const names = new Set(features.map(({ name }) => name))
  const readers = features.map(compileReader)

  return (rows) => {
    const found = new Findings(features)
    const values = readers.map((read) => read(rows, found))
    for (let r = 0; r < rows.length; r++) found.checkFields(r, rows[r], names)
    return { columns: { rows: rows.length, values }, ...found.result() }
  }
}

function compileReader(feature: Feature, index: number): FeatureReader {
  if (feature.type === 'int64' || feature.type === 'uint64') return compileWideReader(feature, index)
  if (feature.type === 'image') return compileImageReader(feature, index)
  return feature.shape === undefined ? compileScalarReader(feature, index) : compileShapeReader(feature, feature.shape, index)
}
