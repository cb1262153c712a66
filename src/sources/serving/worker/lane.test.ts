import { expect, test } from 'vitest'
import type { ServedModel } from '../models/contract.ts'
import { Lane } from './lane.ts'

const modelOf = (concurrency: number) => ({ revisions: () => [{ served: { concurrency } }] }) as unknown as ServedModel
const options = { batchRowsMax: 10, workMs: 50 }

test('it begins with a row for each call that can make progress', () => {
  expect(new Lane(modelOf(1), options).wanted(0)).toBe(1)
  expect(new Lane(modelOf(3), options).wanted(0)).toBe(3)
})

test.for([
  { why: 'a fast model has two full calls for each that runs, and no more', concurrency: 2, msPerRow: 0.01, want: 40 },
  { why: 'a model of 5 ms a row has 50 ms of work', concurrency: 1, msPerRow: 5, want: 10 },
  { why: 'a slow model has a row for each call: what waits here would run elsewhere', concurrency: 2, msPerRow: 1000, want: 2 },
])('$why', ({ concurrency, msPerRow, want }) => {
  const lane = new Lane(modelOf(concurrency), options)
  let nowMs = 0
  for (let round = 0; round < 50; round++) {
    const rows = lane.wanted(nowMs)
    const putDown = lane.take(rows, nowMs)
    expect(lane.rowsInHand).toBe(rows)
    nowMs += rows * msPerRow
    putDown(nowMs)
  }
  expect(lane.wanted(nowMs)).toBe(want)
})

test('it does not fetch task by task while half a hand is left, but a slow model is never without work', () => {
  const fast = new Lane(modelOf(1), options)
  fast.take(1, 0)(0.01)
  expect(fast.wanted(1)).toBe(20)
  const putDown = fast.take(11, 1)
  fast.take(9, 1)
  expect(fast.wanted(1)).toBe(0)
  putDown(1.1)
  expect(fast.wanted(1.1)).toBe(11)

  const slow = new Lane(modelOf(2), options)
  const first = slow.take(1, 0)
  slow.take(1, 0)
  expect(slow.wanted(0)).toBe(0)
  first(1000)
  expect(slow.wanted(1000)).toBe(1)
})

test('it rests longer each time, up to five seconds, until the model takes a task', () => {
  const lane = new Lane(modelOf(1), options)
  const whole = () => 1
  let nowMs = 0
  const rests: number[] = []
  for (let i = 0; i < 8; i++) {
    const restMs = lane.rest(nowMs, whole)!
    rests.push(restMs)
    expect([lane.wanted(nowMs), lane.rest(nowMs, whole)]).toEqual([0, undefined])
    nowMs += restMs
    expect(lane.wanted(nowMs)).toBe(1)
  }
  expect(rests).toEqual([100, 200, 400, 800, 1600, 3200, 5000, 5000])
  lane.reached()
  expect(lane.rest(nowMs, whole)).toBe(100)
})

test('a task that goes alone leaves what was learned as it is', () => {
  const lane = new Lane(modelOf(1), options)
  for (let round = 0; round < 20; round++) lane.take(20, 0)(0.2)
  expect(lane.wanted(1)).toBe(20)
  for (let i = 0; i < 20; i++) lane.take(1, 1, false)(1000)
  expect(lane.rowsInHand).toBe(0)
  expect(lane.wanted(1)).toBe(20)
})

test('it is empty when no task is in hand, whatever became of the rows', () => {
  const lane = new Lane(modelOf(1), options)
  expect(lane.isEmpty).toBe(true)
  lane.enter()
  lane.take(1, 0)(1)
  expect([lane.rowsInHand, lane.isEmpty]).toEqual([0, false])
  lane.leave()
  expect(lane.isEmpty).toBe(true)
})
