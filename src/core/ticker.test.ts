import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { startTicker } from './ticker.ts'
import { systemClock } from './time.ts'

beforeEach(() => void vi.useFakeTimers({ now: 1_000_300 }))
afterEach(() => void vi.useRealTimers())

test('ticks lie on the grid of interval and offset', async () => {
  const slots: number[] = []
  const ticker = startTicker({ intervalMs: 1000, offsetMs: 250, run: async (slot) => void slots.push(slot) }, { clock: systemClock })
  await vi.advanceTimersByTimeAsync(3000)
  expect(slots).toEqual([1_001_250, 1_002_250, 1_003_250])
  await ticker.stop()
  await vi.advanceTimersByTimeAsync(5000)
  expect(slots).toHaveLength(3)
})

test('a slow run makes ticks missed and counted, never doubled', async () => {
  const slots: number[] = []
  let missed = 0
  const run = async (slot: number) => {
    slots.push(slot)
    await new Promise((resolve) => setTimeout(resolve, slots.length === 1 ? 2500 : 0))
  }
  const ticker = startTicker({ intervalMs: 1000, offsetMs: 0, run, onMissed: (n) => (missed += n) }, { clock: systemClock })
  await vi.advanceTimersByTimeAsync(5000)
  expect(slots).toEqual([1_001_000, 1_004_000, 1_005_000])
  expect(missed).toBe(2)
  await ticker.stop()
})

test('stop waits for the tick under way', async () => {
  let done = false
  const run = async () => {
    await new Promise((resolve) => setTimeout(resolve, 500))
    done = true
  }
  const ticker = startTicker({ intervalMs: 1000, offsetMs: 0, run }, { clock: systemClock })
  await vi.advanceTimersByTimeAsync(800)
  const stopped = ticker.stop()
  expect(done).toBe(false)
  await vi.advanceTimersByTimeAsync(500)
  await stopped
  expect(done).toBe(true)
})
