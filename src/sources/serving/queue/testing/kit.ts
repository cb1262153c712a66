import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import type { Clock } from '../../../../core/time.ts'
import type { Claim, ClaimRequest, NewTask, QueueOptions, TaskQueue, TaskState } from '../contract.ts'
import { testQueueOptions, testTask } from '../test-task.ts'

/** A queue under test, and time as it sees it. */
export interface QueueFixture {
  readonly queue: TaskQueue
  readonly clock: Clock
  /** Time passes only by `advance`. Where it does not, what must not happen too early is tested with long times alone. */
  readonly isSimulated: boolean
  /** Lets time pass, by moving the clock or by waiting. */
  advance(ms: number): Promise<void>
  /** Another handle on the same store, as another process has it. */
  another(): Promise<TaskQueue>
  /** Closes all handles, and opens the store again. */
  reopen(): Promise<TaskQueue>
  /** Closes all handles and removes the store. */
  close(): Promise<void>
}

/** Longest wait for what another process is to see; it is over far sooner. */
const WAIT_MS_MAX = 15_000
const TEST_TIMEOUT_MS = 30_000
/** Short times, for what shall run out; waited for where time is real. */
export const SHORT_MS = 150

/** So many tasks, of any size, of these queues; of `m` when none is named. */
export const wants = (tasksMax: number, ...queues: string[]): ClaimRequest => ({
  queues: (queues.length === 0 ? ['m'] : queues).map((queue) => ({ queue, tasksMax, rowsMax: 1_000_000 })),
  worker: 'test',
})
export const idsOf = (claims: readonly Claim[]): string[] => claims.map(({ task }) => task.id)
export const stateOf = async (queue: TaskQueue, id: string): Promise<TaskState | undefined> => (await queue.get(id))?.state

/** What the tests of the suite share. */
export interface Kit {
  /** Of the implementation. */
  readonly name: string
  /** A test with an empty queue of its own. */
  check(what: string, body: (fixture: QueueFixture) => Promise<void>, options?: Partial<QueueOptions>): void
  /** Asks again until there is an answer; a little time passes between. */
  eventually<T>(fixture: QueueFixture, what: string, probe: () => Promise<T | undefined>): Promise<T>
  /** Claims until so many are in hand. */
  claimed(fixture: QueueFixture, count: number, queue?: TaskQueue): Promise<Claim[]>
  submit(fixture: QueueFixture, options?: Partial<NewTask>): Promise<string>
  submitMany(fixture: QueueFixture, count: number, options?: Partial<NewTask>): Promise<string[]>
  /** A promise that fails when nobody resolves it in time. */
  called(): { readonly promise: Promise<void>; resolve(): void }
}

export function createKit(name: string, open: (options: QueueOptions) => Promise<QueueFixture>): Kit {
  const eventually: Kit['eventually'] = async (fixture, what, probe) => {
    for (const endMs = performance.now() + WAIT_MS_MAX; ; ) {
      const answer = await probe()
      if (answer !== undefined) return answer
      if (performance.now() > endMs) throw new Error(`${name}: not within ${WAIT_MS_MAX} ms: ${what}`)
      await sleep(5)
      await fixture.advance(5)
    }
  }
  const submit: Kit['submit'] = async ({ queue, clock }, options = {}) => {
    const task = testTask(clock, options)
    expect(await queue.submit(task)).toEqual({ kind: 'accepted', id: task.id })
    return task.id
  }
  return {
    name,
    check: (what, body, options = {}) =>
      test(what, { timeout: TEST_TIMEOUT_MS }, async () => {
        const fixture = await open({ ...testQueueOptions, ...options })
        try {
          await body(fixture)
        } finally {
          await fixture.close()
        }
      }),
    eventually,
    claimed(fixture, count, queue = fixture.queue) {
      const claims: Claim[] = []
      return eventually(fixture, `${count} claims`, async () => {
        claims.push(...(await queue.claim(wants(count - claims.length))))
        return claims.length >= count ? claims : undefined
      })
    },
    submit,
    async submitMany(fixture, count, options = {}) {
      const ids: string[] = []
      for (let i = 0; i < count; i++) ids.push(await submit(fixture, options))
      return ids
    },
    called() {
      const { promise, resolve, reject } = Promise.withResolvers<void>()
      const timer = setTimeout(() => reject(new Error(`${name}: not called within ${WAIT_MS_MAX} ms`)), WAIT_MS_MAX)
      return { promise: promise.finally(() => clearTimeout(timer)), resolve }
    },
  }
}
