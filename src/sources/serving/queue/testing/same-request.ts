import { describe, expect } from 'vitest'
import { testTask } from '../test-task.ts'
import { type Kit, SHORT_MS, wants } from './kit.ts'

/** A submission that comes twice. */
export function sameRequestConformance({ name, check, eventually, claimed, submit }: Kit): void {
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
}
