import { describe, expect } from 'vitest'
import type { Claim, ClaimRequest, NewTask, QueueOptions, TaskQueue } from '../contract.ts'
import { testFailure } from '../test-task.ts'
import { idsOf, type Kit, type QueueFixture, SHORT_MS, stateOf, wants } from './kit.ts'

/** What died once is soon there again. */
const soon: Partial<QueueOptions> = { retryDelayMs: 1, retryDelayMsMax: 1, deathsMax: 3 }

/** The same request, for so many suspects. */
const taking = (suspectsMax: 0 | 1, request: ClaimRequest): ClaimRequest => ({ ...request, suspectsMax })

/** Tasks whose worker died with them in hand. */
export function suspectsConformance({ name, check, eventually, submit, submitMany }: Kit): void {
  /** Submits tasks that take their first worker along, and waits until they wait again. */
  const suspects = async (fixture: QueueFixture, count: number, options: Partial<NewTask> = {}): Promise<string[]> => {
    const { queue } = fixture
    const ids = await submitMany(fixture, count, options)
    const claims: Claim[] = []
    await eventually(fixture, 'claims', async () => {
      claims.push(...(await queue.claim(taking(0, wants(count - claims.length, options.queue ?? 'm')))))
      return claims.length === count ? true : undefined
    })
    expect(await Promise.all(claims.map((claim) => queue.died(claim, testFailure)))).toEqual(claims.map(() => 'delayed'))
    await fixture.advance(2)
    return ids
  }
  const nextSuspect = (fixture: QueueFixture, queue: TaskQueue = fixture.queue): Promise<Claim> =>
    eventually(fixture, 'a suspect', async () => (await queue.claim(taking(1, wants(5)))).find(({ task }) => task.deaths > 0))

  describe(`${name}: suspects`, () => {
    check(
      'not for those who take none, and in nobody’s way, however many they are',
      async (fixture) => {
        const { queue } = fixture
        const ids = await suspects(fixture, 300, { priority: 9 })
        const others = await submitMany(fixture, 40)
        expect(idsOf(await queue.claim(taking(0, wants(30))))).toEqual(others.slice(0, 30))
        expect(idsOf(await queue.claim(taking(0, wants(30))))).toEqual(others.slice(30))
        expect(await queue.claim(taking(0, wants(30)))).toEqual([])
        expect((await queue.stats())[0]).toMatchObject({ waiting: 300, active: 40, delayed: 0 })
        expect((await nextSuspect(fixture)).task).toMatchObject({ id: ids[0], attempts: 2, deaths: 1 })
      },
      soon,
    )

    check(
      'one at a time, before the others of its queue and without them; the oldest, whatever its priority',
      async (fixture) => {
        const { queue } = fixture
        const ids = [...(await suspects(fixture, 2, { priority: 0, rows: 50 })), ...(await suspects(fixture, 2, { priority: 9 }))]
        const others = await submitMany(fixture, 3, { priority: 9 })
        const elsewhere = await submitMany(fixture, 2, { queue: 'n' })
        const request: ClaimRequest = {
          queues: [
            { queue: 'm', tasksMax: 5, rowsMax: 10 },
            { queue: 'n', tasksMax: 5, rowsMax: 10 },
          ],
          worker: 'test',
        }
        const got = idsOf(await queue.claim(request))
        expect(got.toSorted()).toEqual([ids[0], ...elsewhere].toSorted())
        for (const id of ids.slice(1)) expect(idsOf(await queue.claim(request))).toEqual([id])
        expect(idsOf(await queue.claim(request))).toEqual(others)
      },
      soon,
    )

    check(
      'one over all queues of a claim, and the queues take turns',
      async (fixture) => {
        const { queue } = fixture
        for (const lane of ['a', 'b', 'c']) await suspects(fixture, 3, { queue: lane })
        const lanes: string[] = []
        for (let i = 0; i < 9; i++) {
          const claims = await queue.claim(taking(1, wants(5, 'a', 'b', 'c')))
          expect(claims).toHaveLength(1)
          lanes.push(claims[0]!.task.queue)
        }
        for (const at of [0, 3, 6]) expect(lanes.slice(at, at + 3).toSorted()).toEqual(['a', 'b', 'c'])
        expect(await queue.claim(taking(1, wants(5, 'a', 'b', 'c')))).toEqual([])
        expect(await queue.claim(taking(1, wants(0, 'a')))).toEqual([])
      },
      soon,
    )

    check(
      'to one of those who ask at the same time',
      async (fixture) => {
        const handles = [fixture.queue, await fixture.another(), await fixture.another()]
        const ids = await suspects(fixture, 12)
        const got: string[] = []
        await eventually(fixture, 'all suspects', async () => {
          const claims = await Promise.all([...handles, ...handles].map((queue) => queue.claim(taking(1, wants(5)))))
          for (const claim of claims) expect(claim.length).toBeLessThanOrEqual(1)
          got.push(...claims.flatMap(idsOf))
          return got.length >= ids.length ? true : undefined
        })
        expect(got.toSorted()).toEqual(ids.toSorted())
      },
      soon,
    )

    check(
      'whose lease ran out are suspects too, until they are done',
      async (fixture) => {
        const { queue } = fixture
        const ids = await submitMany(fixture, 3)
        expect(await queue.claim(taking(0, wants(3)))).toHaveLength(3)
        await fixture.advance(SHORT_MS + 20)
        const other = await fixture.another()
        for (const id of ids) {
          const claim = await nextSuspect(fixture, other)
          expect(claim.task).toMatchObject({ id, attempts: 2, deaths: 1 })
          expect(await other.claim(taking(0, wants(5)))).toEqual([])
          expect(await other.heartbeat([claim])).toEqual({ lost: [] })
          expect(await other.complete(claim, '"at last"')).toBe('stored')
        }
        expect((await queue.stats())[0]).toMatchObject({ waiting: 0, active: 0 })
      },
      { leaseMs: SHORT_MS, deathsMax: 3 },
    )

    check(
      'released or failed they are suspects still, and stand where they stood',
      async (fixture) => {
        const { queue } = fixture
        const [first, second] = await suspects(fixture, 2)
        const claim = await nextSuspect(fixture)
        expect(claim.task.id).toBe(first)
        await queue.release([claim])
        expect(await queue.get(first!)).toMatchObject({ state: 'waiting', attempts: 1, deaths: 1 })
        expect(await queue.claim(taking(0, wants(5)))).toEqual([])
        const again = await nextSuspect(fixture)
        expect(again.task).toMatchObject({ id: first, attempts: 2 })
        expect(await queue.complete(claim, '"late"')).toBe('lost')
        expect(await queue.fail(again, testFailure, { final: false })).toBe('delayed')
        expect(await queue.get(first!)).toMatchObject({ attempts: 2, deaths: 1, failure: testFailure })
        await fixture.advance(2)
        const got = [(await nextSuspect(fixture)).task.id, (await nextSuspect(fixture)).task.id]
        expect(got.toSorted()).toEqual([first, second].toSorted())
      },
      { ...soon, attemptsMax: 5 },
    )

    check(
      'after another death they are suspects still, and then poisonous; begun anew by hand they are none',
      async (fixture) => {
        const { queue } = fixture
        const [id] = await suspects(fixture, 1)
        expect(await queue.died(await nextSuspect(fixture), testFailure)).toBe('delayed')
        await fixture.advance(2)
        expect(await queue.claim(taking(0, wants(5)))).toEqual([])
        const last = await nextSuspect(fixture)
        expect(last.task.deaths).toBe(2)
        expect(await queue.died(last, testFailure)).toBe('dead')
        expect(await queue.get(id!)).toMatchObject({ state: 'dead', deaths: 3, failure: { code: 'MW_TASK_POISONED' } })
        expect(await queue.claim(taking(1, wants(5)))).toEqual([])
        expect(await queue.retry([id!])).toBe(1)
        const claims = await eventually(fixture, 'it', async () => {
          const some = await queue.claim(taking(0, wants(5)))
          return some.length > 0 ? some : undefined
        })
        expect(claims).toMatchObject([{ task: { id, attempts: 1, deaths: 0 } }])
      },
      soon,
    )

    check(
      'waiting, they are listed and counted, cancelled, purged and too late as others are',
      async (fixture) => {
        const { queue, clock } = fixture
        const early = await suspects(fixture, 1)
        const late = await suspects(fixture, 1, { deadlineMs: clock.now() + 4 * SHORT_MS })
        const many = await suspects(fixture, 3)
        const young = await submit(fixture)
        await queue.claim(taking(0, wants(0))) // Whatever is due, waits by now.
        await eventually(fixture, 'all wait', async () => {
          await queue.claim(taking(0, wants(1, 'none')))
          return (await queue.stats())[0]?.waiting === 6 ? true : undefined
        })
        const oldestWaitingMs = (await queue.get(early[0]!))!.submittedMs
        expect((await queue.stats())[0]).toMatchObject({ waiting: 6, active: 0, delayed: 0, oldestWaitingMs })
        const listed = await queue.list({ states: ['waiting'], limit: 10 })
        expect(listed.map(({ id }) => id)).toEqual([...early, ...late, ...many, young].reverse())
        const page = await queue.list({ states: ['waiting'], limit: 2, after: many[1]! })
        expect(page.map(({ id }) => id)).toEqual([many[0], late[0]])

        expect(await queue.cancel(early[0]!)).toBe('cancelled')
        expect(await queue.get(early[0]!)).toMatchObject({ state: 'cancelled', deaths: 1 })
        await fixture.advance(4 * SHORT_MS)
        expect((await nextSuspect(fixture)).task.id).toBe(many[0])
        await eventually(fixture, 'it is too late', async () => ((await stateOf(queue, late[0]!)) === 'dead' ? true : undefined))
        expect((await queue.get(late[0]!))!.failure!.code).toBe('MW_TASK_EXPIRED')
        expect(await queue.purge({ queue: 'm', states: ['waiting'] })).toBe(3)
        expect(await stateOf(queue, many[1]!)).toBeUndefined()
        expect(await queue.claim(taking(1, wants(5)))).toEqual([])
        expect((await queue.stats())[0]).toMatchObject({ waiting: 0, active: 1 })
      },
      soon,
    )

    check(
      'opened again, they are suspects still',
      async (fixture) => {
        const ids = await suspects(fixture, 2)
        const queue = await fixture.reopen()
        expect(await queue.claim(taking(0, wants(5)))).toEqual([])
        expect((await nextSuspect(fixture, queue)).task.id).toBe(ids[0])
      },
      soon,
    )
  })
}
