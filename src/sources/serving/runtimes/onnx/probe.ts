import { type Column, type Columns, type Feature, type ModelSchema, widthOf } from '../../../../watch/contract.ts'

/** One row that the schema allows: for each feature the lowest value, the first category, or false; of a feature with a shape, that many. */
export function probeColumns(schema: ModelSchema): Columns {
  return { rows: 1, values: schema.features.map(probe) }
}

function probe(feature: Feature): Column {
  switch (feature.type) {
    case 'category':
      return [feature.categories?.[0] ?? '']
    case 'int64':
      return new BigInt64Array(1)
    case 'uint64':
      return new BigUint64Array(1)
    case 'image':
      return [new Uint8Array(0)]
    default:
      return new Float64Array(widthOf(feature.shape)).fill(feature.range?.[0] ?? 0)
  }
}
