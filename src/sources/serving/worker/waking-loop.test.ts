import { setImmediate as nextTurn } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { createRandom } from '../../../core/random.ts'
import { startWakingLoop } from './waking-loop.ts'

const random = createRandom(1)
const options = { random, waitMs: 1, waitMsMax: 4, onFault: () => {} }

test('turns never overlap, and many calls are one turn more', async () => {
  let running = 0
  let turns = 0
  const gate = Promise.withResolvers<void>()
  const loop = startWakingLoop({
    ...options,
    turn: async () => {
      expect(++running).toBe(1)
      turns++
      if (turns === 1) await gate.promise
      running--
    },
  })
  for (let i = 0; i < 10; i++) loop.wake()
  gate.resolve()
  await nextTurn()
  expect(turns).toBe(2)
  loop.wake()
  await nextTurn()
  expect(turns).toBe(3)
  await loop.stop()
})

test('a fault is told with its place in the streak, and the turn comes again by itself', async () => {
  const streaks: number[] = []
  const done = Promise.withResolvers<void>()
  let turns = 0
  const loop = startWakingLoop({
    ...options,
    turn: async () => {
      turns++
      if (turns <= 3) throw new Error('no queue')
      done.resolve()
    },
    onFault: (_error, streak) => streaks.push(streak),
  })
  loop.wake()
  await done.promise
  expect(streaks).toEqual([1, 2, 3])
  await loop.stop()
})

test('while it waits after a fault, calls do not hurry it', async () => {
  let turns = 0
  const loop = startWakingLoop({
    ...options,
    waitMs: 3_600_000,
    waitMsMax: 3_600_000,
    turn: async () => {
      turns++
      throw new Error('no queue')
    },
  })
  loop.wake()
  await nextTurn()
  for (let i = 0; i < 5; i++) loop.wake()
  await nextTurn()
  expect(turns).toBe(1)
  await loop.stop()
})

test('stop waits for the turn under way, and no other begins', async () => {
  const gate = Promise.withResolvers<void>()
  let turns = 0
  let ended = 0
  const loop = startWakingLoop({
    ...options,
    turn: async () => {
      turns++
      await gate.promise
      ended++
    },
  })
  loop.wake()
  loop.wake()
  const stopped = loop.stop()
  gate.resolve()
  await stopped
  loop.wake()
  await nextTurn()
  expect([turns, ended]).toEqual([1, 1])
})
