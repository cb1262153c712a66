import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect } from 'vitest'
import type { Claim, TaskQueue } from '../contract.ts'
import { testTask } from '../test-task.ts'
import { idsOf, type Kit, wants } from './kit.ts'

/** What is handed out first, and to whom. */
export function orderConformance({ name, check, claimed, submit, submitMany }: Kit): void {
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

    check('as many bytes of payloads as a claim may bring; the first even if it is too large', async (fixture) => {
      const { queue } = fixture
      const ids: string[] = []
      for (const megabytes of [7, 7, 7, 17, 1]) {
        ids.push(await submit(fixture, { payload: JSON.stringify('x'.repeat(megabytes * 1_000_000)) }))
      }
      const got: string[][] = []
      for (let i = 0; i < 4; i++) got.push(idsOf(await queue.claim(wants(10))))
      expect(got).toEqual([ids.slice(0, 2), ids.slice(2, 3), ids.slice(3, 4), ids.slice(4)])
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
}
