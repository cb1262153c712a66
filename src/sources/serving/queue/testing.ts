import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import type { Clock } from '../../../core/time.ts'
import type { Claim, NewTask, QueueOptions, Task, TaskOutcome, TaskQueue } from './contract.ts'
import { createTaskId } from './task-id.ts'
import { testFailure, testQueueOptions, testTask } from './test-task.ts'

export { FakeClock, testFailure, testQueueOptions, testTask } from './test-task.ts'

/** A queue under test, and time as it sees it. */
export interface QueueFixture {
  readonly queue: TaskQueue
  readonly clock: Clock
  /** Time passes only by `advance`. Where it does not, what must not happen too early is tested with long times alone. */
  readonly isSimulated: boolean
  /** Lets time pass, by moving the clock or by waiting. */
  advance(ms: number): Promise<void>
  /** Another handle on the same store, as another process has it. */
  another(): Promise<TaskQueue>
  /** Closes all handles, and opens the store again. */
  reopen(): Promise<TaskQueue>
  /** Closes all handles and removes the store. */
  close(): Promise<void>
}

/** Longest wait for what another process is to see; it is over far sooner. */
const WAIT_MS_MAX = 15_000
const TEST_TIMEOUT_MS = 30_000
/** Short times, for what shall run out; waited for where time is real. */
const SHORT_MS = 150

const wants = (tasksMax: number, ...queues: string[]) => ({
  queues: (queues.length === 0 ? ['m'] : queues).map((queue) => ({ queue, tasksMax, rowsMax: 1_000_000 })),
  worker: 'test',
})
const idsOf = (claims: readonly Claim[]) => claims.map(({ task }) => task.id)

/**
 * What every implementation of the queue must do.
 * @param open - Opens an empty queue of its own.
 */
