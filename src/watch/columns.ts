import { zerosOf } from './slab.ts'

/**
 * Values of one feature or output, row by row; where it has a shape, a row's values stand one after the other, in row-major order.
 * Numbers, integers and booleans (0 or 1) are a Float64Array, 64-bit integers a BigInt64Array or BigUint64Array, categories and text strings,
 * pictures the bytes of their files, each in an ArrayBuffer of its own.
 */
export type Column = Float64Array | BigInt64Array | BigUint64Array | readonly string[] | readonly Uint8Array[]

/** Rows as columns. */
export interface Columns {
  readonly rows: number
  /**
   * One column per feature, in the schema's order, of rows × width values. A value that is absent or unreadable is NaN among numbers, '' among
   * categories, a picture of no bytes among pictures; 64-bit integers have no such value, and are never absent in a row that may be served.
   */
  readonly values: readonly Column[]
}

/** How many values a row has of a feature or output of this shape: the product of its lengths, 1 without a shape. */
export function widthOf(shape: readonly number[] | undefined): number {
  return shape === undefined ? 1 : shape.reduce((product, length) => product * length, 1)
}

/**
 * Some of the rows, in columns of their own.
 * @param from - The first row.
 * @param to - The row after the last one.
 */
export function sliceRows({ rows, values }: Columns, from: number, to: number): Columns {
  return { rows: to - from, values: values.map((column) => sliceColumn(column, rows, from, to)) }
}

/** Some rows of one column that holds `rows` of them, in a column of their own. */
export function sliceColumn(column: Column, rows: number, from: number, to: number): Column {
  const width = rows === 0 ? 0 : column.length / rows
  if (!(column instanceof Float64Array)) return column.slice(from * width, to * width)
  const own = zeros((to - from) * width)
  put(own, 0, column, from * width, to * width)
  return own
}

/** A column of numbers, all zero. */
export const zeros = (length: number): Float64Array => zerosOf(Float64Array, length)

/**
 * Columns of the same kind, one behind the other.
 * @param parts - At least one, for an empty list has no kind.
 */
export function joinColumns(parts: readonly Column[]): Column {
  const first = parts[0]
  if (first === undefined) throw new Error('joinColumns: no column')
  if (parts.length === 1) return first
  let length = 0
  for (const part of parts) length += part.length
  if (first instanceof Float64Array) return fill(zeros(length), parts as readonly Float64Array[])
  if (first instanceof BigInt64Array) return fill(zerosOf(BigInt64Array, length), parts as readonly BigInt64Array[])
  if (first instanceof BigUint64Array) return fill(zerosOf(BigUint64Array, length), parts as readonly BigUint64Array[])
  return (parts as readonly (readonly string[])[]).flat()
}

function fill<T extends Float64Array | BigInt64Array | BigUint64Array>(whole: T, parts: readonly T[]): T {
  let at = 0
  for (const part of parts) {
    put(whole, at, part, 0, part.length)
    at += part.length
  }
  return whole
}

/** Below this a loop is quicker than `set`. */
const SET_LENGTH_MIN = 16

function put<T extends Float64Array | BigInt64Array | BigUint64Array>(whole: T, at: number, part: T, from: number, to: number): void {
  if (to - from < SET_LENGTH_MIN) for (let i = from; i < to; i++) whole[at + i - from] = part[i]!
  else whole.set(part.subarray(from, to) as never, at)
}
