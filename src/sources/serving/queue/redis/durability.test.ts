import { connect, createServer, type Server, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { afterEach, describe, expect, test } from 'vitest'
import { endTree, isAlive, startProgram } from '../../../../../test/support/command.ts'
import { findProgram } from '../../../../../test/support/needs.ts'
import { type RedisServer, startRedis } from '../../../../../test/support/redis.ts'
import { until } from '../../../../../test/support/until.ts'
import { systemClock } from '../../../../core/time.ts'
import type { Claim, QueueOptions, TaskQueue } from '../contract.ts'
import { testQueueOptions, testTask } from '../testing.ts'
import { openRedisQueue } from './index.ts'

const program = findProgram('redis-server')
const webhook = { url: 'http://127.0.0.1:1/done', secret: undefined }
const wants = (tasksMax: number) => ({ queues: [{ queue: 'm', tasksMax, rowsMax: 1000 }], worker: 'test' })

/** Ends what a test started, last first. */
const endings: (() => unknown)[] = []
afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end()
})

async function serve(options?: Parameters<typeof startRedis>[1]): Promise<RedisServer> {
  const server = await startRedis(program!, options)
  endings.push(() => server.stop())
  return server
}

async function open(url: string, options: Partial<QueueOptions> = {}, waitMsMax = 10_000): Promise<TaskQueue> {
  const queue = await openRedisQueue(url, { ...testQueueOptions, ...options }, { clock: systemClock, waitMsMax })
  endings.push(() => queue.close())
  return queue
}

