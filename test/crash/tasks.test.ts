import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { readModelwatchConfig } from '../../src/app/config.ts'
import { createRandom, type Random, shuffled } from '../../src/core/random.ts'
import { systemClock } from '../../src/core/time.ts'
import { openQueue, type TaskQueue, type TaskWithPayload, toQueueOptions } from '../../src/sources/serving/queue/index.ts'
import { needs } from '../support/needs.ts'
import { until } from '../support/until.ts'
import { beginFileAudit, readFileAudit, readRedisAudit } from './tasks/audit.ts'
import { Client } from './tasks/client.ts'
import { Ledger } from './tasks/ledger.ts'
import { planTask } from './tasks/plan.ts'
import { type Receiver, startReceiver } from './tasks/receiver.ts'
import { toReport } from './tasks/report.ts'
import { judge } from './tasks/verdict.ts'
import { buildCommand, startWorld, type Victim, type World } from './tasks/world.ts'

const tasks = Number(process.env.MODELWATCH_CRASH_TASKS ?? 10_000)
const seed = Number(process.env.MODELWATCH_SEED ?? Date.now() % 1_000_000)
const RUN_MS_MAX = 180_000 + tasks * 12
/** Submissions under way at once. */
const LANES = 32
const FOLLOWERS_MAX = 150
const KILLS_PER_TASK = 1 / 500
/** Kills once everything is submitted. */
const LATE_KILLS = 4
const FREEZES = 2

let commandDir: string
let command: string
beforeAll(async () => {
  commandDir = await mkdtemp(join(tmpdir(), 'modelwatch-command-'))
  command = await buildCommand(commandDir)
}, 60_000)
afterAll(() => rm(commandDir, { recursive: true, force: true }))

test.for(['sqlite', 'redis'] as const)(
  `${tasks} tasks survive the death of everything: %s; seed ${seed}`,
  {
    timeout: RUN_MS_MAX + 120_000,
  },
  async (backend, context) => {
    const redisProgram = backend === 'redis' ? needs(context, 'redis-server') : undefined
    const random = createRandom(seed)
    const inGateway = random() < 0.5
    const ledger = new Ledger()
    const receiver = await startReceiver(random)
    const world = await startWorld({
      redisProgram,
      command,
      inGateway,
      webhookUrl: receiver.url,
      random,
      prepare: async (dir) => {
        if (backend === 'redis') return
        await (await openQueueOf(dir)).close()
        beginFileAudit(join(dir, 'queue.db'))
      },
      say: (text) => ledger.say(text),
    })
    let stored: readonly TaskWithPayload[] = []
    try {
      await world.whenReady()
      const startMs = performance.now()
      await play(world, receiver, ledger, random)
      const seconds = (performance.now() - startMs) / 1000
      const queue = await openQueueOf(world.dir)
      await untilQuiet(queue, receiver, ledger)
      await world.stop()
      stored = await readStored(queue)
      await queue.close()
      const { audit, faults } = backend === 'sqlite' ? readFileAudit(join(world.dir, 'queue.db')) : await readRedisAudit(world.redisDir)
      for (const text of [...faults, ...world.roles.flatMap((role) => role.faults)]) ledger.fault(undefined, text)
      judge(ledger, stored, audit, receiver)
      const counts = { ...countAll(ledger, stored, receiver), seconds: Math.round(seconds) }
      console.log(`${backend}, seed ${seed}, in_gateway ${inGateway}: ${JSON.stringify(counts)}`)
      if (ledger.faults.length > 0) throw new Error('promises were broken')
      // Otherwise nothing was at stake.
      expect(counts).toMatchObject({ accepted: tasks })
      for (const what of ['died', 'unanswered', 'replayed', 'cancelled', 'toldAgain'] as const)
        expect(counts[what], what).toBeGreaterThan(0)
    } catch (error) {
      throw new Error(toReport({ backend, seed, inGateway }, ledger, stored, world.roles), { cause: error })
    } finally {
      await world.dispose()
      await receiver.close()
    }
  },
)

