import { expect, test } from 'vitest'
import { LoopLoad } from './loop-load.ts'

/** A loop that is told how its time went. */
function scripted() {
  const clock = { nowMs: 0, activeMs: 0 }
  const load = new LoopLoad({ now: () => clock.nowMs, active: () => clock.activeMs })
  const pass = (elapsedMs: number, activeMs: number, elsewhereMs = 0) => {
    clock.nowMs += elapsedMs
    clock.activeMs += activeMs
    load.elsewhere(elsewhereMs)
    return load.isBusy()
  }
  return { pass }
}

test.for([
  { why: 'a loop that rests', activeMs: 20, elsewhereMs: 0, want: false },
  { why: 'one client that asks again at once', activeMs: 80, elsewhereMs: 0, want: false },
  { why: 'a loop that hardly rests', activeMs: 90, elsewhereMs: 0, want: true },
  { why: 'a loop that rests because its calls are elsewhere', activeMs: 40, elsewhereMs: 60, want: true },
  { why: 'a loop that would rest, were they here', activeMs: 40, elsewhereMs: 20, want: false },
])('$why: busy is $want', ({ activeMs, elsewhereMs, want }) => expect(scripted().pass(100, activeMs, elsewhereMs)).toBe(want))

test('it is judged by what happened since it was judged last, and not before a tenth of a second has gone by', () => {
  const { pass } = scripted()
  expect([pass(99, 99), pass(1, 1), pass(50, 0), pass(50, 0)]).toEqual([false, true, true, false])
})

test('long rest makes no burst seem less for long', () => {
  const { pass } = scripted()
  expect([pass(10_000, 10), pass(100, 100)]).toEqual([false, true])
})
