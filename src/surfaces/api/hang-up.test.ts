import { once } from 'node:events'
import { get, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import type { QueryEngine, QueryOptions } from '../../plane/promql/contract.ts'
import { promqlErrors } from '../../plane/promql/index.ts'
import { createMemoryStore } from '../../plane/store/index.ts'
import { createTestApi } from './testing.ts'

const stats = {
  timings: { evalTotalTime: 2, resultSortTime: 0, queryPreparationTime: 0, innerEvalTime: 2, execQueueTime: 0, execTotalTime: 2 },
  samples: { totalQueryableSamples: 0, peakSamples: 0 },
}

/** An engine whose queries end when they are told to, or when their caller goes away. */
function scriptedEngine() {
  const running = new Map<string, { options: QueryOptions; end: () => void }>()
  const canceled: string[] = []
  const engine: QueryEngine = {
    check: () => 'vector',
    range: () => Promise.reject(new Error('not scripted')),
    instant: (query, timeMs, options = {}) =>
      new Promise((resolve, reject) => {
        const value = { kind: 'scalar', timeMs, value: 1 } as const
        running.set(query, { options, end: () => resolve({ value, warnings: [], infos: [], stats }) })
        options.signal?.addEventListener('abort', () => {
          canceled.push(query)
          reject(promqlErrors.MW_PROMQL_CANCELED('query was canceled'))
        })
      }),
  }
  return { engine, running, canceled }
}

test('a client that hangs up ends its query, while it runs and while it waits', async () => {
  const { engine, running, canceled } = scriptedEngine()
  const { app, api } = await createTestApi(createMemoryStore(), {
    clock: { now: () => 0 },
    engine,
    queries: { runningMax: 1, waitingMax: 2 },
  })
  onTestFinished(() => app.close())
  await app.listen({ host: '127.0.0.1', port: 0 })
  const { port } = app.server.address() as AddressInfo
  const ask = (query: string) => {
    const request = get(`http://127.0.0.1:${port}/api/v1/query?query=${query}`)
    request.on('error', () => {}) // The test hangs up.
    return request
  }
  const first = ask('first')
  await expect.poll(() => [...running.keys()]).toEqual(['first'])
  const second = ask('second')
  const third = ask('third')
  await expect.poll(() => api.stats().queries.waiting).toBe(2)
  const [busy] = (await once(ask('fourth'), 'response')) as [IncomingMessage]
  expect(busy.statusCode).toBe(503)
  busy.resume()

  second.destroy()
  await expect.poll(() => api.stats().queries).toMatchObject({ running: 1, waiting: 1, canceled: 1 })
  first.destroy()
  await expect.poll(() => canceled).toEqual(['first'])
  await expect.poll(() => [...running.keys()]).toEqual(['first', 'third'])
  running.get('third')!.end()
  const [answer] = (await once(third, 'response')) as [IncomingMessage]
  expect(answer.statusCode).toBe(200)
  answer.resume()
  expect(api.stats().queries).toEqual({ running: 0, waiting: 0, done: 1, failed: 0, limited: 0, refused: 1, canceled: 2, timedOut: 0 })
})

test('the figures of a query hold the time it waited for its turn', async () => {
  const { engine, running } = scriptedEngine()
  const { app, api } = await createTestApi(createMemoryStore(), { clock: { now: () => 0 }, engine, queries: { runningMax: 1 } })
  onTestFinished(() => app.close())
  const [first, second] = ['first', 'second'].map((query) => app.inject({ url: `/api/v1/query?query=${query}&stats=all` }))
  await expect.poll(() => api.stats().queries.waiting).toBe(1)
  const beganMs = performance.now()
  await expect.poll(() => performance.now() - beganMs).toBeGreaterThan(30)
  running.get('first')!.end()
  await expect.poll(() => running.has('second')).toBe(true)
  running.get('second')!.end()
  const atOnce = (await first!).json().data.stats.timings.execQueueTime
  const { execQueueTime, execTotalTime } = (await second!).json().data.stats.timings
  expect(execQueueTime).toBeGreaterThan(0.02)
  expect(execQueueTime).toBeGreaterThan(atOnce)
  expect(execTotalTime).toBeCloseTo(2 + execQueueTime)
})
