import { expect, test } from 'vitest'
import { AloneGate } from './alone-gate.ts'

test('many pass together, one passes alone, and nobody is overtaken', async () => {
  const gate = new AloneGate()
  const order: string[] = []
  const come = async (name: string, alone: boolean) => {
    await gate.enter(alone)
    order.push(name)
  }
  const all = [come('a', false), come('b', false), come('suspect', true), come('c', false), come('d', false)]
  await Promise.all(all.slice(0, 2))
  expect(order).toEqual(['a', 'b']) // c and d wait behind the suspect, who would never be alone otherwise.
  gate.leave()
  await Promise.resolve()
  expect(order).toEqual(['a', 'b'])
  gate.leave()
  await all[2]
  expect(order).toEqual(['a', 'b', 'suspect'])
  gate.leave()
  await Promise.all(all)
  expect(order).toEqual(['a', 'b', 'suspect', 'c', 'd'])
})

test('two suspects go one after the other', async () => {
  const gate = new AloneGate()
  expect(gate.enter(true)).toBeUndefined()
  const second = gate.enter(true)
  expect(second).toBeInstanceOf(Promise)
  gate.leave()
  await second
  gate.leave()
  expect(gate.enter(false)).toBeUndefined()
})
