import type { Columns, Feature, ModelSchema } from '../../../../watch/index.ts'

/** One row that the schema allows: for each feature the lowest value, the first category, or false. */
export function probeColumns(schema: ModelSchema): Columns {
  return { rows: 1, values: schema.features.map(probe) }
}

function probe(feature: Feature): Float64Array | string[] {
  if (feature.type === 'category') return [feature.categories?.[0] ?? '']
  return Float64Array.of(feature.range?.[0] ?? 0)
}
