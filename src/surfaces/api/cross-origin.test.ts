import { expect, onTestFinished, test } from 'vitest'
import { createMemoryStore } from '../../plane/store/index.ts'
import { createTestApi } from './testing.ts'

const start = async (deps = {}) => {
  const { app } = await createTestApi(createMemoryStore(), { clock: { now: () => 0 }, ...deps })
  onTestFinished(() => app.close())
  return app
}
const corsOf = (headers: Record<string, unknown>) => Object.keys(headers).filter((name) => name.startsWith('access-control-'))

test('a page of an origin that may is told so, whatever the answer', async () => {
  const app = await start({ allowsOrigin: (origin: string) => origin === 'https://a.example' })
  for (const url of ['/api/v1/query?query=1', '/api/v1/query', '/api/v1/status/flags']) {
    const { headers } = await app.inject({ url, headers: { origin: 'https://a.example' } })
    expect(headers).toMatchObject({
      vary: 'Origin',
      'access-control-allow-origin': 'https://a.example',
      'access-control-allow-methods': 'GET, POST, OPTIONS',
      'access-control-allow-headers': 'Accept, Authorization, Content-Type, Origin',
      'access-control-expose-headers': 'Date',
    })
  }
  const other = await app.inject({ url: '/api/v1/query?query=1', headers: { origin: 'https://b.example' } })
  expect(other.headers['access-control-allow-origin']).toBeUndefined()
  expect(corsOf((await app.inject('/api/v1/query?query=1')).headers)).toEqual([])
  expect(corsOf((await app.inject({ url: '/-/ready', headers: { origin: 'https://a.example' } })).headers)).toEqual([])
})

test('a browser that asks first is answered, at every address of the API', async () => {
  const app = await start()
  for (const url of ['/api/v1/query', '/api/v1/none', '/api/v1/admin/tsdb/wipe']) {
    const { statusCode, headers, payload } = await app.inject({ method: 'OPTIONS', url, headers: { origin: 'https://a.example' } })
    expect([statusCode, payload, headers['access-control-allow-origin']]).toEqual([204, '', 'https://a.example'])
  }
})

test('compression adds to what the answer varies by', async () => {
  const app = await start({
    status: { version: '1', startedMs: 0, configText: 'x'.repeat(5000), flags: {}, retention: '', isReady: () => true },
  })
  const { headers } = await app.inject({ url: '/api/v1/status/config', headers: { 'accept-encoding': 'gzip' } })
  expect([headers.vary, headers['content-encoding']]).toEqual(['Origin, accept-encoding', 'gzip'])
})

test('a form on a page of another site cannot delete data, though browsers send it without asking', async () => {
  let wiped = 0
  const admin = { wipe: async () => void wiped++ }
  const app = await start({ admin })
  const wipe = (site: string) => app.inject({ method: 'POST', url: '/api/v1/admin/tsdb/wipe', headers: { 'sec-fetch-site': site } })
  expect((await wipe('cross-site')).statusCode).toBe(403)
  expect(wiped).toBe(0)
  expect((await wipe('same-origin')).statusCode).toBe(204)
  expect(wiped).toBe(1)
})
