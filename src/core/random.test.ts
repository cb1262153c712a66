import { expect, test } from 'vitest'
import { createRandom, shuffled } from './random.ts'

test('a seed fixes the order, and another seed is another order', () => {
  const items = Array.from({ length: 50 }, (_, i) => i)
  const once = shuffled(items, createRandom(7))
  expect(shuffled(items, createRandom(7))).toEqual(once)
  expect(shuffled(items, createRandom(8))).not.toEqual(once)
  expect([...once].sort((a, b) => a - b)).toEqual(items)
})

test('numbers lie in [0, 1) and fill it evenly', () => {
  const random = createRandom(1)
  const tenths = new Array<number>(10).fill(0)
  for (let i = 0; i < 10_000; i++) tenths[Math.floor(random() * 10)]! += 1
  for (const count of tenths) expect(Math.abs(count - 1000)).toBeLessThan(150) // five standard deviations
})
