import { describe, expect } from 'vitest'
import { testFailure } from '../test-task.ts'
import { idsOf, type Kit, SHORT_MS, stateOf, wants } from './kit.ts'

/** Failures, deaths, leases and deadlines. */
export function attemptsConformance({ name, check, eventually, claimed, submit, submitMany }: Kit): void {
  describe(`${name}: attempts`, () => {
    check('a failed task waits, half of the delay at least, the whole at most, each its own', async (fixture) => {
      const { queue, clock } = fixture
      const ids = await submitMany(fixture, 20)
      const waits = new Set<number>()
      for (const claim of await claimed(fixture, 20)) {
        const beforeMs = clock.now()
        expect(await queue.fail(claim, testFailure, { final: false })).toBe('delayed')
        const afterMs = clock.now()
        const task = (await queue.get(claim.task.id))!
        expect(task).toMatchObject({ state: 'delayed', attempts: 1, deaths: 0, failure: testFailure })
        expect(task.retryMs).toBeGreaterThanOrEqual(beforeMs + 30_000)
        expect(task.retryMs).toBeLessThanOrEqual(afterMs + 60_000)
        waits.add(task.retryMs! - beforeMs)
        expect(await queue.fail(claim, testFailure, { final: false })).toBe('lost')
      }
      expect(waits.size).toBeGreaterThan(10)
      expect(await queue.claim(wants(20))).toEqual([])
      expect((await queue.stats())[0]).toMatchObject({ waiting: 0, delayed: ids.length, active: 0 })
    })

    check(
      'waits double up to a bound, and then the task is dead with its last cause',
      async (fixture) => {
        const { queue, clock } = fixture
        const id = await submit(fixture)
        for (const [i, delayMs] of [40, 80, 120, 120].entries()) {
          const [claim] = await claimed(fixture, 1)
          expect(claim!.task).toMatchObject({ id, attempts: i + 1, state: 'active' })
          const beforeMs = clock.now()
          expect(await queue.fail(claim!, { ...testFailure, message: `attempt ${i + 1}` }, { final: false })).toBe('delayed')
          const afterMs = clock.now()
          const task = (await queue.get(id))!
          if (task.state !== 'delayed') continue // Real time is over already.
          expect(task.retryMs).toBeGreaterThanOrEqual(beforeMs + delayMs / 2)
          expect(task.retryMs).toBeLessThanOrEqual(afterMs + delayMs)
          await fixture.advance(delayMs)
        }
        const [last] = await claimed(fixture, 1)
        expect(await queue.fail(last!, { ...testFailure, message: 'attempt 5', stack: undefined }, { final: false })).toBe('dead')
        const dead = (await queue.get(id))!
        expect(dead).toMatchObject({ state: 'dead', attempts: 5, deaths: 0, retryMs: undefined, result: undefined })
        expect(dead.failure).toEqual({ code: 'MW_TEST', message: 'attempt 5', stack: undefined })
        expect(dead.finishedMs).toBeGreaterThanOrEqual(dead.startedMs!)
        expect(await queue.claim(wants(1))).toEqual([])
      },
      { attemptsMax: 5, retryDelayMs: 40, retryDelayMsMax: 120 },
    )

    check('a final failure is the end', async (fixture) => {
      const id = await submit(fixture)
      const [claim] = await claimed(fixture, 1)
      expect(await fixture.queue.fail(claim!, testFailure, { final: true })).toBe('dead')
      expect(await fixture.queue.get(id)).toMatchObject({ state: 'dead', attempts: 1, failure: testFailure })
    })

    check(
      'deaths are counted apart from failures, and poison is not tried for ever',
      async (fixture) => {
        const { queue } = fixture
        const id = await submit(fixture)
        const [first] = await claimed(fixture, 1)
        expect(await queue.died(first!, testFailure)).toBe('delayed')
        expect(await queue.get(id)).toMatchObject({ attempts: 1, deaths: 1, failure: testFailure })
        const [second] = await claimed(fixture, 1)
        expect(await queue.fail(second!, testFailure, { final: false })).toBe('delayed')
        const [third] = await claimed(fixture, 1)
        expect(await queue.died(first!, testFailure)).toBe('lost')
        expect(await queue.died(third!, { ...testFailure, message: 'the thread ended with code 134' })).toBe('dead')
        const dead = (await queue.get(id))!
        expect(dead).toMatchObject({ state: 'dead', attempts: 3, deaths: 2 })
        expect(dead.failure!.code).toBe('MW_TASK_POISONED')
        expect(dead.failure!.message).toContain('the thread ended with code 134')
      },
      { attemptsMax: 2, deathsMax: 2, retryDelayMs: 20, retryDelayMsMax: 20 },
    )

    check(
      'a lease that runs out is a death; the late worker is not heard',
      async (fixture) => {
        const { queue } = fixture
        const id = await submit(fixture)
        const [first] = await claimed(fixture, 1)
        await fixture.advance(SHORT_MS + 20)
        const [second] = await claimed(fixture, 1, await fixture.another())
        expect(second!.task).toMatchObject({ id, attempts: 2, deaths: 1 })
        expect(await queue.complete(first!, '"late"')).toBe('lost')
        expect(await queue.fail(first!, testFailure, { final: true })).toBe('lost')
        expect(await queue.heartbeat([first!])).toEqual({ lost: [first!.token] })
        await queue.release([first!])
        expect(await stateOf(queue, id)).toBe('active')
        await fixture.advance(SHORT_MS + 20)
        await eventually(fixture, 'it is dead', async () => {
          await queue.claim(wants(1))
          return (await stateOf(queue, id)) === 'dead' ? true : undefined
        })
        const dead = (await queue.get(id))!
        expect(dead).toMatchObject({ attempts: 2, deaths: 2, result: undefined })
        expect(dead.failure!.code).toBe('MW_TASK_POISONED')
        expect(await queue.complete(second!, '"late"')).toBe('lost')
        expect((await queue.get(id))!.result).toBeUndefined()
      },
      { leaseMs: SHORT_MS, deathsMax: 2 },
    )

    check(
      'heart-beats keep a claim',
      async (fixture) => {
        const { queue } = fixture
        const ids = await submitMany(fixture, 3)
        const claims = await claimed(fixture, 3)
        for (let i = 0; i < 3; i++) {
          await fixture.advance(800)
          expect(await queue.heartbeat(claims)).toEqual({ lost: [] })
        }
        expect(await queue.claim(wants(3))).toEqual([])
        await queue.cancel(ids[1]!)
        expect(await queue.heartbeat(claims)).toEqual({ lost: [claims[1]!.token] })
        expect(await queue.heartbeat([])).toEqual({ lost: [] })
        expect(await queue.complete(claims[0]!, '1')).toBe('stored')
        expect(await queue.complete(claims[1]!, '1')).toBe('lost')
        expect(await queue.heartbeat(claims)).toEqual({ lost: [claims[0]!.token, claims[1]!.token] })
      },
      { leaseMs: 2000 },
    )

    check('released tasks stand where they stood, as if never claimed', async (fixture) => {
      const { queue } = fixture
      const ids = await submitMany(fixture, 4)
      const claims = await claimed(fixture, 2)
      await queue.release(claims)
      expect(await queue.get(ids[0]!)).toMatchObject({ state: 'waiting', attempts: 0, deaths: 0 })
      const again = await claimed(fixture, 4)
      expect(idsOf(again)).toEqual(ids)
      expect(await queue.complete(claims[0]!, '1')).toBe('lost')
      expect(await queue.complete(again[0]!, '1')).toBe('stored')
      await queue.release([again[0]!])
      expect(await stateOf(queue, ids[0]!)).toBe('done')
    })

    check('a deadline that has passed: not handed out, dead', async (fixture) => {
      const { queue, clock } = fixture
      const late = await submit(fixture, { deadlineMs: clock.now() + SHORT_MS })
      await fixture.advance(SHORT_MS + 20)
      const id = await submit(fixture, { deadlineMs: clock.now() + 600_000 })
      expect(idsOf(await claimed(fixture, 1))).toEqual([id])
      expect(await queue.claim(wants(5))).toEqual([])
      const dead = (await queue.get(late))!
      expect(dead).toMatchObject({ state: 'dead', attempts: 0 })
      expect(dead.failure!.code).toBe('MW_TASK_EXPIRED')
      expect((await queue.stats())[0]).toMatchObject({ waiting: 0, dead: 1, active: 1 })
    })

    check('a failure whose next attempt would come after the deadline is the end', async (fixture) => {
      const { queue, clock } = fixture
      const id = await submit(fixture, { deadlineMs: clock.now() + 20_000 })
      const [claim] = await claimed(fixture, 1)
      expect(await queue.fail(claim!, testFailure, { final: false })).toBe('dead')
      expect(await queue.get(id)).toMatchObject({ state: 'dead', attempts: 1, failure: testFailure })
    })
  })
}