/** Submits, cancels and reads all tasks while everything is killed, now this and now that. */
async function play(world: World, receiver: Receiver, ledger: Ledger, random: Random): Promise<void> {
  const strikes = planStrikes(world.victims, random)
  const followers = new Set<Promise<void>>()
  const blows: Promise<void>[] = []
  const strike = async ({ victim, afterMs, how }: Strike) => {
    await delay(afterMs)
    world[how](victim)
  }
  const client = new Client({
    gatewayUrl: world.gatewayUrl,
    webhookUrl: receiver.url,
    ledger,
    random: Math.random, // Its waits; the order of what others do is not ours to repeat anyway.
    whenReady: world.whenReady,
    onAccepted: () => {
      while (strikes.length > 0 && strikes[0]!.at <= ledger.accepted) blows.push(strike(strikes.shift()!))
    },
  })
  const timer = setTimeout(() => client.giveUp(), RUN_MS_MAX)
  try {
    let next = 0
    const submitAll = async () => {
      while (next < tasks) {
        const entry = ledger.add(planTask(next++, random))
        await client.submit(entry)
        if (entry.taskId === undefined) continue
        if (entry.plan.intent === 'cancel') await client.cancel(entry)
        if (!entry.plan.followed || followers.size >= FOLLOWERS_MAX) continue
        const following: Promise<void> = client.read(entry).finally(() => followers.delete(following))
        followers.add(following)
      }
    }
    await Promise.all(Array.from({ length: LANES }, submitAll))
    await Promise.all(blows)
    ledger.say('everything is submitted')
    for (const victim of shuffled([...world.victims, ...world.victims], random).slice(0, LATE_KILLS)) {
      await strike({ victim, afterMs: random() * 500, how: 'kill', at: tasks })
      await world.whenReady()
    }
    await Promise.all(followers)
    const rest = ledger.entries.filter(({ taskId }) => taskId !== undefined).values()
    const readAll = async () => {
      for (const entry of rest) await client.read(entry)
    }
    await Promise.all(Array.from({ length: LANES }, readAll))
    ledger.say('everything is read')
  } finally {
    clearTimeout(timer)
    await client.close()
  }
}

interface Strike {
  readonly victim: Victim
  readonly how: 'kill' | 'freeze'
  /** It comes when so many tasks are accepted, and a little later, so that it falls anywhere. */
  readonly at: number
  readonly afterMs: number
}

/** By what has been done rather than by time: a slow machine is not killed more often. */
function planStrikes(victims: readonly Victim[], random: Random): Strike[] {
  const count = Math.max(2 * victims.length, Math.round(tasks * KILLS_PER_TASK))
  const each = shuffled(
    Array.from({ length: count }, (_, i) => victims[i % victims.length]!),
    random,
  )
  const when = () => ({ at: Math.floor(random() * tasks * 0.95), afterMs: random() * 300 })
  const kills = each.map((victim) => ({ victim, how: 'kill', ...when() }) as const)
  const freezes = Array.from(
    { length: FREEZES },
    (_, i) => ({ victim: i % 2 === 0 ? 'worker 1' : 'worker 2', how: 'freeze', ...when() }) as const,
  )
  return [...kills, ...freezes].sort((a, b) => a.at - b.at)
}

/** Waits until all is done, that which nobody was told of included, and everybody was told who wanted to be. */
async function untilQuiet(queue: TaskQueue, receiver: Receiver, ledger: Ledger): Promise<void> {
  try {
    await until(
      'every task is final',
      async () => (await queue.stats()).every(({ waiting, active, delayed }) => waiting + active + delayed === 0),
      60_000,
    )
    const hooked = (await readStored(queue)).filter(({ webhook }) => webhook !== undefined)
    await until('everybody was told', () => hooked.every(({ id }) => (receiver.byTask.get(id)?.taken ?? 0) > 0), 60_000)
  } catch (error) {
    ledger.fault(undefined, String(error)) // The verdict says which.
  }
}

async function openQueueOf(dir: string): Promise<TaskQueue> {
  const { value } = await readModelwatchConfig(dir)
  return openQueue(value.queue.url, dir, toQueueOptions(value.queue), { clock: systemClock })
}

const PAGE = 1000

async function readStored(queue: TaskQueue): Promise<TaskWithPayload[]> {
  const all: TaskWithPayload[] = []
  for (let after: string | undefined; ; ) {
    const page = await queue.list({ limit: PAGE, after })
    const whole = await Promise.all(page.map(({ id }) => queue.getWithPayload(id)))
    all.push(...whole.filter((task) => task !== undefined))
    if (page.length < PAGE) return all
    after = page.at(-1)!.id
  }
}

function countAll(ledger: Ledger, stored: readonly TaskWithPayload[], receiver: Receiver) {
  const { entries, accepted, replayed } = ledger
  const count = (state: string) => stored.filter((task) => task.state === state).length
  return {
    accepted,
    done: count('done'),
    dead: count('dead'),
    cancelled: count('cancelled'),
    died: stored.filter(({ deaths }) => deaths > 0).length,
    deathsMost: stored.reduce((most, { state, deaths }) => (state === 'done' ? Math.max(most, deaths) : most), 0),
    unanswered: entries.reduce((sum, entry) => sum + entry.unanswered, 0),
    unclaimed: stored.length - accepted,
    replayed,
    told: receiver.byTask.size,
    toldAgain: [...receiver.byTask.values()].filter(({ came }) => came > 1).length,
  }
}
