import { expect, test } from 'vitest'
import { Slots } from './slots.ts'

const never = () => new AbortController().signal

test('first come, first served, and who gives up leaves the line', async () => {
  const slots = new Slots(1)
  expect(await slots.acquire(never())).toBe(true)
  const order: string[] = []
  const impatient = new AbortController()
  const waits = [
    slots.acquire(never()).then((got) => order.push(`a ${got}`)),
    slots.acquire(impatient.signal).then((got) => order.push(`b ${got}`)),
    slots.acquire(never()).then((got) => order.push(`c ${got}`)),
  ]
  impatient.abort()
  await waits[1]
  slots.release()
  await waits[0]
  slots.release()
  await waits[2]
  expect(order).toEqual(['b false', 'a true', 'c true'])
  slots.release()
  expect(await slots.acquire(never())).toBe(true)
})

test('whose time is up before it begins gets nothing, though there be room', async () => {
  expect(await new Slots(1).acquire(AbortSignal.abort())).toBe(false)
})
