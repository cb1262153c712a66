import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createRowOrder } from './row-order.ts'

const rows = Array.from({ length: 20 }, (_, i) => i)
const pass = (rowAt: (n: number) => number, p: number) => rows.map((i) => rowAt(p * rows.length + i))

test('the order of the file, over and over', () => {
  const rowAt = createRowOrder(rows, 'file', 1)
  expect([...pass(rowAt, 0), ...pass(rowAt, 1)]).toEqual([...rows, ...rows])
})

test('shuffled: every pass has each row once, in an order of its own that the seed gives again', () => {
  const [rowAt, again, other] = [createRowOrder(rows, 'random', 1), createRowOrder(rows, 'random', 1), createRowOrder(rows, 'random', 2)]
  const passes = [0, 1, 2].map((p) => pass(rowAt, p))
  for (const one of passes) expect([...one].sort((a, b) => a - b)).toEqual(rows)
  expect(new Set(passes.map(String)).size).toBe(3)
  expect([0, 1, 2].map((p) => pass(again, p))).toEqual(passes)
  expect(pass(other, 0)).not.toEqual(passes[0])
})

test('rows that are passed over change nothing in those that follow', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 1e9 }), { maxLength: 20 }), (places) => {
      const straight = createRowOrder(rows, 'random', 7)
      const rising = places.sort((a, b) => a - b)
      expect(rising.map(createRowOrder(rows, 'random', 7))).toEqual(rising.map((n) => straight(n)))
      for (const n of rising) expect(createRowOrder(rows, 'random', 7)(n)).toBe(straight(n))
    }),
  )
})
