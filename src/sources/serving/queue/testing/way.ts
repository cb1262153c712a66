import { describe, expect } from 'vitest'
import type { TaskOutcome } from '../contract.ts'
import { createTaskId } from '../task-id.ts'
import { testFailure, testTask } from '../test-task.ts'
import { idsOf, type Kit, wants } from './kit.ts'

/** From submission to result. */
export function wayConformance({ name, check, claimed, submit }: Kit): void {
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
}
