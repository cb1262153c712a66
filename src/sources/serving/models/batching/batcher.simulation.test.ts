import { expect, test } from 'vitest'
import type { ModelwatchError } from '../../../../core/errors.ts'
import { createRandom } from '../../../../core/random.ts'
import type { Batcher } from './batcher.ts'
import { CostlyModel, type CostlyModelOptions, createTestBatcher, numbers, SimulatedLoop } from './testing.ts'

interface Outcome {
  readonly answered: number
  /** At once, or when their time was up. */
  readonly refused: number
  readonly late: number
  readonly perSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly rowsPerCall: number
  /** Longest time that a request waited for others. */
  readonly batchMsMax: number
}

interface Scene {
  readonly loop: SimulatedLoop
  readonly batcher: Batcher
  /** One request, timed from now on. */
  ask(): Promise<void>
}

/** Plays a scene for some seconds of simulated time. The first tenth is for learning, and does not count. */
async function play(
  of: { model: CostlyModelOptions; batchWaitMaxMs?: number; waitMaxMs?: number; timeoutMs?: number; turnMs?: number; seconds: number },
  act: (scene: Scene) => void,
): Promise<Outcome> {
  const loop = new SimulatedLoop(of.turnMs)
  const model = new CostlyModel(loop, of.model)
  const { batcher } = createTestBatcher(model, { batchWaitMaxMs: of.batchWaitMaxMs ?? 2, waitMaxMs: of.waitMaxMs ?? 1000 }, loop)
  const startMs = loop.now()
  const countsMs = startMs + of.seconds * 100
  const untilMs = startMs + of.seconds * 1000
  const latenciesMs: number[] = []
  let refused = 0
  let late = 0
  let batchMsMax = 0
  const ask = async () => {
    const sentMs = loop.now()
    try {
      const { batchMs } = await batcher.predict(numbers(1), { deadlineMs: of.timeoutMs === undefined ? undefined : sentMs + of.timeoutMs })
      if (sentMs < countsMs) return
      latenciesMs.push(loop.now() - sentMs)
      batchMsMax = Math.max(batchMsMax, batchMs)
    } catch (error) {
      if (sentMs < countsMs) return
      refused++
      if ((error as ModelwatchError).code === 'MW_DEADLINE_EXCEEDED') late++
    }
  }
  act({ loop, batcher, ask })
  await loop.run(untilMs)
  const sorted = latenciesMs.sort((a, b) => a - b)
  const counted = model.calls.filter((call) => call.startMs >= countsMs)
  return {
    answered: sorted.length,
    refused,
    late,
    perSecond: sorted.length / (of.seconds * 0.9),
    p50Ms: sorted[Math.floor(sorted.length * 0.5)]!,
    p99Ms: sorted[Math.floor(sorted.length * 0.99)]!,
    rowsPerCall: counted.reduce((sum, { rows }) => sum + rows.length, 0) / counted.length,
    batchMsMax,
  }
}

/** Clients that each send their next request when they have had their answer, and a little later. */
const closedLoop =
  (clients: number, betweenMs: number, seed = 1) =>
  ({ loop, ask }: Scene) => {
    const random = createRandom(seed)
    for (let c = 0; c < clients; c++) {
      void (async () => {
        for (;;) {
          await loop.sleep(betweenMs * (0.5 + random()))
          await ask()
        }
      })()
    }
  }

/** Independent clients: exponential gaps, whatever becomes of the requests. */
const openLoop =
  (perSecond: number, seed = 2) =>
  ({ loop, ask }: Scene) => {
    const random = createRandom(seed)
    const next = () => {
      void ask()
      loop.after((-Math.log(1 - random()) * 1000) / perSecond, next)
    }
    loop.after(0, next)
  }

/** Half to twice, as often the one as the other. */
function unsteady(seed: number): () => number {
  const random = createRandom(seed)
  return () => 2 ** (2 * random() - 1)
}

const expensive = { fixedMs: 8, rowMs: 0.1 }

test.for([
  { why: 'an expensive model, one client as fast as it is answered', model: expensive, act: closedLoop(1, 0.3) },
  { why: 'an expensive model, a request now and then', model: expensive, act: openLoop(5) },
  { why: 'a cheap model', model: { fixedMs: 0.05, rowMs: 0.0005 }, act: closedLoop(1, 0.3) },
])('alone, nobody waits for others: $why', async ({ model, act }) => {
  const outcome = await play({ model, seconds: 5 }, act)
  expect(outcome.answered).toBeGreaterThan(15)
  // A turn of the event loop that brings nothing.
  expect(outcome.batchMsMax).toBeLessThanOrEqual(0.021)
  expect(outcome.p50Ms).toBeCloseTo(model.fixedMs + model.rowMs + 0.01, 3)
})

