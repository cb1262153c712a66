import { connect, createServer, type Server, type Socket } from 'node:net'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { findProgram, needs } from '../../../../../test/support/needs.ts'
import { type RedisServer, startRedis } from '../../../../../test/support/redis.ts'
import { until } from '../../../../../test/support/until.ts'
import { freePorts } from '../../../../../test/support/up.ts'
import { firstTraffic } from '../split.ts'
import { testTrafficStore } from '../testing.ts'
import { openRedisTraffic } from './index.ts'
import { MODELS_KEY } from './scripts.ts'

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 }) // They wait for events; only a machine at its limit takes long.

const PASSWORD = 'geheim'
let server: RedisServer | undefined

beforeAll(async () => {
  const program = findProgram('redis-server')
  if (program === undefined) return // Each test says so.
  server = await startRedis(program, { appendfsync: 'always', flags: ['--requirepass', PASSWORD] })
})
afterAll(() => server?.stop())

let databases = 0
const url = (database: number, onPort = server!.port) => `redis://:${PASSWORD}@127.0.0.1:${onPort}/${database}`

describe.skipIf(findProgram('redis-server') === undefined)('with redis-server', () => {
  testTrafficStore('Redis', async () => {
    const database = databases++
    return {
      open: (options) => openRedisTraffic(url(database), options),
      async remove() {
        const { Redis } = await import('ioredis')
        const redis = new Redis(url(database))
        await redis.flushdb()
        redis.disconnect()
      },
    }
  })
})

test('without Redis a call fails in bounded time, names the address, and hides the password', async (context) => {
  needs(context, 'redis-server')
  const [free] = await freePorts(1)
  const store = await openRedisTraffic(url(0, free), { timeoutMs: 300 })
  const failed = await store.read().catch((error: unknown) => error)
  expect(failed).toMatchObject({ code: 'MW_TRAFFIC_UNAVAILABLE', message: expect.stringContaining(`127.0.0.1:${free}`) })
  expect((failed as Error).message).toContain('ECONNREFUSED')
  expect((failed as Error).message).not.toContain(PASSWORD)
  await store.close()
})

test('a wrong password is told', async (context) => {
  needs(context, 'redis-server')
  const store = await openRedisTraffic(`redis://:falsch@127.0.0.1:${server!.port}/0`, { timeoutMs: 1000 })
  await expect(store.read()).rejects.toThrow(
    expect.objectContaining({ code: 'MW_TRAFFIC_UNAVAILABLE', message: expect.stringMatching(/WRONGPASS|NOAUTH/) }),
  )
  await store.close()
})

test('a value of another program is told, not overwritten', async (context) => {
  needs(context, 'redis-server')
  const { Redis } = await import('ioredis')
  const redis = new Redis(url(15))
  await redis.set(MODELS_KEY, 'mine')
  const store = await openRedisTraffic(url(15))
  await expect(store.update('weather', () => firstTraffic('A', 0))).rejects.toThrow(
    expect.objectContaining({ code: 'MW_TRAFFIC_UNAVAILABLE', message: expect.stringContaining('WRONGTYPE') }),
  )
  expect(await redis.get(MODELS_KEY)).toBe('mine')
  await redis.flushdb()
  redis.disconnect()
  await store.close()
})

/** A way to Redis that can be cut, and blocked without either end knowing. */
async function startProxy(target: number): Promise<{ port: number; cut(): void; block(): void; close(): Promise<void> }> {
  const pairs = new Set<readonly [Socket, Socket]>()
  const proxy: Server = createServer((client) => {
    const upstream = connect(target, '127.0.0.1')
    const pair = [client, upstream] as const
    pairs.add(pair)
    client.once('close', () => pairs.delete(pair))
    for (const [from, to] of [pair, [upstream, client] as const]) {
      from.pipe(to)
      from.on('error', () => to.destroy()).on('close', () => to.destroy())
    }
  })
  const [own] = await freePorts(1)
  await new Promise<void>((resolve) => proxy.listen(own, '127.0.0.1', resolve))
  const cut = () => {
    for (const [client, upstream] of pairs) {
      client.destroy()
      upstream.destroy()
    }
  }
  return {
    port: own!,
    cut,
    block: () => {
      for (const [client, upstream] of pairs) {
        client.unpipe()
        upstream.unpipe()
      }
    },
    close: () => {
      cut()
      return new Promise((resolve) => proxy.close(() => resolve()))
    },
  }
}

test('a broken connection comes back, and what was changed meanwhile is told', async (context) => {
  needs(context, 'redis-server')
  const proxy = await startProxy(server!.port)
  const store = await openRedisTraffic(url(14, proxy.port), { timeoutMs: 5000 })
  const other = await openRedisTraffic(url(14))
  let heard = 0
  store.onChange(() => heard++)
  await until('it listens', async () => {
    await other.update('weather', () => firstTraffic('A', 0))
    return heard > 0
  })
  proxy.cut()
  heard = 0
  await other.update('weather', () => firstTraffic('B', 0)) // While nobody can hear it.
  await until('it is told', () => heard > 0)
  expect(await store.read()).toMatchObject([{ latest: 'B' }])
  proxy.block()
  const stuck = await openRedisTraffic(url(14, proxy.port), { timeoutMs: 300 })
  await stuck.read()
  proxy.block()
  // What may have been done is not done again behind the caller's back: it fails, and reading tells.
  await expect(stuck.update('weather', (current) => current!)).rejects.toThrow(expect.objectContaining({ code: 'MW_TRAFFIC_UNAVAILABLE' }))
  await Promise.all([store, other, stuck].map((one) => one.close()))
  await proxy.close()
})

test('a connection that is dead without either end knowing is given up, and what was changed meanwhile is told', async (context) => {
  needs(context, 'redis-server')
  const proxy = await startProxy(server!.port)
  const store = await openRedisTraffic(url(12, proxy.port), { timeoutMs: 500 })
  const other = await openRedisTraffic(url(12))
  let heard = 0
  store.onChange(() => heard++)
  await until('it listens', async () => {
    await other.update('weather', () => firstTraffic('A', 0))
    await store.read()
    return heard > 0
  })
  proxy.block()
  heard = 0
  await other.update('weather', () => firstTraffic('B', 0))
  await expect.poll(() => heard, { timeout: 15_000 }).toBeGreaterThan(0)
  // The first call finds out that its connection is dead too.
  await expect(store.read()).rejects.toThrow(expect.objectContaining({ code: 'MW_TRAFFIC_UNAVAILABLE' }))
  expect(await until('it reads again', () => store.read())).toMatchObject([{ latest: 'B' }])
  await Promise.all([store, other].map((one) => one.close()))
  await proxy.close()
})

test('it goes on after Redis was restarted', async (context) => {
  needs(context, 'redis-server')
  const store = await openRedisTraffic(url(13), { timeoutMs: 10_000 })
  await store.update('weather', () => firstTraffic('A', 0))
  await server!.kill()
  const update = store.update('weather', () => firstTraffic('B', 0)).catch((error: unknown) => error) // Waits for it, or fails; never hangs.
  await server!.start()
  await update
  const kept = await until('it works again', () => store.read())
  expect(kept[0]!.generation).toBeGreaterThan(0) // Acknowledged before the kill, with every write on disk.
  await until('it writes again', () => store.update('weather', () => firstTraffic('C', 0)))
  expect(await store.read()).toMatchObject([{ latest: 'C' }])
  await store.close()
})
