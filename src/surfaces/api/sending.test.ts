import type { AddressInfo } from 'node:net'
import { connect } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import type { MatrixSeries, QueryEngine } from '../../plane/promql/contract.ts'
import { createMemoryStore } from '../../plane/store/index.ts'
import type { SendingLimits } from './sending.ts'
import { createTestApi } from './testing.ts'

const POINTS = 1_000_000
/** 16 MB of points, more than sockets hold on their way. */
const series: MatrixSeries = { labels: [], timesMs: Float64Array.from({ length: POINTS }, (_, i) => i), values: new Float64Array(POINTS) }
const engine: QueryEngine = {
  check: () => 'vector',
  instant: async () => ({ value: { kind: 'matrix', series: [series] }, warnings: [], infos: [] }),
  range: () => Promise.reject(new Error('not scripted')),
}

const KEEP_ALIVE_MS = 100

async function start(sending: Partial<SendingLimits>) {
  const { app, api } = await createTestApi(createMemoryStore(), { clock: { now: () => 0 }, engine, sending })
  onTestFinished(() => app.close())
  app.server.keepAliveTimeout = KEEP_ALIVE_MS
  await app.listen({ host: '127.0.0.1', port: 0 })
  const { port } = app.server.address() as AddressInfo
  /** Asks and reads nothing. */
  const ask = () => {
    const socket = connect(port, '127.0.0.1').pause()
    socket.on('error', () => {}) // It is hung up on.
    socket.write('GET /api/v1/query?query=1 HTTP/1.1\r\nhost: x\r\n\r\n')
    return socket
  }
  return { api, ask, url: `http://127.0.0.1:${port}/api/v1/query?query=1` }
}

test('answers that nobody reads are bounded together, and given back when their client goes', async () => {
  const { api, ask, url } = await start({ sendingBytesMax: 20_000_000 })
  const slow = ask()
  await expect.poll(() => api.stats().sendingBytes).toBeGreaterThan(16_000_000)
  const refused = await fetch(url)
  expect([refused.status, await refused.json()]).toEqual([
    503,
    { status: 'error', errorType: 'unavailable', error: 'answers of 16000200 bytes wait for their clients to read them' },
  ])
  slow.destroy()
  await expect.poll(() => api.stats().sendingBytes).toBe(0)
  expect((await (await fetch(url)).text()).length).toBeGreaterThan(POINTS)
  expect(api.stats().sendingBytes).toBe(0)
})

test('a client that reads nothing for long is hung up on', async () => {
  const { api, ask } = await start({ stallMsMax: 50 })
  ask()
  await expect.poll(() => api.stats().sendingBytes).toBeGreaterThan(0)
  await expect.poll(() => api.stats().sendingBytes).toBe(0)
})

test('a connection that was used for a large answer is closed when it stays idle', async () => {
  const { ask } = await start({})
  const socket = ask().resume()
  await expect.poll(() => socket.bytesRead, { timeout: 10_000 }).toBeGreaterThan(POINTS)
  await expect.poll(() => socket.destroyed, { timeout: 10_000 }).toBe(true)
})
