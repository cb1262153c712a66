import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { findProgram } from '../../../../../test/support/needs.ts'
import { type RedisServer, startRedis } from '../../../../../test/support/redis.ts'
import { until } from '../../../../../test/support/until.ts'
import { systemClock } from '../../../../core/time.ts'
import type { Claim, NewTask, QueueOptions, TaskQueue } from '../contract.ts'
import { testFailure, testQueueOptions, testTask } from '../testing.ts'
import { createScripts } from './commands.ts'
import { openRedisQueue } from './index.ts'
import { Lanes, ticketName } from './lanes.ts'

// Every operation is a step in the record and then one in BullMQ. Here a process ends between the two.

const program = findProgram('redis-server')
/** Runs out while a test waits, and not between two lines of it, however busy the machine. */
const SHORT_LEASE_MS = 1000
const LONG_LEASE_MS = 60_000
const base: QueueOptions = { ...testQueueOptions, deathsMax: 100, retryDelayMs: 100 }
const wants = (tasksMax: number) => ({ queues: [{ queue: 'm', tasksMax, rowsMax: 1000 }], worker: 'test' })
let server: RedisServer
let stores = 0

/** A queue that lives on, and the steps of another process one by one. */
async function setUp(leaseMs: number, use: (parts: Awaited<ReturnType<typeof openParts>>) => Promise<void>): Promise<void> {
  const parts = await openParts({ ...base, leaseMs })
  try {
    await use(parts)
  } finally {
    await parts.close()
  }
}

async function openParts(options: QueueOptions) {
  const prefix = `steps-${++stores}`
  const client = new Redis(server.port)
  const call = createScripts(client, `{${prefix}}`, { options, db: 0 })
  const lanes = await Lanes.open(client, { prefix: `{${prefix}}:lanes`, lockMs: 2 * options.leaseMs, onError: () => {} })
  const queue = await openRedisQueue(`${server.url}?prefix=${prefix}`, options, { clock: systemClock })
  /** Whatever is waiting, delayed or active in BullMQ. */
  const tickets = async () => {
    const key = (part: string) => `{${prefix}}:lanes:m:${part}`
    const [wait, active, prioritized, delayed] = await Promise.all([
      client.llen(key('wait')),
      client.llen(key('active')),
      client.zcard(key('prioritized')),
      client.zcard(key('delayed')),
    ])
    return wait + active + prioritized + delayed
  }
  /** The first step of a submission. */
  const store = ({ id, payload, submittedMs }: NewTask) =>
    call('submit', [10, 1000, id, 'm', 'r', 0, 1, submittedMs, '', '', '', '', payload])
  const close = async () => {
    await queue.close()
    await lanes.close()
    client.disconnect()
  }
  return { client, call, lanes, queue, prefix, tickets, store, close }
}

async function claimOne(queue: TaskQueue): Promise<Claim> {
  return until('the task comes', async () => (await queue.claim(wants(1)))[0], 15_000)
}

/** Tickets that nobody needs go when others are taken; those still under a lock when it ends. */
async function swept({ queue, tickets }: Pick<Awaited<ReturnType<typeof openParts>>, 'queue' | 'tickets'>): Promise<void> {
  await until('BullMQ is empty', async () => {
    await queue.submit(testTask(systemClock))
    expect(await queue.complete(await claimOne(queue), '1')).toBe('stored')
    return (await tickets()) === 0
  })
}

const parts = (claim: Claim) => ({ generation: claim.token.split('.')[0]!, token: claim.token.slice(claim.token.indexOf('.') + 1) })

