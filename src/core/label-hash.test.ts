import { expect, test } from 'vitest'
import { hashLabels } from './label-hash.ts'

test('what is not the same is told apart', () => {
  const hashes = new Set<number>()
  for (let i = 0; i < 200_000; i++)
    hashes.add(
      hashLabels([
        ['__name__', `m${i % 100}`],
        ['id', String(i)],
      ]),
    )
  expect(hashes.size).toBe(200_000) // A collision among so many has a chance of 1 in 200,000: n² / 2⁵³.
  expect(Math.max(...[...hashes].slice(0, 1000))).toBeLessThan(2 ** 52)
  expect(hashLabels([['a', 'bc']])).not.toBe(hashLabels([['ab', 'c']]))
  expect(hashLabels([])).not.toBe(hashLabels([['', '']]))
  expect(hashLabels([['a', 'b']])).toBe(hashLabels([['a', 'b']]))
})