export function queueConformance(name: string, open: (options: QueueOptions) => Promise<QueueFixture>): void {
  const check = (what: string, body: (fixture: QueueFixture) => Promise<void>, options: Partial<QueueOptions> = {}) =>
    test(what, { timeout: TEST_TIMEOUT_MS }, async () => {
      const fixture = await open({ ...testQueueOptions, ...options })
      try {
        await body(fixture)
      } finally {
        await fixture.close()
      }
    })

  /** Asks again until there is an answer; a little time passes between. */
  const eventually = async <T>(fixture: QueueFixture, what: string, probe: () => Promise<T | undefined>): Promise<T> => {
    for (const endMs = performance.now() + WAIT_MS_MAX; ; ) {
      const answer = await probe()
      if (answer !== undefined) return answer
      if (performance.now() > endMs) throw new Error(`${name}: not within ${WAIT_MS_MAX} ms: ${what}`)
      await sleep(5)
      await fixture.advance(5)
    }
  }
  /** Claims until so many are in hand. */
  const claimed = async (fixture: QueueFixture, count: number, queue = fixture.queue): Promise<Claim[]> => {
    const claims: Claim[] = []
    return eventually(fixture, `${count} claims`, async () => {
      claims.push(...(await queue.claim(wants(count - claims.length))))
      return claims.length >= count ? claims : undefined
    })
  }
  const submit = async ({ queue, clock }: QueueFixture, options: Partial<NewTask> = {}): Promise<string> => {
    const task = testTask(clock, options)
    expect(await queue.submit(task)).toEqual({ kind: 'accepted', id: task.id })
    return task.id
  }
  const submitMany = async (fixture: QueueFixture, count: number, options: Partial<NewTask> = {}): Promise<string[]> => {
    const ids: string[] = []
    for (let i = 0; i < count; i++) ids.push(await submit(fixture, options))
    return ids
  }
  const stateOf = async (queue: TaskQueue, id: string) => (await queue.get(id))?.state
  const called = () => {
    const { promise, resolve } = Promise.withResolvers<void>()
    const timer = setTimeout(() => {}, WAIT_MS_MAX)
    return {
      resolve,
      promise: Promise.race([promise, sleep(WAIT_MS_MAX, undefined, { ref: false }).then(fail)]).finally(() => clearTimeout(timer)),
    }
  }
  const fail = () => {
    throw new Error(`${name}: not called within ${WAIT_MS_MAX} ms`)
  }

  describe(`${name}: a task's way`, () => {
    check('from submission to result, nothing of it lost', async (fixture) => {
      const { queue, clock } = fixture
      const payload = JSON.stringify({ rows: [{ text: 'naïve 🙂 "quotes" \\ \n\u0000', x: 0.1 }] })
      const deadlineMs = clock.now() + 3_600_000
      const webhook = { url: 'http://127.0.0.1:1/done', secret: 's3cret' }
      const beforeMs = clock.now()
      const id = await submit(fixture, { payload, rows: 7, priority: 4, revision: 'r2', deadlineMs, webhook })
      const base = { id, queue: 'm', revision: 'r2', priority: 4, rows: 7, deaths: 0, deadlineMs, failure: undefined, retryMs: undefined }
      expect(await queue.get(id)).toMatchObject({ ...base, state: 'waiting', attempts: 0, startedMs: undefined, result: undefined })
      expect(await queue.getWithPayload(id)).toMatchObject({ ...base, payload, webhook })

      const [claim] = await claimed(fixture, 1)
      expect(claim!.task).toMatchObject({ ...base, state: 'active', attempts: 1, payload, webhook })
      expect(claim!.task.startedMs).toBeGreaterThanOrEqual(beforeMs)
      expect(await queue.claim(wants(10))).toEqual([])
      expect(await queue.complete(claim!, '{"predictions":["é"]}')).toBe('stored')
      const done = await queue.get(id)
      expect(done).toMatchObject({ ...base, state: 'done', attempts: 1, result: '{"predictions":["é"]}' })
      expect(done!.submittedMs).toBeGreaterThanOrEqual(beforeMs)
      expect(done!.finishedMs).toBeGreaterThanOrEqual(done!.startedMs!)
      expect(await queue.complete(claim!, '"again"')).toBe('lost')
      expect((await queue.get(id))!.result).toBe('{"predictions":["é"]}')
    })

    check('an id that was never stored is unknown', async ({ queue, clock }) => {
      for (const id of [createTaskId(clock.now()), 'no-such-task', '']) {
        expect(await queue.get(id)).toBeUndefined()
        expect(await queue.getWithPayload(id)).toBeUndefined()
        expect(await queue.cancel(id)).toBe('unknown')
      }
    })

    check('payloads and results of 5 MB', async (fixture) => {
      const text = JSON.stringify('0123456789abcdef'.repeat(327_680))
      const id = await submit(fixture, { payload: text })
      const [claim] = await claimed(fixture, 1)
      expect(claim!.task.payload === text).toBe(true)
      await fixture.queue.complete(claim!, text)
      expect((await fixture.queue.get(id))!.result === text).toBe(true)
    })

    check('many at once', async (fixture) => {
      const { queue, clock } = fixture
      const tasks = Array.from({ length: 500 }, (_, i) => testTask(clock, { payload: `{"i":${i}}` }))
      const submitted = await Promise.all(tasks.map((task) => queue.submit(task)))
      expect(submitted).toEqual(tasks.map(({ id }) => ({ kind: 'accepted', id })))
      const claims = await claimed(fixture, 500)
      expect(new Set(idsOf(claims))).toEqual(new Set(tasks.map(({ id }) => id)))
      expect(await Promise.all(claims.map((claim) => queue.complete(claim, claim.task.payload)))).toEqual(claims.map(() => 'stored'))
      for (const { id, payload } of tasks.slice(0, 20)) expect(await queue.get(id)).toMatchObject({ state: 'done', result: payload })
    })

    check('what becomes of tasks is told, once', async (fixture) => {
      const { queue, clock } = fixture
      const seen: [string, TaskOutcome][] = []
      queue.onOutcome((lane, outcome) => seen.push([lane, outcome]))
      await submit(fixture)
      await submit(fixture)
      const [first, second] = await claimed(fixture, 2)
      await queue.complete(first!, '1')
      await queue.complete(first!, '1')
      await queue.fail(second!, testFailure, { final: false })
      await queue.cancel(second!.task.id)
      await queue.cancel(second!.task.id)
      await submit(fixture, { queue: 'n' })
      const [third] = await queue.claim(wants(1, 'n'))
      await queue.fail(third!, testFailure, { final: true })
      await queue.submit(testTask(clock, { queue: 'n', deadlineMs: clock.now() - 1 }))
      expect(await queue.claim(wants(1, 'n'))).toEqual([])
      const want = ['m submitted', 'm submitted', 'm done', 'm retried', 'm cancelled', 'n submitted', 'n dead', 'n submitted', 'n expired']
      expect(seen.map((entry) => entry.join(' ')).sort()).toEqual(want.sort())
    })
  })

  describe(`${name}: the same request again`, () => {
    check('under its own id', async ({ queue, clock }) => {
      const task = testTask(clock)
      expect(await queue.submit(task)).toEqual({ kind: 'accepted', id: task.id })
      expect(await queue.submit(task)).toEqual({ kind: 'known', id: task.id })
      expect((await queue.stats())[0]).toMatchObject({ waiting: 1 })
    })

    check('under one idempotency key: known, or a conflict; one queue’s keys are not another’s', async ({ queue, clock }) => {
      const first = testTask(clock, { idempotency: { key: 'k', digest: 'd1' } })
      const same = testTask(clock, { idempotency: { key: 'k', digest: 'd1' } })
      const other = testTask(clock, { idempotency: { key: 'k', digest: 'd2' } })
      const elsewhere = testTask(clock, { queue: 'n', idempotency: { key: 'k', digest: 'd2' } })
      expect(await queue.submit(first)).toEqual({ kind: 'accepted', id: first.id })
      expect(await queue.submit(same)).toEqual({ kind: 'known', id: first.id })
      expect(await queue.submit(other)).toEqual({ kind: 'conflict', id: first.id })
      expect(await queue.submit(elsewhere)).toEqual({ kind: 'accepted', id: elsewhere.id })
      expect(await queue.get(same.id)).toBeUndefined()
      expect(await queue.get(other.id)).toBeUndefined()
    })

    check('at the same time, through two handles: stored once', async (fixture) => {
      const other = await fixture.another()
      const tasks = Array.from({ length: 20 }, () => testTask(fixture.clock, { idempotency: { key: 'k', digest: 'd' } }))
      const answers = await Promise.all(tasks.map((task, i) => (i % 2 === 0 ? fixture.queue : other).submit(task)))
      expect(answers.filter(({ kind }) => kind === 'accepted')).toHaveLength(1)
      expect(answers.filter(({ kind }) => kind === 'known')).toHaveLength(19)
      expect(new Set(answers.map(({ id }) => id)).size).toBe(1)
      expect(await claimed(fixture, 1)).toHaveLength(1)
      expect(await fixture.queue.claim(wants(5))).toEqual([])
    })

    check(
      'a key is forgotten after its time, and outlives the result',
      async (fixture) => {
        const { queue, clock } = fixture
        const key = { key: 'k', digest: 'd' }
        const first = await submit(fixture, { idempotency: key })
        const [claim] = await claimed(fixture, 1)
        await queue.complete(claim!, '1')
        await fixture.advance(SHORT_MS + 20)
        await eventually(fixture, 'the result is gone', async () => ((await queue.get(first)) === undefined ? true : undefined))
        if (fixture.isSimulated) {
          expect(await queue.submit(testTask(clock, { idempotency: key }))).toEqual({ kind: 'known', id: first })
        }
        await fixture.advance(10 * SHORT_MS)
        const again = testTask(clock, { idempotency: { key: 'k', digest: 'other' } })
        expect(await queue.submit(again)).toEqual({ kind: 'accepted', id: again.id })
      },
      { resultsMs: SHORT_MS, idempotencyMs: 10 * SHORT_MS },
    )
  })

  describe(`${name}: order`, () => {
    check('first come, first served', async (fixture) => {
      const ids = await submitMany(fixture, 40)
      const got: string[] = []
      while (got.length < 40) got.push(...idsOf(await claimed(fixture, Math.min(7, 40 - got.length))))
      expect(got).toEqual(ids)
    })

    check('higher priorities first, and one in eight goes to the oldest', async (fixture) => {
      const low = await submitMany(fixture, 30, { priority: 0 })
      const high = await submitMany(fixture, 70, { priority: 9 })
      const got: string[] = []
      for (let i = 0; i < 16; i++) got.push(...idsOf(await claimed(fixture, 1)))
      for (let i = 0; i < 6; i++) got.push(...idsOf(await claimed(fixture, 8)))
      const lows = got.filter((id) => low.includes(id))
      expect(lows.length).toBeGreaterThanOrEqual(7)
      expect(lows.length).toBeLessThanOrEqual(9)
      expect(lows).toEqual(low.slice(0, lows.length))
      expect(got.filter((id) => high.includes(id))).toEqual(high.slice(0, 64 - lows.length))
      // Never long without one.
      const places = got.flatMap((id, i) => (low.includes(id) ? [i] : []))
      for (const [i, place] of [...places, got.length].entries()) expect(place - (places[i - 1] ?? -1)).toBeLessThanOrEqual(16)
    })

    check('every priority in its place', async (fixture) => {
      const byPriority: string[] = []
      for (const priority of [3, 9, 0, 5]) byPriority[9 - priority] = await submit(fixture, { priority })
      const got = idsOf(await claimed(fixture, 4))
      expect(got).toEqual(byPriority.filter((id) => id !== undefined))
    })

    check('lanes do not stand in each other’s way', async (fixture) => {
      const { queue } = fixture
      await submitMany(fixture, 50, { queue: 'a', priority: 9 })
      const b = await submitMany(fixture, 5, { queue: 'b' })
      await submit(fixture, { queue: 'c' })
      const claims = await queue.claim({
        queues: [
          { queue: 'a', tasksMax: 4, rowsMax: 100 },
          { queue: 'b', tasksMax: 2, rowsMax: 100 },
        ],
        worker: 'test',
      })
      expect(claims.filter(({ task }) => task.queue === 'a')).toHaveLength(4)
      expect(idsOf(claims.filter(({ task }) => task.queue === 'b'))).toEqual(b.slice(0, 2))
      expect(claims).toHaveLength(6)
    })

    check('as many tasks and rows as asked for; the first even if it is too large', async (fixture) => {
      const { queue } = fixture
      const ask = (tasksMax: number, rowsMax: number) => queue.claim({ queues: [{ queue: 'm', tasksMax, rowsMax }], worker: 'test' })
      for (const rows of [3, 3, 5, 100, 1]) await submit(fixture, { rows })
      const rowsOf = (claims: readonly Claim[]) => claims.map(({ task }) => task.rows)
      expect(await ask(0, 10)).toEqual([])
      expect(await ask(10, 0)).toEqual([])
      expect(rowsOf(await ask(10, 7))).toEqual([3, 3])
      expect(rowsOf(await ask(10, 7))).toEqual([5])
      expect(rowsOf(await ask(10, 7))).toEqual([100])
      expect(rowsOf(await ask(10, 7))).toEqual([1])
    })

    check('no two claimers get the same task', async (fixture) => {
      const other = await fixture.another()
      const tasks = Array.from({ length: 300 }, () => testTask(fixture.clock))
      await Promise.all(tasks.map((task) => fixture.queue.submit(task)))
      const got: string[] = []
      const tokens = new Set<string>()
      const work = async (queue: TaskQueue) => {
        for (let empty = 0; empty < 20 && got.length < tasks.length; ) {
          const claims = await queue.claim(wants(5))
          for (const { token } of claims) tokens.add(token)
          got.push(...idsOf(claims))
          if (claims.length > 0) empty = 0
          else {
            empty++
            await sleep(10)
          }
        }
      }
      await Promise.all([fixture.queue, other, fixture.queue, other].map(work))
      expect(got).toHaveLength(tasks.length)
      expect(new Set(got)).toEqual(new Set(tasks.map(({ id }) => id)))
      expect(tokens.size).toBe(tasks.length)
    })
  })

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

  describe(`${name}: cancel`, () => {
    check('in every state', async (fixture) => {
      const { queue } = fixture
      const ids = await submitMany(fixture, 5)
      const claims = await claimed(fixture, 4)
      await queue.fail(claims[0]!, testFailure, { final: false })
      await queue.fail(claims[1]!, testFailure, { final: true })
      await queue.complete(claims[2]!, '1')
      const answers = []
      for (const id of ids) answers.push(await queue.cancel(id))
      expect(answers).toEqual(['cancelled', 'final', 'final', 'cancelled', 'cancelled'])
      expect(await queue.complete(claims[3]!, '1')).toBe('lost')
      for (const i of [0, 3, 4]) expect(await queue.get(ids[i]!)).toMatchObject({ state: 'cancelled', result: undefined })
      expect((await queue.get(ids[4]!))!.finishedMs).toBeDefined()
      expect(await queue.cancel(ids[4]!)).toBe('cancelled')
      expect(await queue.claim(wants(5))).toEqual([])
      expect(await queue.retry([ids[4]!])).toBe(0)
    })
  })

  describe(`${name}: being told`, () => {
    for (const where of ['the same handle', 'another handle'] as const) {
      const watcherOf = (fixture: QueueFixture) => (where === 'the same handle' ? Promise.resolve(fixture.queue) : fixture.another())

      check(`watch, through ${where}`, async (fixture) => {
        const watcher = await watcherOf(fixture)
        const id = await submit(fixture)
        const seen: string[] = []
        const done = called()
        const end = watcher.watch(id, async () => {
          const state = await stateOf(watcher, id)
          if (state !== undefined) seen.push(state)
          if (state === 'done') done.resolve()
        })
        const [claim] = await claimed(fixture, 1)
        await fixture.queue.complete(claim!, '1')
        await done.promise
        end()
        expect(seen).toContain('done')
      })

      check(`onWork, through ${where}`, async (fixture) => {
        const worker = await watcherOf(fixture)
        const work = called()
        const got: string[] = []
        const end = worker.onWork(async () => {
          got.push(...idsOf(await worker.claim(wants(5))))
          if (got.length > 0) work.resolve()
        })
        const id = await submit(fixture)
        await work.promise
        end()
        expect(got).toEqual([id])
      })
    }

    check(
      'onWork, when a delayed task is due',
      async (fixture) => {
        const { queue } = fixture
        const id = await submit(fixture)
        const [claim] = await claimed(fixture, 1)
        await queue.fail(claim!, testFailure, { final: false })
        const work = called()
        const end = queue.onWork(async () => {
          if (idsOf(await queue.claim(wants(1))).includes(id)) work.resolve()
        })
        await fixture.advance(SHORT_MS)
        await work.promise
        end()
      },
      { retryDelayMs: SHORT_MS },
    )

    check('no longer, once ended', async (fixture) => {
      const { queue } = fixture
      let calls = 0
      const id = await submit(fixture)
      const ends = [queue.watch(id, () => calls++), queue.onWork(() => calls++)]
      for (const end of ends) end()
      await queue.cancel(id)
      await submit(fixture)
      await sleep(20)
      expect(calls).toBe(0)
    })
  })

  describe(`${name}: webhooks`, () => {
    const webhook = { url: 'http://127.0.0.1:1/done', secret: undefined }

    check('due when the task is final, however it ends', async (fixture) => {
      const { queue } = fixture
      const ids = await submitMany(fixture, 3, { webhook })
      await submit(fixture)
      const claims = await claimed(fixture, 4)
      expect(await queue.claimDeliveries(10)).toEqual([])
      await queue.complete(claims[0]!, '"yes"')
      await queue.fail(claims[1]!, testFailure, { final: true })
      await queue.cancel(ids[2]!)
      await queue.complete(claims[3]!, '"nobody is told"')
      const deliveries = await queue.claimDeliveries(10)
      const states = Object.fromEntries(deliveries.map(({ task }) => [task.id, task.state]))
      expect(states).toEqual({ [ids[0]!]: 'done', [ids[1]!]: 'dead', [ids[2]!]: 'cancelled' })
      expect(deliveries.find(({ task }) => task.state === 'done')).toMatchObject({ webhook, attempts: 0, task: { result: '"yes"' } })
      expect(await queue.claimDeliveries(10)).toEqual([])
      for (const delivery of deliveries) await queue.delivered(delivery)
      await fixture.advance(10)
      expect(await queue.claimDeliveries(10)).toEqual([])
    })

    check('no more than asked for', async (fixture) => {
      const { queue } = fixture
      for (const id of await submitMany(fixture, 5, { webhook })) await queue.cancel(id)
      expect(await queue.claimDeliveries(2)).toHaveLength(2)
      expect(await queue.claimDeliveries(10)).toHaveLength(3)
    })

    check(
      'tried again, and given up',
      async (fixture) => {
        const { queue } = fixture
        const id = await submit(fixture, { webhook })
        await queue.cancel(id)
        for (const [attempts, want] of (['delayed', 'delayed', 'given_up'] as const).entries()) {
          const delivery = await eventually(fixture, 'a delivery', async () => (await queue.claimDeliveries(1))[0])
          expect(delivery).toMatchObject({ attempts, task: { id } })
          expect(await queue.undelivered(delivery, 'connection refused')).toBe(want)
        }
        await fixture.advance(4 * SHORT_MS)
        expect(await queue.claimDeliveries(1)).toEqual([])
      },
      { webhookAttemptsMax: 3, webhookDelayMs: SHORT_MS / 3 },
    )

    check('not before its time', async (fixture) => {
      const { queue } = fixture
      await queue.cancel(await submit(fixture, { webhook }))
      const [delivery] = await queue.claimDeliveries(1)
      expect(await queue.undelivered(delivery!, 'refused')).toBe('delayed')
      expect(await queue.claimDeliveries(1)).toEqual([])
    })

    check(
      'again when the one who took it is silent',
      async (fixture) => {
        const { queue } = fixture
        const id = await submit(fixture, { webhook })
        await queue.cancel(id)
        expect(await queue.claimDeliveries(1)).toHaveLength(1)
        await fixture.advance(SHORT_MS + 20)
        const again = await eventually(fixture, 'a delivery', async () => (await queue.claimDeliveries(1))[0])
        expect(again.task.id).toBe(id)
        await queue.delivered(again)
      },
      { leaseMs: SHORT_MS },
    )

    check(
      'delivered, though its result was kept long enough',
      async (fixture) => {
        const { queue } = fixture
        const id = await submit(fixture, { webhook })
        await queue.cancel(id)
        await fixture.advance(SHORT_MS + 20)
        await eventually(fixture, 'it is gone', async () => ((await queue.get(id)) === undefined ? true : undefined))
        const delivery = await eventually(fixture, 'a delivery', async () => (await queue.claimDeliveries(1))[0])
        expect(delivery.task).toMatchObject({ id, state: 'cancelled' })
        await queue.delivered(delivery)
      },
      { resultsMs: SHORT_MS },
    )

    check('onWork tells of them, through another handle', async (fixture) => {
      const deliverer = await fixture.another()
      const work = called()
      const end = deliverer.onWork(async () => {
        if ((await deliverer.claimDeliveries(1)).length > 0) work.resolve()
      })
      await fixture.queue.cancel(await submit(fixture, { webhook }))
      await work.promise
      end()
    })
  })

  describe(`${name}: looking after it`, () => {
    check('lists, newest first, filtered, in pages', async (fixture) => {
      const { queue } = fixture
      const a = await submitMany(fixture, 25, { queue: 'a' })
      const b = await submitMany(fixture, 5, { queue: 'b' })
      await queue.cancel(a[3]!)
      await queue.cancel(b[0]!)
      const pages: string[] = []
      for (let after: string | undefined; ; after = pages.at(-1)) {
        const page = await queue.list({ queue: 'a', limit: 10, after })
        pages.push(...page.map(({ id }) => id))
        if (page.length < 10) break
      }
      expect(pages).toEqual(a.toReversed())
      const ids = (tasks: readonly Task[]) => tasks.map(({ id }) => id)
      expect(ids(await queue.list({ limit: 100 }))).toEqual([...a, ...b].reverse())
      expect(ids(await queue.list({ states: ['cancelled'], limit: 100 }))).toEqual([b[0], a[3]])
      expect(ids(await queue.list({ queue: 'b', states: ['waiting', 'cancelled'], limit: 2 }))).toEqual([b[4], b[3]])
      expect(await queue.list({ queue: 'none', limit: 5 })).toEqual([])
      expect(await queue.list({ states: ['active', 'dead'], limit: 5 })).toEqual([])
    })

    check('lists without results, which may be large', async (fixture) => {
      const { queue } = fixture
      const [id] = await submitMany(fixture, 1, { queue: 'a' })
      const [claim] = await queue.claim({ queues: [{ queue: 'a', tasksMax: 1, rowsMax: 1 }], worker: 'w' })
      await queue.complete(claim!, '{"predictions":[]}')
      const [listed] = await queue.list({ queue: 'a', limit: 5 })
      const { result, ...rest } = (await queue.get(id!))!
      expect(result).toBe('{"predictions":[]}')
      expect(listed).toEqual({ ...rest, result: undefined })
    })

    check('counts', async (fixture) => {
      const { queue } = fixture
      expect(await queue.stats()).toEqual([])
      const ids = await submitMany(fixture, 6)
      const claims = await claimed(fixture, 4)
      await queue.complete(claims[0]!, '1')
      await queue.fail(claims[1]!, testFailure, { final: false })
      await queue.fail(claims[2]!, testFailure, { final: true })
      const oldestWaitingMs = (await queue.get(ids[4]!))!.submittedMs
      expect(await queue.stats()).toEqual([{ queue: 'm', waiting: 2, active: 1, delayed: 1, dead: 1, oldestWaitingMs }])
      await submit(fixture, { queue: 'n' })
      const all = await queue.stats()
      expect(all.map((entry) => entry.queue).sort()).toEqual(['m', 'n'])
    })

    check(
      'results and dead tasks are kept for their time',
      async (fixture) => {
        const { queue } = fixture
        const [done, dead, cancelled, waiting] = await submitMany(fixture, 4)
        const claims = await claimed(fixture, 3)
        await queue.complete(claims[0]!, '1')
        await queue.fail(claims[1]!, testFailure, { final: true })
        await queue.cancel(cancelled!)
        await fixture.advance(SHORT_MS + 20)
        const gone = async (id: string) => ((await queue.get(id)) === undefined ? true : undefined)
        await eventually(fixture, 'the result is gone', () => gone(done!))
        await eventually(fixture, 'the cancelled one is gone', () => gone(cancelled!))
        if (fixture.isSimulated) expect(await stateOf(queue, dead!)).toBe('dead')
        await fixture.advance(10 * SHORT_MS)
        await eventually(fixture, 'the dead one is gone', () => gone(dead!))
        expect(await stateOf(queue, waiting!)).toBe('waiting')
      },
      { resultsMs: SHORT_MS, deadMs: 8 * SHORT_MS },
    )

    check('dead tasks get all their attempts again', async (fixture) => {
      const { queue } = fixture
      const ids = await submitMany(fixture, 3)
      const elsewhere = await submit(fixture, { queue: 'n' })
      for (const claim of await queue.claim(wants(5, 'm', 'n'))) await queue.fail(claim, testFailure, { final: true })
      expect(await queue.retry([ids[0]!, 'unknown'])).toBe(1)
      expect(await queue.get(ids[0]!)).toMatchObject({ state: 'waiting', attempts: 0, deaths: 0, finishedMs: undefined })
      expect(await queue.retry([ids[0]!])).toBe(0)
      expect(await queue.retry({ queue: 'm' })).toBe(2)
      expect(await stateOf(queue, elsewhere)).toBe('dead')
      expect(await queue.retry({ queue: undefined })).toBe(1)
      const claims = await claimed(fixture, 3)
      expect(new Set(idsOf(claims))).toEqual(new Set(ids))
      expect(await queue.complete(claims[0]!, '"at last"')).toBe('stored')
      expect(await queue.get(claims[0]!.task.id)).toMatchObject({ state: 'done', attempts: 1, result: '"at last"' })
    })

    check('a task that expired is not expired again when it is retried', async (fixture) => {
      const { queue, clock } = fixture
      const id = await submit(fixture, { deadlineMs: clock.now() - 1 })
      expect(await queue.claim(wants(1))).toEqual([])
      expect(await queue.retry([id])).toBe(1)
      expect(idsOf(await claimed(fixture, 1))).toEqual([id])
    })

    check('purge deletes what it is told to, and nothing else', async (fixture) => {
      const { queue, clock } = fixture
      const ids = await submitMany(fixture, 6)
      const claims = await claimed(fixture, 4)
      await queue.complete(claims[0]!, '1')
      await queue.fail(claims[1]!, testFailure, { final: false })
      await queue.fail(claims[2]!, testFailure, { final: true })
      const elsewhere = await submit(fixture, { queue: 'n' })
      expect(await queue.purge({ queue: 'm', states: ['waiting', 'dead'] })).toBe(3)
      const left = await Promise.all(ids.map((id) => stateOf(queue, id)))
      expect(left).toEqual(['done', 'delayed', undefined, 'active', undefined, undefined])
      expect(await stateOf(queue, elsewhere)).toBe('waiting')
      expect(await queue.purge({ queue: undefined, states: ['waiting', 'delayed', 'done', 'dead', 'cancelled'] })).toBe(3)
      expect(await queue.complete(claims[3]!, '1')).toBe('stored')
      const next = testTask(clock)
      await queue.submit(next)
      expect(idsOf(await claimed(fixture, 1))).toEqual([next.id])
    })

    check('purge of thousands', async (fixture) => {
      const { queue, clock } = fixture
      await Promise.all(Array.from({ length: 2500 }, () => queue.submit(testTask(clock))))
      expect(await queue.purge({ queue: undefined, states: ['waiting'] })).toBe(2500)
      expect(await queue.claim(wants(5))).toEqual([])
      expect(await queue.list({ limit: 5 })).toEqual([])
    })

    check(
      'a full queue refuses, and takes again when there is room',
      async (fixture) => {
        const { queue, clock } = fixture
        const key = { key: 'k', digest: 'd' }
        const seen: TaskOutcome[] = []
        queue.onOutcome((_, outcome) => seen.push(outcome))
        const first = await submit(fixture, { idempotency: key })
        await submit(fixture, { queue: 'n' })
        await submit(fixture)
        const refused = testTask(clock)
        await expect(queue.submit(refused)).rejects.toMatchObject({ code: 'MW_QUEUE_FULL', retryable: true })
        expect(await queue.get(refused.id)).toBeUndefined()
        expect(await queue.submit(testTask(clock, { idempotency: key }))).toEqual({ kind: 'known', id: first })
        const [claim] = await claimed(fixture, 1)
        await expect(queue.submit(refused)).rejects.toMatchObject({ code: 'MW_QUEUE_FULL' })
        await queue.complete(claim!, '1')
        expect(await queue.submit(refused)).toMatchObject({ kind: 'accepted' })
        const last = testTask(clock)
        await expect(queue.submit(last)).rejects.toMatchObject({ code: 'MW_QUEUE_FULL' })
        expect(seen.filter((outcome) => outcome === 'refused')).toHaveLength(3)
      },
      { tasksMax: 3 },
    )
  })

  describe(`${name}: open, close`, () => {
    check('opened again, everything is there', async (fixture) => {
      const { clock } = fixture
      const webhook = { url: 'http://127.0.0.1:1/done', secret: 'x' }
      const done = await submit(fixture, { webhook, idempotency: { key: 'k', digest: 'd' } })
      const dead = await submit(fixture)
      const delayed = await submit(fixture)
      const active = await submit(fixture)
      const low = await submit(fixture, { priority: 1, payload: '"low"' })
      const high = await submit(fixture, { priority: 2, payload: '"high"' })
      await fixture.queue.cancel(low)
      const claims = await fixture.queue.claim(wants(5))
      const of = (id: string) => claims.find(({ task }) => task.id === id)!
      await fixture.queue.complete(of(done), '"result"')
      await fixture.queue.fail(of(dead), testFailure, { final: true })
      await fixture.queue.fail(of(delayed), testFailure, { final: false })
      await fixture.queue.release([of(high)])

      const queue = await fixture.reopen()
      expect(await queue.get(done)).toMatchObject({ state: 'done', result: '"result"' })
      expect(await queue.get(dead)).toMatchObject({ state: 'dead', failure: testFailure })
      expect(await queue.get(delayed)).toMatchObject({ state: 'delayed', failure: testFailure })
      expect(await queue.get(active)).toMatchObject({ state: 'active', attempts: 1 })
      expect(await queue.get(low)).toMatchObject({ state: 'cancelled' })
      expect(await queue.submit(testTask(clock, { idempotency: { key: 'k', digest: 'd' } }))).toEqual({ kind: 'known', id: done })
      expect(await queue.claimDeliveries(5)).toMatchObject([{ webhook, task: { id: done } }])
      expect(await queue.claim(wants(5))).toMatchObject([{ task: { id: high, payload: '"high"' } }])
      expect(await queue.complete(of(active), '"the claim still holds"')).toBe('stored')
    })

    check('what is under way when it closes is settled, and then it says that it is closed', async (fixture) => {
      const { queue, clock } = fixture
      const tasks = Array.from({ length: 10 }, () => testTask(clock))
      const answers = tasks.map((task) => queue.submit(task))
      const closed = queue.close()
      expect((await Promise.all(answers)).map(({ kind }) => kind)).toEqual(tasks.map(() => 'accepted'))
      await closed
      await queue.close()
      await expect(queue.submit(testTask(clock))).rejects.toMatchObject({ code: 'MW_QUEUE_UNAVAILABLE' })
      const again = await fixture.reopen()
      expect((await again.stats())[0]).toMatchObject({ waiting: 10 })
    })
  })
}
