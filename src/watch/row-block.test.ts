import { expect, test } from 'vitest'
import { RowBlock } from './row-block.ts'

test('nothing was added', () => {
  const block = new RowBlock()
  expect(block.isFull).toBe(false)
  expect(block.take()).toEqual({ rows: 0, values: [] })
})

test('rows side by side, in their order, and again from empty', () => {
  const block = new RowBlock()
  for (const [n, word] of [
    [1, 'a'],
    [Number.NaN, ''],
    [3, 'c'],
  ] as const)
    expect(block.add([Float64Array.of(n), [word]])).toBe(true)
  expect(block.take()).toEqual({ rows: 3, values: [Float64Array.of(1, Number.NaN, 3), ['a', '', 'c']] })
  expect(block.take()).toEqual({ rows: 0, values: [new Float64Array(0), []] })
  block.add([Float64Array.of(4), ['d']])
  expect(block.take()).toEqual({ rows: 1, values: [Float64Array.of(4), ['d']] })
})

test('full after 128, and whole', () => {
  const block = new RowBlock()
  let rows = 0
  while (!block.isFull) block.add([Float64Array.of(rows++)])
  expect(rows).toBe(128)
  expect(block.take()).toEqual({ rows: 128, values: [Float64Array.from({ length: 128 }, (_, r) => r)] })
  expect(block.isFull).toBe(false)
})

test.for([
  { why: 'many rows', values: [Float64Array.of(1, 2), ['a', 'b']] },
  { why: 'no row', values: [new Float64Array(0), []] },
  { why: 'a shape', values: [Float64Array.of(1), Float64Array.of(1, 2)] },
  { why: 'a 64-bit integer', values: [Float64Array.of(1), BigInt64Array.of(1n)] },
  { why: 'a picture', values: [Float64Array.of(1), [Uint8Array.of(1)]] },
])('$why: not kept, and nothing of it is left', ({ values }) => {
  const block = new RowBlock()
  expect(block.add(values)).toBe(false)
  expect(block.take().rows).toBe(0)
})
