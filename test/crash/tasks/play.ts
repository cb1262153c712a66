import { setTimeout as delay } from 'node:timers/promises'
import type { Random } from '../../../src/core/random.ts'
import type { TaskQueue, TaskWithPayload } from '../../../src/sources/serving/queue/contract.ts'
import { until } from '../../support/until.ts'
import { Client } from './client.ts'
import type { Entry, Ledger } from './ledger.ts'
import { planTask } from './plan.ts'
import type { Receiver } from './receiver.ts'
import { openQueueOf, readStored } from './stored.ts'
import { planStrikes, type Strike } from './strikes.ts'
import type { World } from './world.ts'

export interface PlayOptions {
  readonly tasks: number
  /** Longest for all of it; what is not over by then has failed. */
  readonly timeoutMs: number
  /** Draws what is submitted, and who is killed. */
  readonly random: Random
}

/** Submissions under way at once. */
const LANES = 32
const FOLLOWERS_MAX = 150
/** Longest wait for what is left when nothing is killed any more. */
const REST_MS_MAX = 60_000

/**
 * Submits tasks, cancels some, waits for some, while everything is killed, now this and now that; then reads all of them, and waits until nothing is left
 * to do. What goes wrong goes into the ledger.
 * @returns everything that is stored in the end, when nothing runs any more.
 */
export async function play(options: PlayOptions, world: World, receiver: Receiver, ledger: Ledger): Promise<TaskWithPayload[]> {
  const { tasks, timeoutMs, random } = options
  const fire = createFire(planStrikes(tasks, world.victims, random), world)
  const client = new Client({
    gatewayUrl: world.gatewayUrl,
    webhookUrl: receiver.url,
    ledger,
    random: Math.random, // Its waits; the order of what others do is not ours to repeat anyway.
    whenReady: world.whenReady,
    onAccepted: () => fire.open(ledger.accepted),
  })
  const timer = setTimeout(() => client.giveUp(), timeoutMs)
  let queue: TaskQueue | undefined
  try {
    const followers = await submitAll(options, client, ledger)
    ledger.say('everything is submitted')
    await fire.ceased()
    await world.whenReady()
    ledger.say('everything is back')
    queue = await openQueueOf(world.dir)
    await Promise.all([untilFinal(queue, ledger), readAll(client, ledger.entries), ...followers])
    ledger.say('everything is read')
    await untilTold(queue, receiver, ledger)
    await world.stop()
    return await readStored(queue)
  } finally {
    clearTimeout(timer)
    await client.close()
    await queue?.close()
  }
}

/** @returns those who still wait for a task. */
async function submitAll({ tasks, random }: PlayOptions, client: Client, ledger: Ledger): Promise<ReadonlySet<Promise<void>>> {
  const followers = new Set<Promise<void>>()
  const submitSome = async () => {
    while (ledger.entries.length < tasks) {
      const entry = ledger.add(planTask(ledger.entries.length, random))
      await client.submit(entry)
      if (entry.taskId === undefined) continue
      if (entry.plan.intent === 'cancel') await client.cancel(entry)
      if (!entry.plan.followed || followers.size >= FOLLOWERS_MAX) continue
      const following: Promise<void> = client.read(entry).finally(() => followers.delete(following))
      followers.add(following)
    }
  }
  await Promise.all(Array.from({ length: LANES }, submitSome))
  return followers
}

async function readAll(client: Client, entries: readonly Entry[]): Promise<void> {
  const rest = entries.filter(({ taskId }) => taskId !== undefined).values()
  const readSome = async () => {
    for (const entry of rest) await client.read(entry)
  }
  await Promise.all(Array.from({ length: LANES }, readSome))
}

/** Those strikes whose time has come, each for itself: one may fall while another's victim is just starting. */
function createFire(strikes: Strike[], world: World) {
  const falling: Promise<void>[] = []
  const fall = async ({ victim, how, afterMs }: Strike) => {
    await delay(afterMs)
    world[how](victim)
  }
  return {
    open(accepted: number) {
      while (strikes.length > 0 && strikes[0]!.at <= accepted) falling.push(fall(strikes.shift()!))
    },
    ceased: () => Promise.all(falling),
  }
}

/** Waits until all tasks are final, also those that nobody was told of. */
async function untilFinal(queue: TaskQueue, ledger: Ledger): Promise<void> {
  const areFinal = async () => (await queue.stats()).every(({ waiting, active, delayed }) => waiting + active + delayed === 0)
  await until('every task is final', areFinal, REST_MS_MAX).then(
    () => ledger.say('everything is final'),
    (error: unknown) => ledger.fault(undefined, String(error)), // The verdict says which are not.
  )
}

/** Waits until everybody was told who wanted to be. */
async function untilTold(queue: TaskQueue, receiver: Receiver, ledger: Ledger): Promise<void> {
  const hooked = (await readStored(queue)).filter(({ webhook }) => webhook !== undefined)
  const areTold = () => hooked.every(({ id }) => (receiver.byTask.get(id)?.taken ?? 0) > 0)
  await until('everybody was told', areTold, REST_MS_MAX).then(
    () => ledger.say('everybody was told'),
    (error: unknown) => ledger.fault(undefined, String(error)),
  )
}
