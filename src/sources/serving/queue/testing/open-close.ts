import { describe, expect } from 'vitest'
import { testFailure, testTask } from '../test-task.ts'
import { type Kit, wants } from './kit.ts'

/** What outlives a handle. */
export function openCloseConformance({ name, check, submit }: Kit): void {
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
