import { expect, test } from 'vitest'
import { createPace, nextTurn } from './turns.ts'

/** Names in the order in which they get their turns. */
async function order(waiting: readonly (readonly [name: string, spentMs: number])[]): Promise<string[]> {
  const turns: string[] = []
  await Promise.all(waiting.map(([name, spentMs]) => nextTurn(spentMs).then(() => turns.push(name))))
  return turns
}

test.for([
  {
    why: 'first come, first served',
    waiting: [
      ['a', 0],
      ['b', 0],
      ['c', 0],
    ],
    want: 'abc',
  },
  {
    why: 'what has just begun before what has taken long',
    waiting: [
      ['a', 900],
      ['b', 40],
      ['c', 0],
    ],
    want: 'cab',
  },
  { why: 'but not for ever', waiting: [['a', 900], ['b', 900], ...[...'cdefghi'].map((name) => [name, 1] as const)], want: 'cdeafghbi' },
] as const)('$why', async ({ waiting, want }) => expect((await order(waiting)).join('')).toBe(want))

test('the event loop goes round between two turns, however many wait', async () => {
  let rounds = 0
  let isOver = false
  const spin = () => {
    rounds++
    if (!isOver) setImmediate(spin)
  }
  setImmediate(spin)
  const seen = await Promise.all(Array.from({ length: 20 }, () => nextTurn(1000).then(() => rounds)))
  isOver = true
  expect(new Set(seen).size).toBe(20)
})

test('work that was given up ends at its next breath', async () => {
  const controller = new AbortController()
  const pace = createPace(controller.signal)
  await pace.breathe()
  controller.abort(new Error('enough'))
  await expect(pace.breathe()).rejects.toThrow('enough')
})
