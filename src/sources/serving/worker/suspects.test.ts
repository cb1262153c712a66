import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, expect, test } from 'vitest'
import { isFinal, queueErrors, type TaskQueue } from '../queue/index.ts'
import { FakeClock } from '../queue/testing.ts'
import { createTestWorker, FunctionModel, openTestQueue, submitWinds, type TestWorker, twice } from './testing.ts'

/** Of the queue; its time passes only when a process has died, so that a machine that is busy costs nobody a lease. */
const LEASE_MS = 60_000
/** Of the workers: they send heart-beats three times in it, and give up a queue that is away so long. */
const WORKER_LEASE_MS = 60
/** A wind that is this strong kills. */
const POISON = 55
const clock = new FakeClock()

const ends: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
})

/** A worker with its own handle on the queue, as a process has it. Poison takes all of it along, between one step and the next. */
class Process {
  isDead = false
  /** Heart-beats that the queue has heard. */
  beats = 0
  /** Rows of each call of its model. */
  readonly model: FunctionModel
  readonly #test: TestWorker
  /** What it asked of the queue and was not answered yet. */
  readonly #asked = new Set<Promise<unknown>>()
  /** Resolves when it is dead. */
  readonly died = Promise.withResolvers<void>()

  constructor(queue: TaskQueue) {
    this.model = new FunctionModel(async (winds) => {
      await sleep(2) // So long that others are in hand beside it.
      if (winds.some((wind) => wind >= POISON)) {
        this.isDead = true
        this.died.resolve()
      }
      if (this.isDead) throw new Error('there is no process any more')
      return twice(winds)
    })
    this.#test = createTestWorker(this.#cut(queue), { demo: this.model }, { leaseMs: WORKER_LEASE_MS, config: { stop_timeout: '1s' } })
    this.#test.worker.start()
  }

  /** The queue has heard of all that it holds, twice since then. */
  isHeard(beatsBefore: number): boolean {
    return this.isDead || this.beats > beatsBefore + 1 || this.#inHand === 0
  }

