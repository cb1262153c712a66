import { type Column, type Feature, widthOf } from '../../../../watch/index.ts'
import { runtimeErrors } from '../errors.ts'
import { toBareInteger } from './json-text.ts'

/** The value of one row as JSON.stringify takes it. */
export type Cell = (column: Column, row: number) => unknown

/**
 * How a feature is written in JSON: numbers, true and false, strings, 64-bit integers as bare digits, pictures as base64, shapes as nested lists.
 * A value that is absent is null, and so is the empty string of a nullable category that does not list it.
 */
export function createCell({ type, shape, nullable, categories }: Feature): Cell {
  switch (type) {
    case 'number':
    case 'integer':
      return shape === undefined ? (column, row) => toNumber((column as Float64Array)[row]!) : nested(shape, toNumber)
    case 'boolean':
      return shape === undefined ? (column, row) => toBoolean((column as Float64Array)[row]!) : nested(shape, toBoolean)
    case 'int64':
    case 'uint64':
      return (column, row) => toBareInteger((column as BigInt64Array | BigUint64Array)[row]!)
    case 'image':
      return (column, row) => toBase64((column as readonly Uint8Array[])[row]!)
    case 'category':
      if (!nullable || categories?.includes('') === true) return (column, row) => column[row]
      return (column, row) => (column[row] === '' ? null : column[row])
  }
}

/** @throws MW_INPUT_UNFIT for an infinity, which JSON would carry as null. */
function toNumber(value: number): number | null {
  if (Number.isFinite(value)) return value
  if (Number.isNaN(value)) return null
  throw runtimeErrors.MW_INPUT_UNFIT(`${value} cannot be sent to the model: JSON has no infinity`)
}
const toBoolean = (value: number) => (Number.isNaN(value) ? null : value !== 0)

export function toBase64(bytes: Uint8Array): string | null {
  return bytes.length === 0 ? null : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64')
}

/** Null for the whole where it is absent: then all of its values are NaN, for a list that is sent has none. */
function nested(shape: readonly number[], write: (value: number) => unknown): Cell {
  const width = widthOf(shape)
  return (column, row) => {
    const values = column as Float64Array
    let at = row * width
    if (Number.isNaN(values[at]!)) return null
    const nest = (dimension: number): unknown[] =>
      Array.from({ length: shape[dimension]! }, () => (dimension + 1 === shape.length ? write(values[at++]!) : nest(dimension + 1)))
    return nest(0)
  }
}
