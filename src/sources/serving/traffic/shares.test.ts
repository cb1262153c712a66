import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Share } from './contract.ts'
import { checkShares, chooseRevision, fillShares, inOrderOf, positionOf, printShares, sameShares } from './shares.ts'

/** `A=90,B=10`. */
const parse = (text: string): Share[] =>
  text === '' ? [] : text.split(',').map((part) => ({ revision: part.split('=')[0]!, percent: Number(part.split('=')[1]) }))

test.for([
  { shares: 'A=100', position: 0, want: 'A' },
  { shares: 'A=100', position: 99.999, want: 'A' },
  { shares: 'A=90,B=10', position: 89.999, want: 'A' },
  { shares: 'A=90,B=10', position: 90, want: 'B' },
  { shares: 'A=33,B=33,C=34', position: 66, want: 'C' },
])('$shares at $position is $want', ({ shares, position, want }) => expect(chooseRevision(parse(shares), position)).toBe(want))

test('keys spread evenly, also where they differ in their last character only', () => {
  // χ² of 100 000 keys over 100 cells has 99 degrees of freedom: above 149 in one of a thousand draws.
  const kinds = {
    counted: (i: number) => `user-${i}`,
    short: (i: number) => i.toString(36),
    uuid: (i: number) => `weather\n00000000-0000-7000-8000-${i}`,
  }
  for (const [kind, key] of Object.entries(kinds)) {
    const cells = new Float64Array(100)
    for (let i = 0; i < 100_000; i++) cells[Math.floor(positionOf(key(i)))]! += 1
    expect(
      cells.reduce((sum, count) => sum + (count - 1000) ** 2 / 1000, 0),
      kind,
    ).toBeLessThan(149)
  }
})

test('the same key stands at the same place for ever: these positions are what running gateways have agreed on', () => {
  expect(positionOf('weather\nuser-1').toFixed(6)).toBe('24.870018')
  expect(positionOf('').toFixed(6)).toBe('66.892219')
  expect(positionOf('ключ').toFixed(6)).toBe('32.563867')
})

test('a share that grows moves few keys: of two revisions as many as percent change hands, of n at most n − 1 times as many', () => {
  const shares = fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 2, maxLength: 5 }).map((weights) =>
    fillShares(
      [],
      weights.map((percent, i) => ({ revision: `r${i}`, percent })),
    ),
  )
  fc.assert(
    fc.property(shares, fc.nat(), fc.nat(), fc.integer({ min: 1, max: 20 }), (before, a, b, step) => {
      const [from, to] = [before[a % before.length]!, before[b % before.length]!]
      const moved = Math.min(step, from.percent)
      const after = inOrderOf(
        before,
        before.map((share) => ({
          ...share,
          percent: share.percent - (share === from ? moved : 0) + (share === to ? moved : 0),
        })),
      ).filter(({ percent }) => percent > 0)
      let differing = 0
      for (let position = 0.5; position < 100; position++)
        if (chooseRevision(before, position) !== chooseRevision(after, position)) differing++
      expect(differing).toBeLessThanOrEqual(from === to ? 0 : moved * (before.length - 1))
    }),
  )
})

test('of what comes through, each revision gets its share', () => {
  const shares = parse('A=70,B=20,C=10')
  const counts = { A: 0, B: 0, C: 0 }
  for (let i = 0; i < 100_000; i++) counts[chooseRevision(shares, positionOf(`key ${i}`)) as 'A' | 'B' | 'C']++
  // Standard deviation of the largest count is √(100 000 · 0.7 · 0.3) = 145.
  expect(Math.abs(counts.A - 70_000)).toBeLessThan(700)
  expect(Math.abs(counts.C - 10_000)).toBeLessThan(500)
})

test.for([
  { shares: 'A=90,B=20', sum: 'all', want: 'A=90,B=20 is 110 %, not 100 %' },
  { shares: 'A=90', sum: 'all', want: 'A=90 is 90 %' },
  { shares: 'A=90,A=10', sum: 'all', want: 'A is named twice' },
  { shares: 'A=99.5,B=0.5', sum: 'all', want: 'A=99.5 is no whole number' },
  { shares: 'A=-10,B=110', sum: 'all', want: 'A=-10 is no whole number from 0 to 100' },
  { shares: 'A=x', sum: 'all', want: 'A=NaN is no whole number' },
  { shares: '', sum: 'all', want: 'is 0 %' },
  { shares: 'A=60,B=50', sum: 'part', want: 'A=60,B=50 is 110 %' },
] as const)('$shares is refused as $sum', ({ shares, sum, want }) => {
  expect(() => checkShares(parse(shares), sum)).toThrow(
    expect.objectContaining({ code: 'MW_TRAFFIC_SPLIT_INVALID', message: expect.stringContaining(want) }),
  )
})

test('a share of nothing is left out', () => expect(checkShares(parse('A=100,B=0'), 'all')).toEqual(parse('A=100')))

test.for([
  { why: 'the one that serves gives', asked: 'B=10', serving: 'A=100', want: 'B=10,A=90' },
  { why: 'Cloud Run’s own example: 20 and 80 become 8 and 32', asked: 'C=60', serving: 'A=20,B=80', want: 'C=60,A=8,B=32' },
  { why: 'its share is set anew', asked: 'B=50', serving: 'A=90,B=10', want: 'B=50,A=50' },
  { why: 'largest remainder: 16.5, 16.5 and 67 of 50', asked: 'D=50', serving: 'A=33,B=33,C=34', want: 'D=50,A=17,B=16,C=17' },
  { why: 'nothing is left', asked: 'B=100', serving: 'A=100', want: 'B=100' },
  { why: 'a share that shrinks to nothing goes', asked: 'B=99', serving: 'A=99,C=1', want: 'B=99,A=1' },
])('the rest stays in proportion: $why', ({ asked, serving, want }) =>
  expect(printShares(fillShares(parse(asked), parse(serving)))).toBe(want),
)

test('with nobody to take the rest it is refused', () => {
  expect(() => fillShares(parse('A=10'), parse('A=100'))).toThrow('leaves 90 % to the others that serve, and there is no other')
})

test('the order of those that serve is kept, whatever order is asked for', () => {
  expect(printShares(inOrderOf(parse('A=90,B=10'), parse('C=5,B=15,A=80')))).toBe('A=80,B=15,C=5')
  expect(sameShares(parse('A=90,B=10'), parse('B=10,A=90'))).toBe(true)
  expect(sameShares(parse('A=90,B=10'), parse('A=100'))).toBe(false)
  expect(sameShares(parse('A=50,B=50'), parse('A=50,C=50'))).toBe(false)
})
