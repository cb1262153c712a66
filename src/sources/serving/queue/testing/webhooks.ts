import { describe, expect } from 'vitest'
import { testFailure } from '../test-task.ts'
import { type Kit, SHORT_MS } from './kit.ts'

/** Deliveries. */
export function webhooksConformance({ name, check, eventually, claimed, submit, submitMany, called }: Kit): void {
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

    check('as many bytes of results as a claim may bring; the first even if it is too large', async (fixture) => {
      const { queue } = fixture
      const sizes = [7, 7, 7, 17, 1].map((megabytes) => megabytes * 1_000_000)
      const ids: string[] = []
      for (const size of sizes) {
        ids.push(await submit(fixture, { webhook }))
        const [claim] = await claimed(fixture, 1)
        await queue.complete(claim!, JSON.stringify('x'.repeat(size)))
        await fixture.advance(2) // They are due one after the other.
      }
      const told: string[][] = []
      for (let i = 0; i < 4; i++) told.push((await queue.claimDeliveries(10)).map(({ task }) => task.id))
      expect(told).toEqual([ids.slice(0, 2), ids.slice(2, 3), ids.slice(3, 4), ids.slice(4)])
    })

    check(
      'another’s for as long as was asked for, though a lease is shorter',
      async (fixture) => {
        const { queue } = fixture
        await queue.cancel(await submit(fixture, { webhook }))
        const [delivery] = await queue.claimDeliveries(1, { holdMs: 60_000 })
        await fixture.advance(SHORT_MS + 20)
        expect(await queue.claimDeliveries(1)).toEqual([])
        await queue.delivered(delivery!)
        await fixture.advance(60_000 * (fixture.isSimulated ? 1 : 0))
        expect(await queue.claimDeliveries(1)).toEqual([])
      },
      { leaseMs: SHORT_MS },
    )

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
        expect(await queue.undelivered({ ...again, attempts: 100, token: 'another' }, 'late')).toBe('delayed')
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
}
