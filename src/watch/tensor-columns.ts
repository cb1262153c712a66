import type { FeatureValues } from './feature-reader.ts'
import { Findings } from './findings.ts'
import { compileFeatureReaders } from './read-features.ts'
import type { ReadRows } from './rows.ts'
import type { ModelSchema } from './schema.ts'

/**
 * Compiles a model's schema into the reader of its tensors: what `compileRowReader` does, with the same columns, faults and counts as for rows of the same
 * values, and no row made.
 * @returns a function of the number of rows, and the values of each feature in the schema's order; undefined for one that is absent. The columns are new ones.
 */
export function compileColumnReader(schema: ModelSchema): (count: number, values: readonly (FeatureValues | undefined)[]) => ReadRows {
  const { features } = schema
  const readers = compileFeatureReaders(features)
  return (count, given) => {
    const found = new Findings(features)
    const values = readers.map((reader, f) => reader.values(count, given[f], found))
    return { columns: { rows: count, values }, ...found.result() }
  }
}
