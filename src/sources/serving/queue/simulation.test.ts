import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { createRandom, type Random } from '../../../core/random.ts'
import { type Claim, isFinal, type QueueOptions, type TaskOutcome, type TaskQueue } from './contract.ts'
import { openSqliteQueue } from './sqlite/index.ts'
import { FakeClock, testFailure, testQueueOptions, testTask } from './testing.ts'

const runs = Number(process.env.MODELWATCH_SIMULATIONS ?? 4)
const seed = Number(process.env.MODELWATCH_SEED ?? Date.now() % 1_000_000)
const STEPS = 400
const HANDLES = 3
const queues = ['a', 'b']
const options: QueueOptions = {
  ...testQueueOptions,
  attemptsMax: 3,
  deathsMax: 3,
  leaseMs: 1500,
  retryDelayMs: 200,
  retryDelayMsMax: 1000,
  // Nothing is deleted, so that all can be looked at in the end.
  resultsMs: 1e9,
  deadMs: 1e9,
  tasksMax: 60,
}

interface Handle {
  queue: TaskQueue
  claims: Claim[]
}

/** Gateways and workers that do what they like, crash and come back; time goes on in jumps. */
async function simulate(file: string, random: Random): Promise<void> {
  const clock = new FakeClock()
  const ends: TaskQueue[] = []
  const endings: TaskOutcome[] = []
  const accepted = new Set<string>()
  /** Named to somebody, perhaps before whoever handed it in was answered. */
  const seen = new Set<string>()
  const stored = new Map<string, string>()
  let refused = 0
  const openHandle = async (): Promise<Handle> => {
    const queue = await openSqliteQueue(file, options, { clock, random })
    queue.onOutcome((_, outcome) => {
      if (['done', 'dead', 'expired', 'poisoned', 'cancelled'].includes(outcome)) endings.push(outcome)
    })
    ends.push(queue)
    return { queue, claims: [] }
  }
  const handles = await Promise.all(Array.from({ length: HANDLES }, openHandle))
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]!
  const takeClaim = (handle: Handle) => handle.claims.splice(Math.floor(random() * handle.claims.length), 1)[0]

  const acts: [weight: number, act: (handle: Handle) => Promise<void>][] = [
    [
      8,
      async ({ queue }) => {
        const some = Array.from({ length: 1 + Math.floor(random() * 4) }, () =>
          testTask(clock, {
            queue: pick(queues),
            priority: Math.floor(random() * 10),
            deadlineMs: random() < 0.2 ? clock.now() + Math.floor(random() * 3000) : undefined,
            idempotency: random() < 0.3 ? { key: String(Math.floor(random() * 30)), digest: 'd' } : undefined,
          }),
        )
        for (const answer of await Promise.allSettled(some.map((task) => queue.submit(task)))) {
          if (answer.status === 'rejected') {
            expect(answer.reason).toMatchObject({ code: 'MW_QUEUE_FULL' })
            refused++
          } else if (answer.value.kind === 'accepted') accepted.add(answer.value.id)
          else seen.add(answer.value.id)
        }
      },
    ],
    [
      8,
      async (handle) => {
        const suspectsMax = random() < 0.5 ? 0 : 1
        const claims = await handle.queue.claim({
          queues: queues.map((queue) => ({ queue, tasksMax: Math.floor(random() * 4), rowsMax: 10 })),
          suspectsMax,
          worker: 'simulated',
        })
        const suspects = claims.filter(({ task }) => task.deaths > 0)
        expect(suspects.length).toBeLessThanOrEqual(suspectsMax)
        for (const { task } of suspects) expect(claims.filter((claim) => claim.task.queue === task.queue)).toHaveLength(1)
        for (const { task } of claims) seen.add(task.id)
        handle.claims.push(...claims)
      },
    ],
    [
      8,
      async (handle) => {
        const claim = takeClaim(handle)
        if (claim === undefined) return
        const result = JSON.stringify(claim.token)
        if ((await handle.queue.complete(claim, result)) === 'lost') return
        expect(stored.has(claim.task.id)).toBe(false)
        stored.set(claim.task.id, result)
      },
    ],
    [
      3,
      async (handle) => {
        const claim = takeClaim(handle)
        if (claim !== undefined) await handle.queue.fail(claim, testFailure, { final: random() < 0.1 })
      },
    ],
    [
      1,
      async (handle) => {
        const claim = takeClaim(handle)
        if (claim !== undefined) await handle.queue.died(claim, testFailure)
      },
    ],
    [
      1,
      async (handle) => {
        const claim = takeClaim(handle)
        if (claim !== undefined) await handle.queue.release([claim])
      },
    ],
    [
      3,
      async (handle) => {
        const { lost } = await handle.queue.heartbeat(handle.claims)
        handle.claims = handle.claims.filter(({ token }) => !lost.includes(token))
      },
    ],
    [
      1,
      async ({ queue }) => {
        if (accepted.size > 0) await queue.cancel(pick([...accepted]))
      },
    ],
    [4, async () => clock.advance(Math.floor(random() * 250))],
    [0.5, async () => clock.advance(1500)],
    [
      0.5,
      // Its claims are never heard of again.
      async (handle) => {
        handles[handles.indexOf(handle)] = await openHandle()
      },
    ],
  ]
  const weights = acts.reduce((sum, [weight]) => sum + weight, 0)
  const act = async (handle: Handle) => {
    let at = random() * weights
    for (const [weight, run] of acts) {
      at -= weight
      if (at < 0) return run(handle)
    }
  }
  // Two at a time, so that transactions are shared and handles meet.
  for (let step = 0; step < STEPS; step++) await Promise.all([act(pick(handles)), act(pick(handles))])

  const { queue } = handles[0]!
  for (let i = 0; i < 1000; i++) {
    clock.advance(1100)
    const claims = await queue.claim({ queues: queues.map((name) => ({ queue: name, tasksMax: 50, rowsMax: 1000 })), worker: 'last' })
    for (const claim of claims) {
      const result = JSON.stringify(claim.token)
      expect(await queue.complete(claim, result)).toBe('stored')
      expect(stored.has(claim.task.id)).toBe(false)
      stored.set(claim.task.id, result)
    }
    const left = (await queue.stats()).reduce((sum, { waiting, active, delayed }) => sum + waiting + active + delayed, 0)
    if (left === 0) break
  }
  for (const id of seen) expect(accepted).toContain(id)
  let dead = 0
  for (const id of accepted) {
    const task = (await queue.get(id))!
    expect(task, id).toBeDefined()
    expect(isFinal(task.state), `${id} is ${task.state}`).toBe(true)
    expect(task.result).toBe(stored.get(id))
    expect(task.state === 'done').toBe(stored.has(id))
    expect(task.deaths).toBeLessThanOrEqual(options.deathsMax)
    if (task.state === 'dead') {
      dead++
      expect(task.failure).toBeDefined()
    }
  }
  expect(endings).toHaveLength(accepted.size)
  expect((await queue.stats()).reduce((sum, entry) => sum + entry.dead, 0)).toBe(dead)
  expect((await queue.list({ limit: 10_000 })).map(({ id }) => id).sort()).toEqual([...accepted].sort())
  // Otherwise nothing was at stake.
  const counts = Object.fromEntries([...new Set(endings)].map((outcome) => [outcome, endings.filter((one) => one === outcome).length]))
  console.log(`${accepted.size} accepted, ${refused} refused, ${JSON.stringify(counts)}`)
  expect(accepted.size).toBeGreaterThan(50)
  for (const each of ends) await each.close()
}

test(`every accepted task ends exactly once, whatever happens; seed ${seed}`, { timeout: 60_000 }, async () => {
  for (let run = 0; run < runs; run++) {
    const folder = await mkdtemp(join(tmpdir(), 'modelwatch-queue-'))
    try {
      await simulate(join(folder, 'queue.db'), createRandom(seed + run))
    } catch (error) {
      throw new Error(`seed ${seed}, run ${run}`, { cause: error })
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  }
})
