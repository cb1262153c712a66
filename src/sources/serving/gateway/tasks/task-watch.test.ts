import { expect, test } from 'vitest'
import type { Task, TaskQueue } from '../../queue/contract.ts'
import { toEvents } from './events.ts'
import type { Sight } from './sight.ts'
import { TaskWatch } from './task-watch.ts'

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

/** A queue of one task, which only watch what these waits ask of it. */
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
const textOf = ({ answer }: Sight) => JSON.parse(answer.toString()) as { state: string; predictions?: unknown }

test('a thousand who wait for a task get the same bytes, read once', async () => {
  const { queue, fake, become } = fakeQueue(waiting)
  const watch = new TaskWatch(queue)
  const waits = Array.from({ length: 1000 }, () => watch.untilFinal(waiting, never))
  await expect.poll(() => fake.looks).toBe(1)
  become(done)
  const all = await Promise.all(waits)
  expect(new Set(all.map(({ answer }) => answer)).size).toBe(1)
  expect(textOf(all[0]!)).toMatchObject({ state: 'done', predictions: [1] })
  expect(fake.looks).toBe(2)
  expect(fake.listeners.size).toBe(0)
})

test('who leaves is answered with what was seen, the others wait on, and with the last one nobody looks any more', async () => {
  const { queue, fake, become } = fakeQueue(waiting)
  const watch = new TaskWatch(queue)
  const leaving = [new AbortController(), new AbortController()] as const
  const [first, second] = leaving.map(({ signal }) => watch.untilFinal(waiting, signal)) as [Promise<Sight>, Promise<Sight>]
  become({ ...waiting, state: 'active', attempts: 1 })
  await expect.poll(() => fake.looks).toBeGreaterThan(1)
  leaving[0].abort()
  expect(textOf(await first)).toMatchObject({ state: 'active' })
  expect(fake.listeners.size).toBe(1)
  leaving[1].abort()
  await second
  await expect.poll(() => fake.listeners.size).toBe(0)
  const late = watch.untilFinal(waiting, never) // Whoever comes now is not left with those who are gone.
  await expect.poll(() => fake.listeners.size).toBe(1)
  become(done)
  expect(textOf(await late).state).toBe('done')
})

test('a task that is stored no longer, and a signal that has aborted, are answered at once', async () => {
  const { queue, become } = fakeQueue(waiting)
  const watch = new TaskWatch(queue)
  expect(textOf(await watch.untilFinal(waiting, AbortSignal.abort())).state).toBe('waiting')
  const wait = watch.untilFinal(waiting, never)
  become(undefined)
  expect(textOf(await wait).state).toBe('waiting')
})

test('a queue that fails is told to all who wait, and asked again by the next', async () => {
  const { queue, fake, become } = fakeQueue(waiting)
  const watch = new TaskWatch(queue)
  fake.fault = new Error('the disk is gone')
  const waits = await Promise.allSettled([watch.untilFinal(waiting, never), watch.untilFinal(waiting, never)])
  expect(waits.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
  fake.fault = undefined
  become(done)
  expect(textOf(await watch.untilFinal(waiting, never)).state).toBe('done')
})

test('a thousand who follow a task are sent the same bytes, and it is looked at once for each state', async () => {
  const { queue, fake, become } = fakeQueue(waiting)
  const watch = new TaskWatch(queue)
  const follow = async () => {
    const parts: (string | Buffer)[] = []
    for await (const part of toEvents(watch.follow(waiting, { signal: never, everyMs: 60_000 }))) parts.push(part)
    return parts
  }
  const follows = Array.from({ length: 1000 }, follow)
  const polled = watch.untilFinal(waiting, never) // It shares the looks too.
  await expect.poll(() => fake.looks).toBe(1)
  become({ ...waiting, state: 'active', attempts: 1 })
  await expect.poll(() => fake.looks).toBe(2)
  become(done)
  const all = await Promise.all(follows)
  expect(fake.looks).toBe(3)
  const ids = (parts: (string | Buffer)[]) => parts.map((part) => /^id: (.*)$/m.exec(String(part))?.[1])
  expect(all.map(ids)).toEqual(all.map(() => [undefined, 'waiting-0-0', 'active-1-0', 'done-0-0']))
  for (const place of [1, 2, 3]) expect(new Set(all.map((parts) => parts[place])).size).toBe(1)
  expect(textOf(await polled).state).toBe('done')
  expect(fake.listeners.size).toBe(0)
})

test('a follower that is slow misses states, and never the last; one that is told nothing hears that the connection lives, without a look', async () => {
  const { queue, fake, become } = fakeQueue(waiting)
  const watch = new TaskWatch(queue)
  const slow = watch.follow(waiting, { signal: never, everyMs: 60_000 })
  expect((await slow.next()).value!.task.state).toBe('waiting')
  const quiet = watch.follow(waiting, { signal: never, everyMs: 5 })
  const first = (await quiet.next()).value
  for (let i = 0; i < 3; i++) expect((await quiet.next()).value).toBe(first)
  expect(fake.looks).toBe(1)
  await quiet.return(undefined)
  become({ ...waiting, state: 'active', attempts: 1 })
  await expect.poll(() => fake.looks).toBe(2)
  become(done)
  await expect.poll(() => fake.listeners.size).toBe(0)
  expect((await slow.next()).value!.task.state).toBe('done')
  expect((await slow.next()).done).toBe(true)
})
