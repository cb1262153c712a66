import type { AddressInfo } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { createFakeApi } from '../testing/fake-api.ts'
import type { scenarios } from '../testing/fake-world.ts'
import { type Alert, createApi } from './api.ts'
import { chooseModel, type Model } from './load/catalogue.ts'
import { loadPage } from './page-data.ts'
import { verdictOf } from './verdict.ts'
import { parseView } from './view.ts'

/** A page's data from a made-up plane, over real HTTP. */
async function pageOf(scenario: keyof typeof scenarios, search = '') {
  const server = createFakeApi(scenario)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const asked: string[] = []
  const counting = (url: string, init: RequestInit) => {
    asked.push(`${url.slice(url.indexOf('/api'))} ${init.body ?? ''}`)
    return fetch(url, init)
  }
  const api = createApi({ base: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, fetch: counting, timeoutMs: 5000 })
  const view = parseView(search)
  const load = (before?: Awaited<ReturnType<typeof loadPage>>) => loadPage(api, view, before, Date.now, AbortSignal.timeout(5000))
  return { page: await load(), load, asked }
}

test('a drifting model: its values, worst first, with bins, alerts and the moment it began', async () => {
  const { page } = await pageOf('drifting', '?range=1h')
  expect(page.problems).toEqual([])
  expect(page.model?.model).toBe('weather')
  expect(page.windowMs).toBe(10_000) // Four scrapes of 2 s are 8 s; never under 10 s.
  expect(
    page.values
      .map(({ name }) => name)
      .slice(0, 2)
      .sort(),
  ).toEqual(['temp_min', 'wind'])
  const wind = page.values.find(({ name }) => name === 'wind')!
  expect(wind).toMatchObject({ verdict: 'drifting', unit: 'm/s', alert: { state: 'firing' }, since: { atLeast: false } })
  expect(wind.since!.timeMs).toBeGreaterThan(page.nowMs - 16 * 60_000)
  expect(wind.bins[0]).toMatchObject({ label: '[0.4,1.6)', reference: 0.1 })
  expect(wind.bins.reduce((sum, { current }) => sum + current, 0)).toBeCloseTo(1, 9)
  expect(page.quality).toMatchObject([{ name: 'temp_max_tomorrow', unit: '°C' }])
  expect(page.history!.signals.requests.filter((value) => value !== null).length).toBeGreaterThan(100)
  const verdict = verdictOf({
    contact: { kind: 'ok', atMs: page.nowMs },
    nowMs: page.nowMs,
    model: 'weather',
    targets: page.targets,
    alerts: page.alerts,
    values: page.values,
    requestsPerSecond: page.signals.requests,
    rowsGate: page.gates.rows,
  })
  expect(verdict).toMatchObject({ tone: 'bad', headline: expect.stringMatching(/^weather: \d inputs have drifted$/) })
})

test('what has not changed is not asked again: deployments for a while, history until its next step', async () => {
  const { page, load, asked } = await pageOf('healthy', '?range=6h')
  const first = asked.splice(0).length
  const again = await load(page)
  expect(again.catalogue).toBe(page.catalogue)
  expect(asked.filter((question) => question.includes('model_info'))).toEqual([])
  if (again.history!.key === page.history!.key) {
    expect(again.history).toBe(page.history)
    expect(asked.filter((question) => question.startsWith('/api/v1/query_range'))).toEqual([])
    expect(asked.length).toBeLessThan(first)
  }
})

test('a model whose gateway died is still known', async () => {
  const { page } = await pageOf('down')
  expect(page.model?.model).toBe('weather')
  expect(page.signals.requests).toBeUndefined()
  expect(page.targets[0]).toMatchObject({ health: 'down', lastError: 'connect ECONNREFUSED 127.0.0.1:8000' })
  expect(page.history!.trouble.at(-1)).toBe(1)
})

test('nothing there yet is an empty page, not an error', async () => {
  const { page } = await pageOf('empty')
  expect(page).toMatchObject({ model: undefined, values: [], quality: [], history: undefined, problems: [] })
})

test('a silent plane rejects', async () => {
  const api = createApi({ base: 'x', fetch: () => Promise.reject(new TypeError('refused')), timeoutMs: 1000 })
  await expect(loadPage(api, parseView(''), undefined, Date.now, AbortSignal.timeout(1000))).rejects.toMatchObject({ kind: 'unreachable' })
})

test('a refused question leaves a hole, and is said', async () => {
  const answers = new Map<string, unknown>([
    ['rules', { groups: [] }],
    ['targets?state=active', { activeTargets: [] }],
  ])
  const api = createApi({
    base: '/',
    timeoutMs: 1000,
    fetch: async (url) => {
      const data = answers.get(url.replace('/api/v1/', ''))
      return Response.json(
        data === undefined ? { status: 'error', errorType: 'execution', error: 'too many samples' } : { status: 'success', data },
      )
    },
  })
  const page = await loadPage(api, parseView(''), undefined, Date.now, AbortSignal.timeout(1000))
  expect(page.problems).toEqual(['too many samples'])
})

test.for([
  { why: 'the wish counts', wanted: 'b', firing: ['a'], shown: 'a', want: 'b' },
  { why: 'an unknown wish does not', wanted: 'z', firing: [], shown: undefined, want: 'a' },
  { why: 'trouble comes first', wanted: undefined, firing: ['c'], shown: 'b', want: 'c' },
  { why: 'trouble shown stays', wanted: undefined, firing: ['a', 'b'], shown: 'b', want: 'b' },
  { why: 'otherwise what is shown stays', wanted: undefined, firing: [], shown: 'b', want: 'b' },
])('which model: $why', ({ wanted, firing, shown, want }) => {
  const models = ['a', 'b', 'c'].map((model): Model => ({ model, revisions: [], reporters: [] }))
  const alerts = firing.map((model) => ({ labels: { model }, state: 'firing' }) as unknown as Alert)
  expect(chooseModel(models, wanted, alerts, shown)?.model).toBe(want)
})
