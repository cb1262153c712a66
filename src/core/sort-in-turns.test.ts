import fc from 'fast-check'
import { expect, test } from 'vitest'
import { sortInTurns } from './sort-in-turns.ts'

test('sorts as sort() does, equals in their order, however often it pauses', async () => {
  let pauses = 0
  let work = 0
  const pace = {
    due(units: number) {
      work += units
      return work % 3 === 0
    },
    breathe: async () => {
      pauses++
    },
  }
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 0, max: 5000 }), fc.integer(), async (count, seed) => {
      const items = Array.from({ length: count }, (_, i) => ({ i, key: Math.imul(i + seed, 0x9e37_79b1) >>> 22 }))
      const byKey = (a: { key: number }, b: { key: number }) => a.key - b.key
      const sorted = items.toSorted(byKey)
      await sortInTurns(items, byKey, pace)
      expect(items).toEqual(sorted)
    }),
    { numRuns: 30 },
  )
  expect(pauses).toBeGreaterThan(0)
})
