import { describe, expect } from 'vitest'
import { testFailure } from '../test-task.ts'
import { idsOf, type Kit, type QueueFixture, SHORT_MS, stateOf, wants } from './kit.ts'

/** Listeners of this process and of others. */
export function beingToldConformance({ name, check, claimed, submit, called }: Kit): void {
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
      // Those who still listen are called for the same; then the others have had their time.
      const [change, work] = [called(), called()]
      const still = [
        queue.watch(id, async () => {
          if ((await stateOf(queue, id)) === 'cancelled') change.resolve()
        }),
        queue.onWork(async () => {
          if ((await queue.claim(wants(1))).length > 0) work.resolve()
        }),
      ]
      await queue.cancel(id)
      await submit(fixture)
      await Promise.all([change.promise, work.promise])
      for (const end of still) end()
      expect(calls).toBe(0)
    })
  })
}
