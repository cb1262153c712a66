import { expect, test } from 'vitest'
import { CircuitBreaker } from './circuit-breaker.ts'

function setUp(options: Partial<ConstructorParameters<typeof CircuitBreaker>[0]> = {}) {
  const clock = { nowMs: 0 }
  const changes: string[] = []
  const breaker = new CircuitBreaker(
    { failureRatio: 0.5, windowMs: 1000, requestsMin: 4, openMs: 500, trials: 2, ...options },
    (state, message) => changes.push(`${state}: ${message}`),
    () => clock.nowMs,
  )
  const send = (...outcomes: ('success' | 'failure' | 'ignored')[]) => {
    for (const outcome of outcomes) {
      const permit = breaker.tryEnter()
      if (permit !== undefined) breaker.leave(permit, outcome, 'refused')
    }
  }
  return { clock, changes, breaker, send }
}

test('opens at the share of failures, not before there are enough requests', () => {
  const { changes, breaker, send } = setUp()
  send('failure', 'failure', 'failure')
  expect(changes).toEqual([])
  send('failure')
  expect(changes).toEqual(['open: 4 of the last 4 requests failed, the last one: refused'])
  expect(breaker.tryEnter()).toBeUndefined()
  expect(breaker.waitMs).toBe(500)
})

test('stays closed below the share; what is ignored is no request', () => {
  const { changes, send } = setUp()
  send('success', 'success', 'success', 'failure', 'ignored', 'ignored', 'failure')
  expect(changes).toEqual([])
  send('failure')
  expect(changes).toEqual(['open: 3 of the last 6 requests failed, the last one: refused'])
})

test('forgets what is older than the window', () => {
  const { clock, changes, send } = setUp()
  send('failure', 'failure', 'failure')
  clock.nowMs = 1000
  send('failure', 'success', 'success')
  expect(changes).toEqual([])
  clock.nowMs = 1900
  send('failure') // 2 of 4 in the last second.
  expect(changes).toEqual(['open: 2 of the last 4 requests failed, the last one: refused'])
})

test('half open it lets a few through, and closes when they succeed', () => {
  const { clock, changes, breaker, send } = setUp()
  send('failure', 'failure', 'failure', 'failure')
  clock.nowMs = 499
  expect(breaker.tryEnter()).toBeUndefined()
  clock.nowMs = 500
  const first = breaker.tryEnter()!
  const second = breaker.tryEnter()!
  expect(breaker.tryEnter()).toBeUndefined()
  breaker.leave(first, 'ignored')
  const third = breaker.tryEnter()!
  breaker.leave(second, 'success')
  breaker.leave(third, 'success')
  expect(changes.slice(1)).toEqual(['half_open: the server is tried again', 'closed: 2 trials succeeded'])
  send('success', 'success', 'success')
  expect(breaker.tryEnter()).toBeDefined()
})

test('a trial that fails opens it again, for as long', () => {
  const { clock, changes, breaker, send } = setUp()
  send('failure', 'failure', 'failure', 'failure')
  clock.nowMs = 500
  const [first, second] = [breaker.tryEnter()!, breaker.tryEnter()!]
  breaker.leave(first, 'failure', 'still refused')
  breaker.leave(second, 'success') // Of the time before: says nothing now.
  expect(changes.slice(2)).toEqual(['open: a trial failed: still refused'])
  clock.nowMs = 999
  expect(breaker.tryEnter()).toBeUndefined()
  clock.nowMs = 1000
  expect(breaker.tryEnter()).toBeDefined()
})

test('a request that began before it opened counts no more', () => {
  const { clock, changes, breaker, send } = setUp()
  const slow = [breaker.tryEnter()!, breaker.tryEnter()!]
  send('failure', 'failure', 'failure', 'failure')
  clock.nowMs = 500
  send('success', 'success')
  for (const permit of slow) breaker.leave(permit, 'failure')
  expect(changes.map((change) => change.split(':')[0])).toEqual(['open', 'half_open', 'closed'])
})
