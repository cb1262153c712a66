import { expect, test } from 'vitest'
import { createRandom } from '../../../../core/random.ts'
import { ReturningClients } from './returning-clients.ts'

const WINDOW_MS = 2

/** Rounds of 10 ms: some are answered, some come back a moment later, others come at any time. */
function learn(of: { rounds: number; answered: number; back: number; othersPerMs: number }) {
  const returning = new ReturningClients()
  const random = createRandom(3)
  for (let round = 0; round < of.rounds; round++) {
    const startMs = round * 10
    returning.answered(of.answered, startMs, WINDOW_MS)
    const arrivals = Array.from({ length: of.back }, () => startMs + 0.5 * random())
    for (let ms = 0; ms < 10; ms += -Math.log(1 - random()) / of.othersPerMs) if (ms > 0) arrivals.push(startMs + ms)
    for (const timeMs of arrivals.sort((a, b) => a - b)) returning.arrived(timeMs)
  }
  const nowMs = of.rounds * 10
  returning.answered(of.answered, nowMs, WINDOW_MS)
  return { returning, nowMs }
}

test.for([
  { why: 'all come back', answered: 8, back: 8, othersPerMs: 0.001, low: 8, high: 8 },
  { why: 'half of them do', answered: 8, back: 4, othersPerMs: 0.001, low: 3, high: 5 },
  { why: 'nobody does', answered: 8, back: 0, othersPerMs: 0.001, low: 0, high: 0 },
  { why: 'others come at any time, which is no return', answered: 8, back: 0, othersPerMs: 1, low: 0, high: 1 },
  { why: 'both', answered: 8, back: 8, othersPerMs: 1, low: 7, high: 8 },
])('$why', ({ low, high, ...of }) => {
  const { returning, nowMs } = learn({ rounds: 60, ...of })
  const { requests, untilMs } = returning.expected(nowMs)
  expect(requests).toBeGreaterThanOrEqual(low)
  expect(requests).toBeLessThanOrEqual(high)
  expect(untilMs).toBe(nowMs + WINDOW_MS)
})

test('who has come is no longer expected, and after the window nobody is', () => {
  const { returning, nowMs } = learn({ rounds: 60, answered: 3, back: 3, othersPerMs: 0.001 })
  expect(returning.expected(nowMs).requests).toBe(3)
  returning.arrived(nowMs + 0.1)
  expect(returning.expected(nowMs + 0.1).requests).toBe(2)
  expect(returning.expected(nowMs + WINDOW_MS).requests).toBe(0)
})

test('before anything was learned nobody is expected', () => {
  const returning = new ReturningClients()
  expect(returning.expected(0).requests).toBe(0)
  returning.arrived(1)
  returning.answered(5, 2, WINDOW_MS)
  expect(returning.expected(2).requests).toBe(0)
})
