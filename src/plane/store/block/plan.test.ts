import fc from 'fast-check'
import { expect, test } from 'vitest'
import { COMPACTION_BLOCKS_MAX, type PlannedBlock, planCompaction } from './plan.ts'

const ranges = [20, 60, 180, 540]

/** Blocks from `[first, last]` times; a third number is the share of series with deletions, in percent. */
const blocks = (...spans: readonly (readonly [number, number, number?])[]): PlannedBlock[] =>
  spans.map(([minMs, maxMs, tombstoned = 0]) => ({ meta: { id: `${minMs}-${maxMs}`, minMs, maxMs, series: 100 }, tombstoned }))

test.for<{ why: string; given: PlannedBlock[]; want: string[] }>([
  { why: 'nothing of nothing', given: [], want: [] },
  { why: 'one block has nobody to join', given: blocks([0, 19]), want: [] },
  { why: 'a range is full, but more may come into it', given: blocks([0, 19], [20, 39], [40, 59]), want: [] },
  {
    why: 'a block after the range says that it is complete',
    given: blocks([0, 19], [20, 39], [40, 59], [60, 79]),
    want: ['0-19', '20-39', '40-59'],
  },
  { why: 'a range with a gap is complete too', given: blocks([0, 19], [45, 58], [60, 79]), want: ['0-19', '45-58'] },
  { why: 'a single block of a range stays as it is', given: blocks([0, 19], [60, 79], [120, 139]), want: [] },
  {
    why: 'smaller ranges first',
    given: blocks([0, 59], [60, 119], [120, 179], [180, 199], [200, 219], [240, 259]),
    want: ['180-199', '200-219'],
  },
  { why: 'then larger ones', given: blocks([0, 59], [60, 119], [120, 179], [180, 199]), want: ['0-59', '60-119', '120-179'] },
  { why: 'nothing across a boundary', given: blocks([520, 539], [540, 559], [1080, 1099]), want: [] },
  {
    why: 'a block that reaches over a boundary is left out of the range',
    given: blocks([0, 19], [20, 39], [50, 70], [120, 130]),
    want: ['0-19', '20-39'],
  },
  {
    why: 'before 1970 ranges are aligned alike',
    given: blocks([-60, -41], [-40, -21], [-20, -1], [0, 19]),
    want: ['-60--41', '-40--21', '-20--1'],
  },
  {
    why: 'overlapping blocks first, even the newest',
    given: blocks([0, 19], [20, 39], [40, 59], [60, 79], [70, 75]),
    want: ['60-79', '70-75'],
  },
  { why: 'overlap carries on from block to block', given: blocks([0, 10], [10, 20], [15, 30], [31, 40]), want: ['0-10', '10-20', '15-30'] },
  { why: 'a long block with many deletions, by itself', given: blocks([0, 170, 6], [600, 610]), want: [] },
  { why: 'a long block with many deletions, by itself', given: blocks([0, 180, 6], [600, 610]), want: ['0-180'] },
  { why: 'few deletions are left for the next compaction', given: blocks([0, 180, 5], [600, 610]), want: [] },
])('$why', ({ given, want }) => expect(planCompaction(given, ranges).map(({ meta }) => meta.id)).toEqual(want))

test('no more blocks at once than fit into memory', () => {
  const many = blocks(...Array.from({ length: 100 }, (_, i) => [0, 10 + i] as const))
  expect(planCompaction(many, ranges).length).toBe(COMPACTION_BLOCKS_MAX)
})

test('done again and again, any blocks end as some that do not overlap, each within one range, and none is planned twice', () => {
  const start = fc.integer({ min: -50, max: 50 })
  fc.assert(
    fc.property(fc.array(start, { minLength: 1, maxLength: 60 }), (starts) => {
      let now = blocks(...starts.map((at) => [at * 20, at * 20 + 19] as const))
      for (let [i, steps] = [0, 0]; ; i++, steps++) {
        expect(steps).toBeLessThan(200)
        const plan = planCompaction(now, ranges)
        if (plan.length === 0) break
        const minMs = Math.min(...plan.map(({ meta }) => meta.minMs))
        const maxMs = Math.max(...plan.map(({ meta }) => meta.maxMs))
        expect(ranges.some((range) => Math.floor(minMs / range) === Math.floor(maxMs / range))).toBe(true)
        now = [...now.filter((block) => !plan.includes(block)), { meta: { id: `c${i}`, minMs, maxMs, series: 100 }, tombstoned: 0 }]
      }
      const sorted = now.map(({ meta }) => meta).sort((a, b) => a.minMs - b.minMs)
      for (let i = 1; i < sorted.length; i++) expect(sorted[i]!.minMs).toBeGreaterThan(sorted[i - 1]!.maxMs)
    }),
  )
})
