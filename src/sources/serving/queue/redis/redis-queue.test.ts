import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, test } from 'vitest'
import { findProgram, needs } from '../../../../../test/support/needs.ts'
import { type RedisServer, startRedis } from '../../../../../test/support/redis.ts'
import { systemClock } from '../../../../core/time.ts'
import type { TaskQueue } from '../contract.ts'
import { queueConformance } from '../testing.ts'
import { openRedisQueue } from './index.ts'

const program = findProgram('redis-server')
let server: RedisServer
let stores = 0

test('a Redis server to test with', (context) => {
  needs(context, 'redis-server')
})

if (program !== undefined) {
  beforeAll(async () => {
    server = await startRedis(program)
  })
  afterAll(() => server.stop())

  queueConformance('redis', async (options) => {
    const url = `${server.url}?prefix=test-${++stores}`
    const open: TaskQueue[] = []
    const another = async () => {
      const queue = await openRedisQueue(url, options, {
        clock: systemClock,
        onNote: (text) => {
          if (text.includes('the queue in Redis')) console.log(text)
        },
      })
      open.push(queue)
      return queue
    }
    const close = async () => {
      await Promise.all(open.splice(0).map((queue) => queue.close()))
    }
    const reopen = async () => {
      await close()
      return another()
    }
    return { queue: await another(), clock: systemClock, isSimulated: false, advance: (ms) => sleep(ms), another, reopen, close }
  })
}
