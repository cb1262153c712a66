import { describe, expect } from 'vitest'
import type { Task, TaskOutcome } from '../contract.ts'
import { testFailure, testTask } from '../test-task.ts'
import { idsOf, type Kit, SHORT_MS, stateOf, wants } from './kit.ts'

/** Lists, counts, retrying and purging by hand, the bound of the queue. */
export function upkeepConformance({ name, check, eventually, claimed, submit, submitMany }: Kit): void {
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
}