/** A wire to the server that can be cut, and one that takes everything and answers nothing. */
async function startWire(port: number) {
  const sockets = new Set<Socket>()
  let isSilent = false
  const server: Server = createServer((near) => {
    const far = connect(port, '127.0.0.1')
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from)
      from.on('data', (data) => isSilent || to.write(data))
      from.on('error', () => {})
      from.on('close', () => {
        sockets.delete(from)
        to.destroy()
      })
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const cut = () => {
    for (const socket of sockets) socket.destroy()
  }
  endings.push(() => {
    cut()
    server.close()
  })
  return {
    url: `redis://127.0.0.1:${(server.address() as { port: number }).port}`,
    cut,
    silence: (silent: boolean) => {
      isSilent = silent
    },
  }
}

/**
 * Submits, works and delivers until told to stop and nothing is left, and notes what was acknowledged. What a call that failed has done is not known,
 * and it is made again, as a client and a worker would.
 */
function drive(queue: TaskQueue, total: number) {
  const accepted = new Map<string, string>()
  const stored = new Map<string, number>()
  const told = new Set<string>()
  const faults: unknown[] = []
  const attempt = async <T>(act: () => Promise<T>): Promise<T | undefined> => {
    try {
      return await act()
    } catch (error) {
      if ((error as { code?: string }).code !== 'MW_QUEUE_UNAVAILABLE') faults.push(error)
      await sleep(5)
      return undefined
    }
  }
  let submitted = 0
  const submit = async () => {
    while (submitted < total) {
      const payload = String(submitted++)
      const task = testTask(systemClock, { payload, webhook, priority: Number(payload) % 10 })
      const answer = await attempt(() => queue.submit(task))
      if (answer !== undefined) accepted.set(task.id, payload)
    }
  }
  const work = async () => {
    while (stored.size < accepted.size || submitted < total) {
      const claims = (await attempt(() => queue.claim(wants(8)))) ?? []
      if (claims.length === 0) await sleep(10)
      await Promise.all(
        claims.map(async (claim) => {
          const answer = await attempt(() => queue.complete(claim, `"${claim.task.payload}"`))
          if (answer === 'stored') stored.set(claim.task.id, (stored.get(claim.task.id) ?? 0) + 1)
          // It may have been stored all the same; a worker that hears nothing goes on.
          else if (answer === undefined) stored.set(claim.task.id, stored.get(claim.task.id) ?? 0)
        }),
      )
    }
  }
  const deliver = async () => {
    while (told.size < accepted.size || submitted < total) {
      const deliveries = (await attempt(() => queue.claimDeliveries(20))) ?? []
      for (const { task } of deliveries) told.add(task.id)
      await Promise.all(deliveries.map((delivery) => attempt(() => queue.delivered(delivery))))
      if (deliveries.length === 0) await sleep(10)
    }
  }
  return {
    accepted,
    stored,
    done: Promise.all([submit(), submit(), submit(), submit(), work(), work(), deliver()]),
    async check(): Promise<void> {
      expect(faults).toEqual([])
      expect(accepted.size).toBeGreaterThan(0)
      for (const [id, payload] of accepted) expect(await queue.get(id)).toMatchObject({ state: 'done', result: `"${payload}"` })
      expect([...stored.values()].filter((count) => count > 1)).toEqual([])
      expect([...accepted.keys()].filter((id) => !told.has(id))).toEqual([])
    },
  }
}

describe.skipIf(program === undefined)('a Redis that fails', () => {
  test('killed again and again with appendfsync always: nothing acknowledged is missing', { timeout: 60_000 }, async () => {
    const server = await serve({ appendfsync: 'always' })
    const queue = await open(server.url, { leaseMs: 600, deathsMax: 100 })
    const run = drive(queue, 600)
    for (let i = 0; i < 3; i++) {
      const before = run.accepted.size
      await until('more is accepted', () => run.accepted.size > before + 50)
      await server.kill()
      await server.start()
    }
    await run.done
    await run.check()
  })

  test('a connection that is cut again and again: each call is answered, once', { timeout: 60_000 }, async () => {
    const server = await serve()
    const wire = await startWire(server.port)
    const queue = await open(wire.url, { leaseMs: 600, deathsMax: 100 })
    const run = drive(queue, 600)
    let isOver = false
    void run.done.then(() => {
      isOver = true
    })
    for (let i = 0; i < 5 && !isOver; i++) {
      const before = run.accepted.size
      await until('more is accepted', () => isOver || run.accepted.size > before + 60)
      wire.cut()
    }
    await run.done
    await run.check()
    // Breaks are over within the time that calls wait, so no caller heard of them.
    expect(run.accepted.size).toBe(600)
  })

  test('away, calls fail in time; back again, they succeed and those who wait are called', { timeout: 30_000 }, async () => {
    const server = await serve({ appendfsync: 'always' })
    const queue = await open(server.url, {}, 300)
    const task = testTask(systemClock)
    await queue.submit(task)
    await server.kill()
    const beginMs = performance.now()
    const answers = await Promise.allSettled([
      queue.get(task.id),
      queue.claim(wants(1)),
      queue.submit(testTask(systemClock)),
      queue.stats(),
    ])
    for (const answer of answers)
      expect(answer).toMatchObject({ status: 'rejected', reason: { code: 'MW_QUEUE_UNAVAILABLE', retryable: true } })
    // Bounded by the 300 ms; the rest is for a slow machine.
    expect(performance.now() - beginMs).toBeLessThan(10_000)
    let claims: readonly Claim[] = []
    const claimed = new Promise<void>((resolve) => {
      const end = queue.onWork(async () => {
        const got = await queue.claim(wants(1)).catch(() => [])
        if (got.length === 0) return
        claims = got
        end()
        resolve()
      })
    })
    await server.start()
    await claimed
    expect(claims.map((claim) => claim.task.id)).toEqual([task.id])
    expect(await queue.complete(claims[0]!, '1')).toBe('stored')
  })

  test('silent, it is left', { timeout: 30_000 }, async () => {
    const server = await serve()
    const wire = await startWire(server.port)
    const queue = await open(wire.url, {}, 300)
    wire.silence(true)
    await expect(queue.stats()).rejects.toMatchObject({ code: 'MW_QUEUE_UNAVAILABLE' })
    wire.silence(false)
    await until('it answers again', async () => (await queue.stats()).length === 0)
  })

  test('not there when the queue is opened; password wrong; memory full', { timeout: 30_000 }, async () => {
    const server = await serve({ flags: ['--requirepass', 's3 cr:et', '--maxmemory', '8mb', '--maxmemory-policy', 'noeviction'] })
    const at = (userInfo: string) => `redis://${userInfo}@127.0.0.1:${server.port}/3`
    await expect(open(at(':wrong'), {}, 500)).rejects.toMatchObject({
      code: 'MW_QUEUE_UNAVAILABLE',
      message: expect.stringContaining('WRONGPASS'),
    })
    const queue = await open(at(`:${encodeURIComponent('s3 cr:et')}`), {}, 2000)
    const small = testTask(systemClock)
    await queue.submit(small)
    const large = testTask(systemClock, { payload: 'x'.repeat(400_000) })
    const fill = async () => {
      for (let i = 0; i < 40; i++) await queue.submit({ ...large, ...testTask(systemClock), payload: large.payload })
    }
    await expect(fill()).rejects.toMatchObject({ code: 'MW_QUEUE_FULL', message: expect.stringContaining('maxmemory') })
    expect(await queue.get(small.id)).toMatchObject({ state: 'waiting' })
    await server.kill()
    await expect(open(at(':x'), {}, 300)).rejects.toMatchObject({
      code: 'MW_QUEUE_UNAVAILABLE',
      message: expect.not.stringContaining(':x@'),
    })
  })
})

describe.skipIf(program === undefined)('a server whose memory is full', () => {
  test('takes no more tasks; those that it has end, though their results do not fit at once', { timeout: 60_000 }, async () => {
    const server = await serve({ flags: ['--maxmemory', '12mb', '--maxmemory-policy', 'noeviction'] })
    const queue = await open(server.url, { ...testQueueOptions, resultsMs: 300 })
    const payload = JSON.stringify('x'.repeat(20_000))
    let submitted = 0
    const fill = async () => {
      for (;;) {
        await queue.submit(testTask(systemClock, { payload }))
        submitted++
      }
    }
    await expect(fill()).rejects.toMatchObject({ code: 'MW_QUEUE_FULL' })
    let done = 0
    const refusals: unknown[] = []
    const work = async () => {
      const claims = await queue.claim(wants(20)).catch((error: unknown) => void refusals.push(error))
      for (const claim of claims ?? []) if ((await queue.complete(claim, JSON.stringify('y'.repeat(40_000)))) === 'stored') done++
      return done === submitted
    }
    await until('all are done', work, 40_000)
    for (const refusal of refusals) expect(refusal).toMatchObject({ code: 'MW_QUEUE_UNAVAILABLE', message: expect.stringContaining('OOM') })
    await until('there is room again', () =>
      queue.submit(testTask(systemClock, { payload })).then(
        ({ kind }) => kind === 'accepted',
        () => false,
      ),
    )
  })
})

describe.skipIf(program === undefined)('a worker that fails', () => {
  test('killed with tasks in hand: another gets them, and their deaths are counted', { timeout: 30_000 }, async () => {
    const server = await serve()
    const options = { ...testQueueOptions, leaseMs: 400, deathsMax: 3 }
    const queue = await open(server.url, options)
    const ids: string[] = []
    for (let i = 0; i < 20; i++) {
      const task = testTask(systemClock)
      ids.push(task.id)
      await queue.submit(task)
    }
    const script = `
      import { openRedisQueue } from ${JSON.stringify(pathToFileURL(`${import.meta.dirname}/index.ts`).href)}
      const queue = await openRedisQueue(${JSON.stringify(server.url)}, ${JSON.stringify(options)}, { clock: { now: () => Date.now() } })
      const claims = await queue.claim(${JSON.stringify(wants(8))})
      for (const claim of claims.slice(0, 3)) await queue.complete(claim, '"by the other"')
      console.log('holds ' + claims.length)
      setInterval(() => queue.heartbeat(claims.slice(3)), 100)
    `
    const child = startProgram(process.execPath, ['--input-type=module', '-e', script])
    endings.push(() => {
      if (isAlive(child.pid)) endTree(child.pid)
    })
    await until('the other process holds tasks', () => {
      if (!isAlive(child.pid)) throw new Error(child.stderr())
      return child.stdout().includes('holds 8')
    })
    // Heart-beats hold the tasks beyond their lease.
    await sleep(600)
    const first = await queue.claim(wants(20))
    expect(first).toHaveLength(12)
    expect(await Promise.all(first.map((claim) => queue.complete(claim, '"by this one"')))).toEqual(first.map(() => 'stored'))
    child.kill('SIGKILL')
    await child.ended
    const rest: Claim[] = []
    await until('the rest comes back', async () => {
      const claims = await queue.claim(wants(20))
      await Promise.all(claims.map((claim) => queue.complete(claim, '"by this one"')))
      rest.push(...claims)
      return rest.length === 5
    })
    expect(rest.map(({ task }) => task.deaths)).toEqual([1, 1, 1, 1, 1])
    const states = await Promise.all(ids.map(async (id) => (await queue.get(id))!.state))
    expect(states).toEqual(ids.map(() => 'done'))
    expect((await queue.stats())[0]).toMatchObject({ waiting: 0, active: 0, delayed: 0, dead: 0 })
  })
})
