import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createStabilizer, recommendThreads } from './desired-threads.ts'

const options = { tasksPerThread: 10, threadsMin: 1, threadsMax: 8, tolerance: 0.1 }

test.for([
  { why: 'an empty queue falls to the fewest', current: 4, depth: 0, want: 1 },
  { why: 'one task needs one thread', current: 1, depth: 1, want: 1 },
  { why: 'twice the target doubles, as the manual has it', current: 1, depth: 20, want: 2 },
  { why: 'half the target halves', current: 4, depth: 20, want: 2 },
  { why: 'a part of a thread is a thread: ceil(21 / 10)', current: 1, depth: 21, want: 3 },
  { why: 'ratio 1.1 is within the tolerance, ends included', current: 2, depth: 22, want: 2 },
  { why: 'ratio 1.15 is not: ceil(23 / 10)', current: 2, depth: 23, want: 3 },
  { why: 'ratio 0.9 is within the tolerance', current: 2, depth: 18, want: 2 },
  { why: 'ratio 0.85, yet ceil(17 / 10) is what there is', current: 2, depth: 17, want: 2 },
  { why: 'ratio 0.8 of five: ceil(40 / 10)', current: 5, depth: 40, want: 4 },
  { why: 'no more than the most', current: 8, depth: 10_000, want: 8 },
  { why: 'more than the most, though within the tolerance', current: 9, depth: 90, want: 8 },
])('$why', ({ current, depth, want }) => expect(recommendThreads({ current, depth }, options)).toBe(want))

test('the fewest are kept', () => expect(recommendThreads({ current: 3, depth: 0 }, { ...options, threadsMin: 2 })).toBe(2))

test('upwards at once, downwards when the window has passed since the last higher recommendation', () => {
  const { desired } = createStabilizer(300_000)
  let current = 1
  const at = (second: number, recommended: number) => {
    current = desired({ timeMs: second * 1000, current, recommended })
    return current
  }
  expect(at(0, 1)).toBe(1)
  expect(at(15, 4)).toBe(4)
  expect(at(30, 6)).toBe(6)
  expect(at(45, 1)).toBe(6)
  expect(at(60, 3)).toBe(6)
  expect(at(329, 1)).toBe(6) // 6 was recommended 299 s ago.
  expect(at(330, 1)).toBe(3) // Now 3, of second 60, is the highest.
  expect(at(359, 1)).toBe(3)
  expect(at(360, 1)).toBe(1)
})

test('a start with few tasks ends no threads before the window has passed', () => {
  const { desired } = createStabilizer(60_000)
  expect(desired({ timeMs: 0, current: 4, recommended: 1 })).toBe(4)
  expect(desired({ timeMs: 59_999, current: 4, recommended: 1 })).toBe(4)
  expect(desired({ timeMs: 60_000, current: 4, recommended: 1 })).toBe(1)
})

test('without a window it follows at once', () => {
  const { desired } = createStabilizer(0)
  expect(desired({ timeMs: 0, current: 4, recommended: 1 })).toBe(1)
  expect(desired({ timeMs: 1, current: 1, recommended: 5 })).toBe(5)
})

test('it is the highest recommendation of the window, whatever their order', () => {
  const step = fc.record({ afterMs: fc.integer({ min: 1, max: 40 }), recommended: fc.integer({ min: 1, max: 9 }) })
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 60 }), fc.integer({ min: 1, max: 100 }), (steps, windowMs) => {
      const { desired } = createStabilizer(windowMs)
      const all = [{ timeMs: 0, threads: 1 }]
      let [timeMs, current] = [0, 1]
      for (const { afterMs, recommended } of steps) {
        if (all.length > 1) timeMs += afterMs
        all.push({ timeMs, threads: recommended })
        const highest = Math.max(...all.filter((past) => past.timeMs > timeMs - windowMs).map(({ threads }) => threads))
        const got = desired({ timeMs, current, recommended })
        expect(got).toBe(recommended > current ? recommended : Math.min(current, highest))
        current = got
      }
    }),
    { numRuns: 300 },
  )
})
