import { expect, test } from 'vitest'
import { findExpired } from './retention.ts'

const block = (minMs: number, maxMs: number, sizeBytes: number) => ({ meta: { minMs, maxMs }, sizeBytes })
const three = [block(0, 99, 10), block(100, 199, 20), block(200, 299, 30)]
const never = Number.POSITIVE_INFINITY

test.for([
  { why: 'nothing is too old', retentionMs: 200, retentionBytes: undefined, nowMs: 299, otherBytes: 0, want: [] },
  {
    why: 'a block stays as long as its last sample is covered',
    retentionMs: 200,
    retentionBytes: undefined,
    nowMs: 1000,
    otherBytes: 0,
    want: [],
  },
  { why: 'the first is too old', retentionMs: 199, retentionBytes: undefined, nowMs: 299, otherBytes: 0, want: [0] },
  {
    why: 'a clock far ahead deletes no more than the newest sample justifies',
    retentionMs: 100,
    retentionBytes: undefined,
    nowMs: 1e15,
    otherBytes: 0,
    want: [0],
  },
  {
    why: 'samples from the future do not make the present old',
    retentionMs: 50,
    retentionBytes: undefined,
    nowMs: 120,
    otherBytes: 0,
    want: [],
  },
  { why: 'everything has room', retentionMs: never, retentionBytes: 60, nowMs: 299, otherBytes: 0, want: [] },
  { why: 'the log counts', retentionMs: never, retentionBytes: 60, nowMs: 299, otherBytes: 1, want: [0] },
  { why: 'oldest first, until it fits', retentionMs: never, retentionBytes: 31, nowMs: 299, otherBytes: 0, want: [0, 100] },
  { why: 'even the last one goes', retentionMs: never, retentionBytes: 29, nowMs: 299, otherBytes: 0, want: [0, 100, 200] },
  { why: 'both', retentionMs: 150, retentionBytes: 45, nowMs: 299, otherBytes: 0, want: [0, 100] },
])('$why', ({ retentionMs, retentionBytes, nowMs, otherBytes, want }) => {
  const expired = findExpired([...three].reverse(), { retentionMs, retentionBytes }, { nowMs, otherBytes })
  expect(expired.map(({ meta }) => meta.minMs)).toEqual(want)
})

test('no blocks, nothing to delete', () => {
  expect(findExpired([], { retentionMs: 1, retentionBytes: 1 }, { nowMs: 5, otherBytes: 10 })).toEqual([])
})
