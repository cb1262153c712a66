import { startTicker, type Ticker } from '../../../core/ticker.ts'
import { parseDurationMs } from '../../../core/time.ts'
import type { Claim } from '../queue/contract.ts'
import type { Worker, WorkerDeps, WorkerOptions } from './contract.ts'
import { Demand } from './demand.ts'
import { workerFamilies as families } from './families.ts'
import { Hands } from './hands.ts'
import { Lane } from './lane.ts'
import { createResultWriter } from './result-writer.ts'
import { startAutoscaler } from './scaling/autoscaler.ts'
import { TaskRunner } from './task-runner.ts'
import { startWakingLoop, type WakingLoop } from './waking-loop.ts'
import { createWebhookDeliverer } from './webhooks/deliverer.ts'

/** Tasks in hand over all models, those included whose result is being stored. */
const TASKS_IN_HAND_MAX = 4096
const FAULT_WAIT_MS = 100
const FAULT_WAIT_MS_MAX = 5000
/** Heart-beats in the time that a claim holds: one may be lost on the way, and one late. */
const HEARTBEATS_PER_LEASE = 3

/**
 * A worker: it claims tasks of every model of its host, as many of each as keep the model's calls full, runs them, stores what comes out, and delivers the
 * webhooks that are due. Models do not wait for each other.
 *
 *   queue.onWork ─▶ claim ─▶ lane of the model ─▶ predict (tasks of a lane share calls) ─▶ complete | fail | died
 *                     ▲                                  │
 *                     └────────── room in the lane ◀─────┘
 */
export function createWorker(options: WorkerOptions, deps: WorkerDeps): Worker {
  const { queue, host, registry, clock, random, onError } = deps
  const { config, leaseMs, batchRowsMax, laneWorkMs, name } = options
  const hands = new Hands(queue)
  const runnerDeps = { ...deps, writeResult: createResultWriter() }
  const runnerOptions = { timeoutMs: parseDurationMs(config.task_timeout)!, leaseMs }
  const runners = new Map(
    host.models.map((model) => [
      model.schema.name,
      new TaskRunner(new Lane(model, { batchRowsMax, workMs: laneWorkMs }), hands, runnerOptions, runnerDeps),
    ]),
  )
  registry.read(families.tasksInHand, {}, () => hands.size)
  const toFault = (operation: string) => (error: unknown, streak: number) => {
    registry.counter(families.queueErrors, { operation }).add()
    if (streak === 1) onError(error, { doing: operation })
  }

  const demand = new Demand(new Map([...runners].map(([queue, { lane }]) => [queue, lane])))
  const run = async (claim: Claim) => {
    await runners.get(claim.task.queue)!.run(claim, claims.wake)
    if (claim.task.deaths === 0) return
    demand.suspectEnded()
    claims.wake()
  }
  const giveBack = async (claim: Claim) => {
    await runners.get(claim.task.queue)!.giveBack(claim)
    demand.gaveBack()
    claims.wake()
  }
  const claims: WakingLoop = startWakingLoop({
    turn: async () => {
      const asked = demand.next(TASKS_IN_HAND_MAX - hands.size, performance.now())
      if (asked === undefined) return // Room in a lane wakes us, or news.
      const { queues, suspectsMax } = asked
      const sorted = demand.came(asked, await queue.claim({ queues, suspectsMax, worker: name }))
      for (const claim of sorted.run) void run(claim)
      if (sorted.giveBack !== undefined) void giveBack(sorted.giveBack)
      claims.wake()
    },
    onFault: toFault('claim'),
    random,
    waitMs: FAULT_WAIT_MS,
    waitMsMax: FAULT_WAIT_MS_MAX,
  })

  const webhooks = createWebhookDeliverer({ config: config.webhooks, leaseMs }, deps, toFault('webhooks'))
  const beat = createHeartbeat(hands, toFault('heartbeat'))
  const tickers: Ticker[] = []
  let ends: (() => void)[] = []
  let drained: Promise<void> | undefined

  const drain = async () => {
    await claims.stop()
    const timeoutMs = parseDurationMs(config.stop_timeout)!
    if (!(await within(timeoutMs, hands.whenEmpty()))) {
      const released = await hands.releaseAll().catch((error: unknown) => onError(error, { doing: 'release' }))
      if (released) onError(new Error(`${released.length} tasks were not done within ${timeoutMs / 1000} s and went back to the queue`), {})
    }
  }
  const worker: Worker = {
    start() {
      tickers.push(startTicker({ intervalMs: leaseMs / HEARTBEATS_PER_LEASE, offsetMs: 0, run: beat }, { clock }))
      tickers.push(startAutoscaler(options, deps))
      const onNews = () => {
        demand.news()
        claims.wake()
      }
      ends = [queue.onWork(onNews), queue.onWork(webhooks.wake)]
      claims.wake()
      webhooks.wake()
    },
    drain() {
      drained ??= drain()
      return drained
    },
    async close() {
      await worker.drain()
      for (const end of ends.splice(0)) end()
      await Promise.all([...tickers.splice(0).map((ticker) => ticker.stop()), webhooks.close()])
    },
  }
  return worker
}

/** One heart-beat; a fault is told once a streak, and the next beat tries again. */
function createHeartbeat(hands: Hands, onFault: (error: unknown, streak: number) => void): () => Promise<void> {
  let streak = 0
  return async () => {
    try {
      await hands.beat()
      streak = 0
    } catch (error) {
      onFault(error, ++streak)
    }
  }
}

/** @returns whether it came in time. */
async function within(timeoutMs: number, promise: Promise<void>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), timeoutMs)
  })
  const inTime = await Promise.race([promise.then(() => true as const), late])
  clearTimeout(timer)
  return inTime
}