  get #inHand(): number {
    return Number(/^modelwatch_worker_tasks_in_hand (\d+)$/m.exec(this.#test.registry.render())![1])
  }

  /** It asked before it died, and the queue has answered: from now on the clock alone takes from it what it held. */
  async whenSilent(): Promise<void> {
    await Promise.allSettled(this.#asked)
  }

  async end(): Promise<void> {
    await this.#test.worker.close()
    await this.#test.host.close()
  }

  /** The queue hears nothing of one who is dead. */
  #cut(queue: TaskQueue): TaskQueue {
    return new Proxy(queue, {
      get: (target, name: keyof TaskQueue) => {
        const method = target[name].bind(target) as (...args: unknown[]) => unknown
        if (name === 'onWork' || name === 'onOutcome' || name === 'watch') return method
        return async (...args: unknown[]) => {
          if (this.isDead) throw queueErrors.MW_QUEUE_UNAVAILABLE('there is no process any more')
          const asked = Promise.resolve(method(...args))
          this.#asked.add(asked)
          try {
            const answer = await asked
            if (name === 'heartbeat') this.beats++
            return answer
          } finally {
            this.#asked.delete(asked)
          }
        }
      },
    })
  }
}

/** What a dead process held runs out, and nothing of what the others hold. */
async function runOut(alive: readonly Process[]): Promise<void> {
  for (let i = 0; i < 3; i++) {
    const before = alive.map(({ beats }) => beats)
    const areHeard = () => alive.every((process, i) => process.isHeard(before[i]!))
    await expect.poll(areHeard, { timeout: 10_000, interval: 5 }).toBe(true)
    clock.advance(LEASE_MS / 2.5)
  }
}

test.for([
  { why: 'one poisonous task, one process', poisons: 1, processes: 1, deathsLeast: 1, deathsMost: 1 },
  { why: 'one poisonous task, three processes', poisons: 1, processes: 3, deathsLeast: 0, deathsMost: 1 },
  { why: 'more poisonous tasks than deaths a task may have, two processes', poisons: 5, processes: 2, deathsLeast: 1, deathsMost: 2 },
])('$why: they alone are dead', { timeout: 60_000 }, async ({ poisons, processes, deathsLeast, deathsMost }) => {
  const opened = await openTestQueue({ deathsMax: 3, leaseMs: LEASE_MS, resultsMs: 1e9, deadMs: 1e9 }, clock)
  ends.push(opened.close)
  const winds = Array.from({ length: 120 }, (_, i) => i % 50)
  for (let i = 0; i < poisons; i++) winds[20 * i + 7] = POISON + i
  const ids = await Promise.all(winds.map((wind) => submitWinds(opened.queue, [wind])))
  const all: Process[] = []
  ends.push(() => Promise.all(all.map((process) => process.end())))
  const begin = async () => {
    const process = new Process(await opened.another())
    all.push(process)
    return process
  }
  const alive: Process[] = []
  while (alive.length < processes) alive.push(await begin())
  const areFinal = async () => (await Promise.all(ids.map((id) => opened.queue.get(id)))).every((task) => isFinal(task!.state))
  let deaths = 0
  while (!(await areFinal())) {
    const dead = alive.findIndex(({ isDead }) => isDead)
    if (dead < 0) {
      await Promise.race([...alive.map(({ died }) => died.promise), sleep(20)])
      continue
    }
    deaths++
    const [gone] = alive.splice(dead, 1)
    await gone!.whenSilent()
    await runOut(alive)
    await gone!.end()
    alive.push(await begin())
  }
  const tasks = await Promise.all(ids.map((id) => opened.queue.get(id)))
  const [poisonous, innocent] = [tasks.filter((_, i) => winds[i]! >= POISON), tasks.filter((_, i) => winds[i]! < POISON)]
  expect(poisonous.map((task) => task!.failure?.code)).toEqual(poisonous.map(() => 'MW_TASK_POISONED'))
  expect(innocent.map((task) => task!.state)).toEqual(innocent.map(() => 'done'))
  const most = Math.max(...innocent.map((task) => task!.deaths))
  expect(most).toBeLessThanOrEqual(deathsMost)
  // Otherwise nothing was at stake: one of three processes may have the poison alone in hand, one time in fifty.
  expect(most).toBeGreaterThanOrEqual(deathsLeast)
  expect(deaths).toBeGreaterThanOrEqual(3)
})

test('a suspect runs alone in its lane, while others wait in the queue', async () => {
  const opened = await openTestQueue({ deathsMax: 3 })
  ends.push(opened.close)
  const { queue } = opened
  const suspects = await Promise.all([51, 52, 53].map((wind) => submitWinds(queue, [wind])))
  const claims = await queue.claim({ queues: [{ queue: 'demo', tasksMax: 3, rowsMax: 3 }], suspectsMax: 0, worker: 'another' })
  const failure = { code: 'MW_TEST', message: 'gone', stack: undefined }
  await Promise.all(claims.map((claim) => queue.died(claim, failure)))
  const others = await Promise.all(Array.from({ length: 300 }, (_, i) => submitWinds(queue, [i % 50])))
  const beside = new Map<number, number>()
  const model = new FunctionModel(async (winds) => {
    await sleep(2)
    const suspect = winds.find((wind) => wind > 50)
    if (suspect !== undefined) beside.set(suspect, (await queue.stats())[0]!.active)
    return twice(winds)
  })
  model.concurrency = 8 // The lane has room for more from the start.
  const { worker, host } = createTestWorker(queue, { demo: model })
  ends.push(async () => {
    await worker.close()
    await host.close()
  })
  worker.start()
  const unfinished = async () => (await queue.stats()).reduce((sum, { waiting, active, delayed }) => sum + waiting + active + delayed, 0)
  await expect.poll(unfinished, { timeout: 20_000 }).toBe(0)
  const tasks = await Promise.all([...suspects, ...others].map((id) => queue.get(id)))
  expect(tasks.filter((task) => task!.state !== 'done')).toEqual([])
  expect(Object.fromEntries(beside)).toEqual({ 51: 1, 52: 1, 53: 1 })
  for (const wind of [51, 52, 53]) expect(model.calls).toContainEqual([wind])
})
