import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { backoffMsMax, createPoller, type Poller } from './poller.ts'

beforeEach(() => void vi.useFakeTimers())
let poller: Poller | undefined
afterEach(() => {
  poller?.stop()
  vi.useRealTimers()
})

/** A poller whose rounds end when told to. */
function start({ hidden = false } = {}) {
  const rounds: { end: () => void; fail: () => void; signal: AbortSignal }[] = []
  const state = { hidden, waitsMs: [] as number[] }
  poller = createPoller({
    tick: (signal) =>
      new Promise((resolve, reject) => rounds.push({ end: () => resolve(), fail: () => reject(new Error('silent')), signal })),
    intervalMs: () => 2000,
    onFailure: (_, waitMs) => state.waitsMs.push(waitMs),
    isHidden: () => state.hidden,
  })
  return { rounds, state, poller }
}

const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms)

test('one round at a time: the next waits for the one under way, then for the interval', async () => {
  const { rounds } = start()
  await pass(60_000)
  expect(rounds.length).toBe(1)
  rounds[0]!.end()
  await pass(1999)
  expect(rounds.length).toBe(1)
  await pass(1)
  expect(rounds.length).toBe(2)
})

test('failures are asked again ever later, up to a bound; a success brings the interval back', async () => {
  const { rounds, state } = start()
  await pass(0)
  for (let i = 0; i < 7; i++) {
    rounds.at(-1)!.fail()
    await pass(backoffMsMax)
  }
  expect(state.waitsMs).toEqual([2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000])
  const before = rounds.length
  rounds.at(-1)!.end()
  await pass(2000)
  expect(rounds.length).toBe(before + 1)
})

test('nobody looks: nothing is asked until somebody does', async () => {
  const { rounds, state, poller } = start({ hidden: true })
  await pass(60_000)
  expect(rounds.length).toBe(0)
  state.hidden = false
  poller.visibilityChanged()
  await pass(0)
  expect(rounds.length).toBe(1)
})

test('a kick drops the round under way, and its end starts nothing', async () => {
  const { rounds, state, poller } = start()
  await pass(0)
  poller.kick()
  await pass(0)
  expect(rounds.map(({ signal }) => signal.aborted)).toEqual([true, false])
  rounds[0]!.fail()
  await pass(10_000)
  expect(rounds.length).toBe(2)
  expect(state.waitsMs).toEqual([])
})

test('stopped is stopped', async () => {
  const { rounds, poller } = start()
  await pass(0)
  poller.stop()
  rounds[0]!.end()
  await pass(60_000)
  expect(rounds.length).toBe(1)
})