describe.skipIf(program === undefined)('a process that ends between two steps', { concurrent: true, timeout: 30_000 }, () => {
  beforeAll(async () => {
    server = await startRedis(program!)
  })
  afterAll(() => server.stop())

  test('stored, and no ticket: it gets one', () =>
    setUp(LONG_LEASE_MS, async ({ queue, store }) => {
      const task = testTask(systemClock)
      await store(task)
      expect(await queue.claim(wants(1))).toEqual([])
      const claim = await claimOne(queue)
      expect(claim.task).toMatchObject({ id: task.id, attempts: 1, deaths: 0 })
      expect(await queue.complete(claim, '1')).toBe('stored')
    }))

  test('stored, and no ticket: sent again under its id, it gets one at once', () =>
    setUp(LONG_LEASE_MS, async ({ queue, store }) => {
      const task = testTask(systemClock)
      await store(task)
      expect(await queue.submit(task)).toEqual({ kind: 'known', id: task.id })
      expect(await queue.claim(wants(1))).toMatchObject([{ task: { id: task.id } }])
    }))

  test('ticket taken, and not begun: it comes again, and that is no death', () =>
    setUp(SHORT_LEASE_MS, async ({ queue, lanes }) => {
      const task = testTask(systemClock)
      await queue.submit(task)
      expect(await lanes.take('m', 1, [], () => 'of-the-dead')).toHaveLength(1)
      expect(await queue.claim(wants(1))).toEqual([])
      const claim = await claimOne(queue)
      expect(claim.task).toMatchObject({ id: task.id, attempts: 1, deaths: 0 })
    }))

  test('done, and the ticket still there: it goes, and nothing is executed', () =>
    setUp(SHORT_LEASE_MS, async ({ queue, call, client, prefix, tickets }) => {
      const task = testTask(systemClock)
      await queue.submit(task)
      const claim = await claimOne(queue)
      expect(await call('complete', [0, task.id, parts(claim).token, '"once"'])).toEqual([1])
      await until('the ticket is nobody’s', async () => (await client.llen(`{${prefix}}:lanes:m:wait`)) === 1)
      const behind = testTask(systemClock)
      await queue.submit(behind)
      const next = await claimOne(queue)
      expect(next.task.id).toBe(behind.id)
      await queue.complete(next, '1')
      await until('BullMQ is empty', async () => (await tickets()) === 0)
      expect(await queue.get(task.id)).toMatchObject({ state: 'done', attempts: 1, result: '"once"' })
    }))

  test('to be tried again later, and the ticket where it was: it is tried at its time', () =>
    setUp(SHORT_LEASE_MS, async ({ queue, call }) => {
      const task = testTask(systemClock)
      await queue.submit(task)
      const claim = await claimOne(queue)
      expect(await call('fail', [0, task.id, parts(claim).token, JSON.stringify(testFailure), 'failed', 0.5])).toEqual(['delayed', 75, 1])
      const again = await claimOne(queue)
      expect(again.task).toMatchObject({ id: task.id, attempts: 2, deaths: 0 })
    }))

  test('released, and the ticket still held: it comes again', () =>
    setUp(SHORT_LEASE_MS, async ({ queue, call }) => {
      const task = testTask(systemClock)
      await queue.submit(task)
      const claim = await claimOne(queue)
      expect(await call('release', [task.id, parts(claim).token])).toEqual([1])
      expect((await claimOne(queue)).task).toMatchObject({ id: task.id, attempts: 1, deaths: 0 })
    }))

  test('taken back from a dead worker, and the ticket still held: it comes again by its record, and the ticket goes', () =>
    setUp(SHORT_LEASE_MS, async ({ queue, call, tickets }) => {
      const task = testTask(systemClock)
      await queue.submit(task)
      await claimOne(queue)
      await until('the lease ran out', async () => {
        const [reaped] = (await call('plan', [0, 0])) as unknown as [unknown[]]
        return reaped.length === 1 || (await queue.get(task.id))!.deaths === 1
      })
      const claim = await claimOne(queue)
      expect(claim.task).toMatchObject({ id: task.id, attempts: 2, deaths: 1 })
      expect(await queue.complete(claim, '1')).toBe('stored')
      await swept({ queue, tickets })
    }))

  test('it took its worker along, and the ticket is still held: it comes again by its record, and the ticket goes', () =>
    setUp(SHORT_LEASE_MS, async ({ queue, call, tickets }) => {
      const task = testTask(systemClock)
      await queue.submit(task)
      const claim = await claimOne(queue)
      expect(await call('fail', [0, task.id, parts(claim).token, JSON.stringify(testFailure), 'died', 0.5])).toEqual(['delayed', 75, 0])
      const again = await claimOne(queue)
      expect(again.task).toMatchObject({ id: task.id, attempts: 2, deaths: 1 })
      expect(await queue.complete(again, '1')).toBe('stored')
      await swept({ queue, tickets })
    }))

  test('a suspect that was begun, and the answer lost: sent again it is the same execution, given back it is no death', () =>
    setUp(LONG_LEASE_MS, async ({ queue, call }) => {
      const task = testTask(systemClock)
      await queue.submit(task)
      await queue.died(await claimOne(queue), testFailure)
      const name = await until('it waits', async () => {
        const [, [, suspect]] = (await call('plan', [1, 1000, 'm', 1, 1, 0, 'none', 'none'])) as unknown as [unknown, [number, string] | []]
        return suspect
      })
      const start = async (token: string) => ((await call('start', ['worker', 1000, name, token, 1, 0, 1])) as [[string]])[0][0]
      expect([await start('its-token'), await start('its-token'), await start('another')]).toEqual(['run', 'run', 'later'])
      expect(await queue.get(task.id)).toMatchObject({ state: 'active', attempts: 2, deaths: 1 })
      expect(await call('release', [task.id, 'its-token'])).toEqual([1])
      expect((await claimOne(queue)).task).toMatchObject({ id: task.id, attempts: 2, deaths: 1 })
    }))

  test('taken back from a worker that is only late: what it says then does not take the task from the next one', () =>
    setUp(SHORT_LEASE_MS, async ({ queue, call, tickets }) => {
      const task = testTask(systemClock)
      await queue.submit(task)
      const late = await claimOne(queue)
      // The first step alone: the ticket is still under the late worker's lock. (Unless care of the queue was before us, which is as well.)
      await until('the lease ran out', async () => {
        const [reaped] = (await call('plan', [0, 0])) as unknown as [unknown[]]
        return reaped.length === 1 || (await queue.get(task.id))!.deaths === 1
      })
      expect(await queue.complete(late, '"late"')).toBe('lost')
      expect(await queue.fail(late, testFailure, { final: true })).toBe('lost')
      const next = await claimOne(queue)
      expect(next.task).toMatchObject({ id: task.id, attempts: 2, deaths: 1 })
      expect(await queue.complete(late, '"later still"')).toBe('lost')
      expect(await queue.complete(next, '"in time"')).toBe('stored')
      await swept({ queue, tickets })
    }))

  test('a ticket that another program took away is replaced', () =>
    setUp(LONG_LEASE_MS, async ({ queue, client, prefix, lanes }) => {
      const task = testTask(systemClock)
      await queue.submit(task)
      const [name] = await client.zrange(`{${prefix}}:lanes:m:prioritized`, '0', '-1')
      await lanes.remove([{ lane: 'm', name: name! }])
      expect((await claimOne(queue)).task.id).toBe(task.id)
    }))

  test('revived, and no new ticket: it gets one; the old one brings nothing', () =>
    setUp(LONG_LEASE_MS, async ({ queue, call, lanes }) => {
      const task = testTask(systemClock)
      await queue.submit(task)
      const failing = await claimOne(queue)
      const first = parts(failing)
      await queue.fail(failing, testFailure, { final: true })
      expect(await call('retry', [task.id])).toHaveLength(1)
      await lanes.add([{ lane: 'm', name: ticketName(task.id, first.generation), priority: 0, waitMs: 0 }])
      const claim = await claimOne(queue)
      expect(claim.task).toMatchObject({ id: task.id, attempts: 1 })
      expect(Number(parts(claim).generation)).toBe(Number(first.generation) + 1)
      expect(await queue.claim(wants(1))).toEqual([])
    }))

  test('a task whose turn came by age, released, has had its turn', () =>
    setUp(LONG_LEASE_MS, async ({ queue }) => {
      const low = testTask(systemClock, { priority: 1 })
      await queue.submit(low)
      for (let i = 0; i < 12; i++) await queue.submit(testTask(systemClock, { priority: 9 }))
      const claims: Claim[] = []
      for (let i = 0; i < 8; i++) claims.push(await claimOne(queue))
      expect(claims.map(({ task }) => task.priority)).toEqual([9, 9, 9, 9, 9, 9, 9, 1])
      await queue.release([claims[7]!])
      const rest: Claim[] = []
      for (let i = 0; i < 6; i++) rest.push(await claimOne(queue))
      expect(rest.map(({ task }) => task.priority)).toEqual([9, 9, 9, 9, 9, 1])
    }))

  test('tickets of tasks that are not there, and of other programs, are passed over', () =>
    setUp(LONG_LEASE_MS, async ({ queue, lanes, tickets }) => {
      const strays = Array.from({ length: 5 }, (_, i) => ({ lane: 'm', name: `stray-${i}.0`, priority: 9, waitMs: 0 }))
      await lanes.add([...strays, { lane: 'm', name: 'somebody else’s', priority: 9, waitMs: 0 }])
      const task = testTask(systemClock)
      await queue.submit(task)
      const [claim] = await queue.claim(wants(1))
      expect(claim!.task.id).toBe(task.id)
      await queue.complete(claim!, '1')
      await until('BullMQ is empty', async () => (await tickets()) === 0)
    }))

  test('a ticket that comes up while its task is in somebody’s hands is put off', () =>
    setUp(LONG_LEASE_MS, async ({ queue, lanes, tickets }) => {
      const task = testTask(systemClock)
      await queue.submit(task)
      const claim = await claimOne(queue)
      const { generation, token } = parts(claim)
      await lanes.settle({ lane: 'm', name: ticketName(task.id, generation), token }, { kind: 'back' })
      const behind = testTask(systemClock)
      await queue.submit(behind)
      const next = await claimOne(queue)
      expect(next.task.id).toBe(behind.id)
      expect(await queue.heartbeat([claim])).toEqual({ lost: [] })
      expect(await queue.complete(claim, '1')).toBe('stored')
      expect(await queue.complete(next, '1')).toBe('stored')
      await until('BullMQ is empty', async () => (await tickets()) === 0)
    }))
})
