import { expect, test } from 'vitest'
import { type Column, joinColumns, sliceColumn, sliceRows, widthOf } from './columns.ts'

test.for<{ why: string; column: Column; middle: Column }>([
  { why: 'numbers', column: Float64Array.of(1, 2, 3), middle: Float64Array.of(2) },
  { why: 'two numbers a row', column: Float64Array.of(1, 2, 3, 4, 5, 6), middle: Float64Array.of(3, 4) },
  { why: 'wide integers', column: BigInt64Array.of(1n, -(2n ** 63n), 3n), middle: BigInt64Array.of(-(2n ** 63n)) },
  { why: 'unsigned ones', column: BigUint64Array.of(1n, 2n ** 64n - 1n, 3n), middle: BigUint64Array.of(2n ** 64n - 1n) },
  { why: 'text', column: ['a', 'b', 'c'], middle: ['b'] },
  {
    why: 'pictures, whose bytes stay apart',
    column: [Uint8Array.of(1, 2), Uint8Array.of(3), Uint8Array.of(4, 5)],
    middle: [Uint8Array.of(3)],
  },
])('three rows are cut and joined again: $why', ({ column, middle }) => {
  const parts = [0, 1, 2].map((row) => sliceColumn(column, 3, row, row + 1))
  expect(parts[1]).toEqual(middle)
  expect(joinColumns(parts)).toEqual(column)
  expect(sliceRows({ rows: 3, values: [column, column] }, 1, 2)).toEqual({ rows: 1, values: [middle, middle] })
  expect(sliceColumn(column, 3, 1, 1)).toHaveLength(0)
})

test('a slice is a copy: what becomes of one does not change the other', () => {
  const column = Float64Array.of(1, 2)
  const slice = sliceColumn(column, 2, 0, 1) as Float64Array
  slice[0] = 9
  expect(column[0]).toBe(1)
})

test('nothing has no kind, and no rows have no width', () => {
  expect(() => joinColumns([])).toThrow('no column')
  expect(sliceColumn(new Float64Array(0), 0, 0, 0)).toEqual(new Float64Array(0))
})

test.for([
  { shape: undefined, width: 1 },
  { shape: [6], width: 6 },
  { shape: [6, 1], width: 6 },
  { shape: [28, 28, 3], width: 2352 },
])('$shape has $width values a row', ({ shape, width }) => expect(widthOf(shape)).toBe(width))