test('clients that come back at once share a call, which doubles their number and halves their wait', async () => {
  const waiting = await play({ model: expensive, seconds: 5 }, closedLoop(16, 0.4))
  const never = await play({ model: expensive, seconds: 5, batchWaitMaxMs: 0 }, closedLoop(16, 0.4))
  // Without waiting, one goes alone while fifteen wait for it: 16 answers in two calls. With it, in one: 8 + 16 · 0.1 + about 0.6 ms.
  expect(waiting.rowsPerCall).toBeGreaterThan(15.5)
  expect(waiting.perSecond).toBeGreaterThan(1450)
  expect(never.perSecond).toBeLessThan(1100)
  expect(waiting.p50Ms).toBeLessThan(11)
  expect(never.p50Ms).toBeGreaterThan(14)
})

test('two clients do not run after each other for ever', async () => {
  const waiting = await play({ model: expensive, seconds: 5 }, closedLoop(2, 0.4))
  const never = await play({ model: expensive, seconds: 5, batchWaitMaxMs: 0 }, closedLoop(2, 0.4))
  expect(waiting.rowsPerCall).toBeGreaterThan(1.9)
  expect(waiting.p50Ms).toBeLessThan(never.p50Ms * 0.6)
})

test.for([40, 150, 400, 800])('independent clients, %d a second: nobody waits longer than without waiting', async (perSecond) => {
  const waiting = await play({ model: expensive, seconds: 10 }, openLoop(perSecond))
  const never = await play({ model: expensive, seconds: 10, batchWaitMaxMs: 0 }, openLoop(perSecond))
  expect(waiting.p50Ms).toBeLessThan(never.p50Ms * 1.03 + 0.05)
  expect(waiting.p99Ms).toBeLessThan(never.p99Ms * 1.03 + 0.05)
})

test('under load, batches grow and answer what single calls could not', async () => {
  // One by one the model answers 1000 / 8.1 = 123 a second.
  const outcome = await play({ model: expensive, seconds: 5 }, openLoop(2000))
  expect(outcome.refused).toBe(0)
  expect(outcome.perSecond).toBeGreaterThan(1900)
  expect(outcome.p99Ms).toBeLessThan(35)
})

test.for([1.5, 2, 3])('at %d times what the model can take, it works at its full rate and nobody waits long', async (times) => {
  const model = { fixedMs: 0.1, rowMs: 1 } // 1000 / 1.1 to 1000 a second: a batch saves next to nothing.
  const outcome = await play({ model, seconds: 20, waitMaxMs: 200 }, openLoop(1000 * times))
  expect(outcome.perSecond).toBeGreaterThan(950)
  expect(outcome.p99Ms).toBeLessThan(230)
  expect(outcome.refused / (outcome.answered + outcome.refused)).toBeCloseTo(1 - 1 / times, 1)
})

test.for([
  { why: 'as it is', jitter: () => 1, turnMs: 0.01, part: 1 },
  { why: 'with calls that take half or twice as long', jitter: unsteady(4), turnMs: 0.01, part: 1 / 1.08 },
  { why: 'in a process that has much else to do', jitter: () => 1, turnMs: 1, part: 3 / 4 },
])(
  'clients that wait 250 ms, twice as many as the model can take: nearly all of its time goes into answers in time, $why',
  async ({ jitter, turnMs, part }) => {
    const model = { fixedMs: 0, rowMs: 1, jitter } // Calls of three rows: see the next test.
    const outcome = await play({ model, seconds: 20, timeoutMs: 250, turnMs }, openLoop(2000))
    expect(outcome.perSecond).toBeGreaterThan(1000 * part * 0.9)
    expect(outcome.p99Ms).toBeLessThan(250)
    expect(outcome.late / outcome.refused).toBeLessThan(0.01) // Who cannot be answered in time is told so at once.
  },
)

test('where a call takes its time whatever its rows, who can just join the next one is let in, however tight his deadline', async () => {
  // Up to 40 ms until the call under way ends, 40 for the next.
  const outcome = await play({ model: { fixedMs: 40, rowMs: 0 }, seconds: 10, timeoutMs: 85 }, openLoop(1000))
  expect(outcome.refused).toBe(0)
  expect(outcome.perSecond).toBeGreaterThan(900)
})

test('where rows are all that costs, a call holds a few, and the first answer does not wait for the last', async () => {
  const outcome = await play({ model: { fixedMs: 0.02, rowMs: 1 }, seconds: 10, waitMaxMs: 200 }, openLoop(3000))
  expect(outcome.rowsPerCall).toBeLessThan(8)
  expect(outcome.perSecond).toBeGreaterThan(950)
})

test('calls that run side by side share what waits', async () => {
  const loop = new SimulatedLoop()
  const model = new CostlyModel(loop, { fixedMs: 1, rowMs: 1, concurrency: 4 })
  const { batcher } = createTestBatcher(model, {}, loop)
  for (let round = 0; round < 40; round++) {
    void batcher.predict(numbers(...Array.from({ length: 1 + (round % 8) }, () => 0))) // Learns.
    await loop.run()
  }
  model.calls.length = 0
  const answers = Promise.all(Array.from({ length: 40 }, (_, i) => batcher.predict(numbers(i))))
  await loop.run()
  await answers
  expect(model.calls.map(({ rows }) => rows.length)).toEqual([10, 10, 10, 10])
})
