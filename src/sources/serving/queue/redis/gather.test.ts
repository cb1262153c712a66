import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Gather } from './gather.ts'

const limits = { itemsMax: 3, weightMax: 10, weightOf: (item: number) => item, runsMax: 1 }

test.for([
  { why: 'alone', items: [1], runs: [[1]] },
  { why: 'so many at a time', items: [1, 1, 1, 1], runs: [[1, 1, 1], [1]] },
  { why: 'so heavy at a time', items: [6, 4, 1], runs: [[6, 4], [1]] },
  { why: 'too heavy goes alone', items: [1, 50, 1], runs: [[1], [50], [1]] },
])('$why', async ({ items, runs }) => {
  const seen: (readonly number[])[] = []
  const gather = new Gather(limits, async (batch: readonly number[]) => {
    seen.push(batch)
    return batch.map((item) => item * 2)
  })
  expect(await Promise.all(items.map((item) => gather.add(item)))).toEqual(items.map((item) => item * 2))
  expect(seen).toEqual(runs)
})

test('a run that fails fails its callers alone', async () => {
  const gather = new Gather({ ...limits, itemsMax: 1 }, async ([item]: readonly number[]) => {
    if (item === 2) throw new Error('no twos')
    return [item]
  })
  const answers = await Promise.allSettled([1, 2, 3].map((item) => gather.add(item)))
  expect(answers.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
})

test('everyone gets the own answer, whatever comes when', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat(12), { maxLength: 60 }), fc.integer({ min: 1, max: 4 }), async (items, runsMax) => {
      let running = 0
      const gather = new Gather({ ...limits, runsMax }, async (batch: readonly number[]) => {
        expect(++running).toBeLessThanOrEqual(runsMax)
        for (let turn = 0; turn < batch[0]! % 3; turn++) await new Promise((resolve) => setImmediate(resolve))
        running--
        return batch.map((item) => `${item}`)
      })
      expect(await Promise.all(items.map((item) => gather.add(item)))).toEqual(items.map(String))
    }),
    { numRuns: 60 },
  )
})
