import fc from 'fast-check'
import { expect, test } from 'vitest'
import { covers, formatTombstones, joinRanges, parseTombstones, touches } from './tombstones.ts'

const range = fc.tuple(fc.integer({ min: -100, max: 100 }), fc.nat(20)).map(([fromMs, length]) => ({ fromMs, toMs: fromMs + length }))
const times = Array.from({ length: 260 }, (_, i) => i - 120)
const holds = (ranges: readonly { fromMs: number; toMs: number }[]) =>
  times.filter((at) => ranges.some(({ fromMs, toMs }) => at >= fromMs && at <= toMs))

test('joined ranges hold the same times, in order and apart', () => {
  fc.assert(
    fc.property(fc.array(range), range, (ranges, probe) => {
      const joined = joinRanges(ranges)
      expect(holds(joined)).toEqual(holds(ranges))
      for (let i = 1; i < joined.length; i++) expect(joined[i]!.fromMs).toBeGreaterThan(joined[i - 1]!.toMs + 1)
      const within = holds([probe])
      const deleted = new Set(holds(joined))
      expect(covers(joined, probe.fromMs, probe.toMs)).toBe(within.every((at) => deleted.has(at)))
      expect(touches(joined, probe.fromMs, probe.toMs)).toBe(within.some((at) => deleted.has(at)))
    }),
  )
})

test('tombstones come back from their bytes', () => {
  const tombstones = fc.array(fc.tuple(fc.nat(1000), fc.array(range, { minLength: 1 }).map(joinRanges))).map((entries) => new Map(entries))
  fc.assert(
    fc.property(tombstones, (all) => {
      expect(parseTombstones(Buffer.from(formatTombstones(all, -100)), 'tombstones', 1001)).toEqual(all)
    }),
  )
})
