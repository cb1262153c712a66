import { expect, test } from 'vitest'
import { createTaskId, submittedMsOf } from './task-id.ts'

test('an id is a UUID of version 7 with its time', () => {
  const id = createTaskId(1_800_000_000_123)
  expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  expect(submittedMsOf(id)).toBe(1_800_000_000_123)
  // RFC 9562, appendix A.6: the example of a UUID of version 7, made 2022-02-22T19:22:22Z.
  expect(submittedMsOf('017f22e2-79b0-7cc3-98c4-dc0c0c07398f')).toBe(Date.UTC(2022, 1, 22, 19, 22, 22))
})

test.for([
  { why: 'nothing', id: '' },
  { why: 'version 4', id: '919108f7-52d1-4320-9bac-f847db4148a8' },
  { why: 'the variant of Microsoft', id: '017f22e2-79b0-7cc3-c8c4-dc0c0c07398f' },
  { why: 'capitals, which no id of ours has', id: '017F22E2-79B0-7CC3-98C4-DC0C0C07398F' },
  { why: 'something behind it', id: '017f22e2-79b0-7cc3-98c4-dc0c0c07398f ' },
])('no id of a task: $why', ({ id }) => expect(submittedMsOf(id)).toBeUndefined())

test('ids rise, though the clock stands still or is set back a little', () => {
  const base = 1_900_000_000_000
  const ids = Array.from({ length: 20_000 }, (_, i) => createTaskId(base - (i % 3) * 100))
  expect(new Set(ids).size).toBe(ids.length)
  expect(ids.toSorted()).toEqual(ids)
  // Twenty thousand in a millisecond run ahead of the clock, by a few milliseconds.
  expect(submittedMsOf(ids.at(-1)!)! - base).toBeLessThan(10)
})

test('ids follow a clock that was set back for good', () => {
  createTaskId(1_950_000_000_000)
  expect(submittedMsOf(createTaskId(1_940_000_000_000))).toBe(1_940_000_000_000)
})
