import { describe, expect } from 'vitest'
import { testFailure } from '../test-task.ts'
import { type Kit, wants } from './kit.ts'

/** Cancelling. */
export function cancelConformance({ name, check, claimed, submitMany }: Kit): void {
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
}
