import { expect, test } from 'vitest'
import { createQueryGate, type QueryGate } from './query-gate.ts'

const never = new AbortController().signal

/** Queries that end when they are told to. */
function scripted(gate: QueryGate) {
  const begun: string[] = []
  const ends = new Map<string, () => void>()
  const start = (name: string, signal = never, waitMs?: number) => {
    const work = () => {
      begun.push(name)
      return new Promise<string>((resolve) => ends.set(name, () => resolve(name)))
    }
    return gate.run(work, signal, waitMs)
  }
  return { begun, start, end: (name: string) => ends.get(name)!() }
}

test('so many run, so many wait in order, and the rest are refused', async () => {
  const gate = createQueryGate({ runningMax: 2, waitingMax: 2, waitMsMax: 60_000 })
  const { begun, start, end } = scripted(gate)
  const gone = new AbortController()
  const queries = [start('a'), start('b'), start('c'), start('d', gone.signal)]
  await expect(start('e')).rejects.toMatchObject({ code: 'MW_API_BUSY', message: '2 queries run and 2 wait already' })
  expect(begun).toEqual(['a', 'b'])
  expect(gate.stats()).toMatchObject({ running: 2, waiting: 2, refused: 1 })

  gone.abort()
  await expect(queries[3]).rejects.toMatchObject({ code: 'MW_API_CANCELED' })
  queries.push(start('f'))
  end('a')
  expect(await queries[0]).toBe('a')
  await Promise.resolve()
  expect(begun).toEqual(['a', 'b', 'c'])

  end('b')
  end('c')
  await queries[2]
  await new Promise(setImmediate)
  expect(begun).toEqual(['a', 'b', 'c', 'f'])
  end('f')
  expect(await queries[4]).toBe('f')
  expect(gate.stats()).toEqual({ running: 0, waiting: 0, done: 4, failed: 0, limited: 0, refused: 1, canceled: 1, timedOut: 0 })
})

test('work that fails gives its place back', async () => {
  const gate = createQueryGate({ runningMax: 1, waitingMax: 0, waitMsMax: 60_000 })
  await expect(gate.run(() => Promise.reject(new Error('boom')), never)).rejects.toThrow('boom')
  expect(await gate.run(async () => 'next', never)).toBe('next')
  expect(gate.stats()).toMatchObject({ running: 0, done: 1, failed: 1 })
})

test('who waits too long is told so, and takes no place', async () => {
  const gate = createQueryGate({ runningMax: 1, waitingMax: 5, waitMsMax: 60_000 })
  const { begun, start, end } = scripted(gate)
  const first = start('a')
  await expect(start('b', never, 5)).rejects.toMatchObject({ code: 'MW_API_QUEUE_TIMEOUT', message: 'query timed out in query queue' })
  end('a')
  await first
  expect(begun).toEqual(['a'])
  expect(gate.stats()).toMatchObject({ running: 0, waiting: 0, timedOut: 1 })
})

test('nobody waits longer than is usual, whatever he asks for', async () => {
  const gate = createQueryGate({ runningMax: 1, waitingMax: 5, waitMsMax: 5 })
  const { start, end } = scripted(gate)
  const first = start('a')
  for (const waitMs of [undefined, 60_000]) await expect(start('b', never, waitMs)).rejects.toMatchObject({ code: 'MW_API_QUEUE_TIMEOUT' })
  end('a')
  await first
})

test('who is gone already is not begun', async () => {
  const gate = createQueryGate({ runningMax: 1, waitingMax: 5, waitMsMax: 60_000 })
  const { begun, start } = scripted(gate)
  await expect(start('a', AbortSignal.abort())).rejects.toMatchObject({ code: 'MW_API_CANCELED' })
  expect(begun).toEqual([])
  expect(gate.stats()).toMatchObject({ running: 0, canceled: 1 })
})

test('work is told how long it waited for its turn', async () => {
  const gate = createQueryGate({ runningMax: 1, waitingMax: 1, waitMsMax: 60_000 })
  const first = Promise.withResolvers<void>()
  const waits = [gate.run((waitedMs) => first.promise.then(() => waitedMs), never), gate.run(async (waitedMs) => waitedMs, never)]
  const beganMs = performance.now()
  await expect.poll(() => performance.now() - beganMs).toBeGreaterThan(20)
  first.resolve()
  const [atOnce, later] = await Promise.all(waits)
  expect(later).toBeGreaterThan(20)
  expect(later).toBeGreaterThan(atOnce!)
})
