import { type Column, type Columns, type Feature, type ModelSchema, widthOf } from '../../../../watch/contract.ts'
import type { PredictorBatch } from './predictor.ts'

/** Rows as a predictor is given them. */
export function toBatch(schema: ModelSchema, { rows, values }: Columns, deadlineMs: number | undefined): PredictorBatch {
  return {
    rows,
    columns: Object.fromEntries(schema.features.map(({ name }, f) => [name, values[f]])),
    deadlineMs,
    toRows: () =>
      Array.from({ length: rows }, (_, r) =>
        Object.fromEntries(schema.features.map((feature, f) => [feature.name, cell(feature, values[f]!, r)])),
      ),
  }
}

/** One row's value of one feature, as clients send it. */
function cell(feature: Feature, column: Column, row: number): unknown {
  const { shape, type, nullable } = feature
  if (shape !== undefined) {
    const width = widthOf(shape)
    return nest(
      Array.from((column as Float64Array).slice(row * width, (row + 1) * width), (value) => single(type, value)),
      shape,
    )
  }
  const value = column[row]
  return value === '' && !nullable ? value : single(type, value)
}

function single(type: Feature['type'], value: unknown): unknown {
  if (value === '' || Number.isNaN(value) || (value instanceof Uint8Array && value.length === 0)) return null
  return type === 'boolean' ? value === 1 : value
}

/** A flat list as lists of lists: the last dimension is the innermost. */
function nest(flat: readonly unknown[], [size, ...inner]: readonly number[]): unknown {
  if (size === undefined) return flat[0]
  if (inner.length === 0) return flat
  const step = flat.length / size
  return Array.from({ length: size }, (_, i) => nest(flat.slice(i * step, (i + 1) * step), inner))
}
