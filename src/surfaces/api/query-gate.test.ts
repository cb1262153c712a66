import { expect, test } from 'vitest'
import { createQueryGate } from './query-gate.ts'

const never = new AbortController().signal

test('so many run, so many wait in order, and the rest are refused', async () => {
  const gate = createQueryGate({ runningMax: 2, waitingMax: 2 })
  const begun: string[] = []
  const ends = new Map<string, () => void>()
  const start = (name: string, signal = never) =>
    gate.run(() => {
      begun.push(name)
      return new Promise<string>((resolve) => ends.set(name, () => resolve(name)))
    }, signal)
  const gone = new AbortController()
  const queries = [start('a'), start('b'), start('c'), start('d', gone.signal)]
  await expect(start('e')).rejects.toMatchObject({ code: 'MW_API_BUSY', message: '2 queries run and 2 wait already' })
  expect(begun).toEqual(['a', 'b'])

  gone.abort()
  await expect(queries[3]).rejects.toMatchObject({ code: 'MW_API_CANCELED' })
  queries.push(start('f'))
  ends.get('a')!()
  expect(await queries[0]).toBe('a')
  await Promise.resolve()
  expect(begun).toEqual(['a', 'b', 'c'])

  ends.get('b')!()
  ends.get('c')!()
  await queries[2]
  await new Promise(setImmediate)
  expect(begun).toEqual(['a', 'b', 'c', 'f'])
  ends.get('f')!()
  expect(await queries[4]).toBe('f')
})

test('work that fails gives its place back', async () => {
  const gate = createQueryGate({ runningMax: 1, waitingMax: 0 })
  await expect(gate.run(() => Promise.reject(new Error('boom')), never)).rejects.toThrow('boom')
  expect(await gate.run(async () => 'next', never)).toBe('next')
})
