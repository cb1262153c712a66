import { expect, test } from 'vitest'
import type { StoreAdmin } from '../../plane/store/contract.ts'
import { createMemoryStore } from '../../plane/store/index.ts'
import { createTestApi } from './testing.ts'

const clock = { now: () => 1_000_000 }

/** An administrator that notes what it is asked. */
async function start() {
  const calls: unknown[] = []
  const admin: StoreAdmin = {
    deleteSeries: async (...args) => void calls.push(['delete', ...args]),
    cleanTombstones: async () => void calls.push(['clean']),
    snapshot: async (options) => {
      calls.push(['snapshot', options])
      return '20261120T120000Z-1'
    },
    wipe: async () => void calls.push(['wipe']),
  }
  const { app } = await createTestApi(createMemoryStore(), { clock, admin })
  const ask = async (path: string, method: 'POST' | 'PUT' | 'GET' = 'POST') => {
    const { statusCode, payload } = await app.inject({ method, url: `/api/v1/admin/tsdb/${path}` })
    return { status: statusCode, body: payload === '' ? undefined : JSON.parse(payload) }
  }
  return { calls, ask }
}

const whole = { fromMs: Number.MIN_SAFE_INTEGER, toMs: Number.MAX_SAFE_INTEGER }
const named = (value: string) => [{ name: '__name__', op: '=', value }]

test.for([
  { path: 'delete_series?match[]=a&match[]=b', status: 204, body: undefined, calls: [['delete', [named('a'), named('b')], whole]] },
  {
    path: 'delete_series?match[]=a&start=5&end=1970-01-01T00:00:10Z',
    status: 204,
    body: undefined,
    calls: [['delete', [named('a')], { fromMs: 5000, toMs: 10_000 }]],
  },
  { path: 'delete_series?match[]=a&start=5&end=1', status: 204, body: undefined, calls: [] },
  { path: 'clean_tombstones', status: 204, body: undefined, calls: [['clean']] },
  { path: 'wipe', status: 204, body: undefined, calls: [['wipe']] },
  {
    path: 'snapshot',
    status: 200,
    body: { status: 'success', data: { name: '20261120T120000Z-1' } },
    calls: [['snapshot', { skipHead: false }]],
  },
  {
    path: 'snapshot?skip_head=1',
    status: 200,
    body: { status: 'success', data: { name: '20261120T120000Z-1' } },
    calls: [['snapshot', { skipHead: true }]],
  },
])('$path', async ({ path, status, body, calls }) => {
  for (const method of ['POST', 'PUT'] as const) {
    const { ask, calls: made } = await start()
    expect(await ask(path, method)).toEqual({ status, body })
    expect(made).toEqual(calls)
  }
})

test.for([
  { path: 'delete_series', error: 'no match[] parameter provided' },
  { path: 'delete_series?match[]={}', error: 'invalid parameter "match[]": match[] must contain at least one non-empty matcher' },
  {
    path: 'delete_series?match[]=a&start=x',
    error: `invalid parameter "start": invalid time value for 'start': cannot parse "x" to a valid timestamp`,
  },
  {
    path: 'snapshot?skip_head=x',
    error: 'invalid parameter "skip_head": unable to parse boolean: strconv.ParseBool: parsing "x": invalid syntax',
  },
])('$path is refused', async ({ path, error }) => {
  const { ask, calls } = await start()
  expect(await ask(path)).toEqual({ status: 400, body: { status: 'error', errorType: 'bad_data', error } })
  expect(calls).toEqual([])
})

test('nothing is done by GET, nor where it is disabled', async () => {
  const { ask, calls } = await start()
  expect((await ask('wipe', 'GET')).status).toBe(405)
  expect(calls).toEqual([])
  const { app } = await createTestApi(createMemoryStore(), { clock })
  for (const path of ['wipe', 'delete_series?match[]=a', 'clean_tombstones', 'snapshot']) {
    const { statusCode, payload } = await app.inject({ method: 'POST', url: `/api/v1/admin/tsdb/${path}` })
    expect([statusCode, JSON.parse(payload)]).toEqual([500, { status: 'error', errorType: 'unavailable', error: 'admin APIs disabled' }])
  }
})
