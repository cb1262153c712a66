import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Candidate, chooseTurns } from './turns.ts'

const of = (...seqs: number[]): Candidate[] => seqs.map((seq) => ({ seq, rows: 1, bytes: 10 }))
const seqs = (chosen: readonly Candidate[]) => chosen.map(({ seq }) => seq)
const room = { tasksMax: 100, rowsMax: 100, bytesMax: 1000 }

test.for([
  { why: 'by priority', byPriority: of(5, 6, 1), oldest: of(1), handed: 0, limits: {}, want: [5, 6, 1] },
  { why: 'the eighth is the oldest', byPriority: of(5, 6, 1), oldest: of(1), handed: 7, limits: {}, want: [1, 5, 6] },
  { why: 'wherever the eighth falls', byPriority: of(5, 6, 7, 1), oldest: of(1), handed: 6, limits: {}, want: [5, 1, 6, 7] },
  { why: 'the oldest was taken already', byPriority: of(1, 5, 6), oldest: of(1, 5), handed: 6, limits: {}, want: [1, 5, 6] },
  { why: 'one priority, so nobody looked for the oldest', byPriority: of(1, 2), oldest: [], handed: 7, limits: {}, want: [1, 2] },
  { why: 'no more tasks than asked for', byPriority: of(1, 2, 3), oldest: [], handed: 0, limits: { tasksMax: 2 }, want: [1, 2] },
  { why: 'no more rows', byPriority: of(1, 2, 3), oldest: [], handed: 0, limits: { rowsMax: 2 }, want: [1, 2] },
  { why: 'no more bytes', byPriority: of(1, 2, 3), oldest: [], handed: 0, limits: { bytesMax: 25 }, want: [1, 2] },
  { why: 'the first whatever its size', byPriority: of(1, 2), oldest: [], handed: 0, limits: { bytesMax: 1 }, want: [1] },
  { why: 'nothing waits', byPriority: [], oldest: [], handed: 7, limits: {}, want: [] },
])('$why', ({ byPriority, oldest, handed, limits, want }) => {
  expect(seqs(chooseTurns(byPriority, oldest, handed, { ...room, ...limits }))).toEqual(want)
})

test('none twice, none invented, and the oldest within eight', () => {
  fc.assert(
    fc.property(
      fc.array(fc.nat(9), { minLength: 1, maxLength: 60 }),
      fc.integer({ min: 1, max: 20 }),
      fc.nat(100),
      (priorities, tasksMax, handed) => {
        const all = priorities.map((priority, seq) => ({ seq, rows: 1, bytes: 1, priority }))
        const byPriority = all.toSorted((a, b) => b.priority - a.priority || a.seq - b.seq).slice(0, tasksMax)
        const chosen = seqs(chooseTurns(byPriority, all.slice(0, Math.ceil(tasksMax / 8)), handed, { ...room, tasksMax }))
        expect(new Set(chosen).size).toBe(chosen.length)
        expect(chosen).toHaveLength(Math.min(tasksMax, all.length))
        if (chosen.length >= 8) expect(chosen).toContain(0)
      },
    ),
    { numRuns: 500 },
  )
})
