import { expect, test } from 'vitest'
import type { Task, TaskQueue } from '../../queue/contract.ts'
import { FinalAnswers } from './final-answers.ts'

const waiting = {
  id: '01890000-0000-7000-8000-000000000000',
  queue: 'demo',
  revision: 'v1',
  state: 'waiting',
  priority: 5,
  rows: 1,
  attempts: 0,
  deaths: 0,
  submittedMs: 0,
} as Task
const done: Task = { ...waiting, state: 'done', result: '{"predictions":[1]}' }

/** A queue of one task, which only answers what these waits ask of it. */
function fakeQueue(first: Task) {
  const listeners = new Set<() => void>()
  const fake = { task: first as Task | undefined, fault: undefined as Error | undefined, looks: 0, listeners }
  const queue = {
    async get() {
      fake.looks++
      if (fake.fault !== undefined) throw fake.fault
      return fake.task
    },
    watch(_id: string, onChange: () => void) {
      listeners.add(onChange)
      return () => listeners.delete(onChange)
    },
  } as unknown as TaskQueue
  const become = (task: Task | undefined) => {
    fake.task = task
    for (const listener of listeners) listener()
  }
  return { queue, fake, become }
}

const never = new AbortController().signal
const textOf = (bytes: Buffer) => JSON.parse(bytes.toString()) as { state: string; predictions?: unknown }

test('a thousand who wait for a task get the same bytes, read once', async () => {
  const { queue, fake, become } = fakeQueue(waiting)
  const answers = new FinalAnswers(queue)
  const waits = Array.from({ length: 1000 }, () => answers.wait(waiting, never))
  await expect.poll(() => fake.looks).toBe(1)
  become(done)
  const all = await Promise.all(waits)
  expect(new Set(all).size).toBe(1)
  expect(textOf(all[0]!)).toMatchObject({ state: 'done', predictions: [1] })
  expect(fake.looks).toBe(2)
  expect(fake.listeners.size).toBe(0)
})

test('who leaves is answered with what was seen, the others wait on, and with the last one nobody looks any more', async () => {
  const { queue, fake, become } = fakeQueue(waiting)
  const answers = new FinalAnswers(queue)
  const leaving = [new AbortController(), new AbortController()] as const
  const [first, second] = leaving.map(({ signal }) => answers.wait(waiting, signal)) as [Promise<Buffer>, Promise<Buffer>]
  become({ ...waiting, state: 'active', attempts: 1 })
  await expect.poll(() => fake.looks).toBeGreaterThan(1)
  leaving[0].abort()
  expect(textOf(await first)).toMatchObject({ state: 'active' })
  expect(fake.listeners.size).toBe(1)
  leaving[1].abort()
  await second
  await expect.poll(() => fake.listeners.size).toBe(0)
  const late = answers.wait(waiting, never) // Whoever comes now is not left with those who are gone.
  await expect.poll(() => fake.listeners.size).toBe(1)
  become(done)
  expect(textOf(await late).state).toBe('done')
})

test('a task that is stored no longer, and a signal that has aborted, are answered at once', async () => {
  const { queue, become } = fakeQueue(waiting)
  const answers = new FinalAnswers(queue)
  expect(textOf(await answers.wait(waiting, AbortSignal.abort())).state).toBe('waiting')
  const wait = answers.wait(waiting, never)
  become(undefined)
  expect(textOf(await wait).state).toBe('waiting')
})

test('a queue that fails is told to all who wait, and asked again by the next', async () => {
  const { queue, fake, become } = fakeQueue(waiting)
  const answers = new FinalAnswers(queue)
  fake.fault = new Error('the disk is gone')
  const waits = await Promise.allSettled([answers.wait(waiting, never), answers.wait(waiting, never)])
  expect(waits.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
  fake.fault = undefined
  become(done)
  expect(textOf(await answers.wait(waiting, never)).state).toBe('done')
})
