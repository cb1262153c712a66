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
    isJudged: page.isJudged,
    deadTasks: 0,
    hasTasks: false,
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

test('two revisions: who gets what, since when, and how well each does; the page is about the one that most are sent to', async () => {
  const { page } = await pageOf('canary', '?range=1h')
  expect(page.problems).toEqual([])
  expect(page.catalogue.models[0]!.revisions.map(({ revision }) => revision)).toEqual(['v2', 'v1'])
  expect(page.revision?.revision).toBe('v1')
  expect(page.traffic).toMatchObject([
    { revision: 'v1', role: 'split', ratio: 0.9, tags: [], shadow: undefined },
    { revision: 'v2', role: 'split', ratio: 0.1, tags: ['candidate'], errorRatio: 0.084, shadow: undefined },
  ])
  const [first, second] = page.traffic
  expect(first!.requestsPerSecond).toBeGreaterThan(5 * second!.requestsPerSecond!)
  // A step of an hour's picture is 20 s.
  for (const { sinceMs } of page.traffic) expect(Math.abs(sinceMs! - (page.nowMs - 1_800_000))).toBeLessThan(45_000)
  expect(page.traffic.map(({ p95Seconds }) => p95Seconds! > 0)).toEqual([true, true])
  expect((await pageOf('canary', '?revision=v2')).page.revision?.revision).toBe('v2')
})

test('a shadow: its rows, and how far it is from what was answered', async () => {
  const { page } = await pageOf('shadow')
  expect(page.revision?.revision).toBe('v1')
  expect(page.traffic).toMatchObject([
    { revision: 'v1', role: 'split', ratio: 1 },
    {
      revision: 'v2',
      role: 'shadow',
      ratio: 0,
      requestsPerSecond: undefined,
      shadow: { agree: 4801, disagree: 160, failed: 2, dropped: 0, differences: [{ name: 'temp_max_tomorrow', mean: 0.31 }] },
    },
  ])
})

test('a roll-back: what was served before is still told of', async () => {
  const { page } = await pageOf('rollback')
  expect(page.traffic).toMatchObject([
    { revision: 'v1', role: 'split', ratio: 1 },
    { revision: 'v2', role: 'tagged', ratio: 0 },
  ])
  expect(page.traffic[1]!.history[0]).toBe(1)
  expect(page.traffic[1]!.history.at(-1)).toBe(0)
})

test.for([
  { scenario: 'drifting', now: { waiting: undefined, dead: undefined, done: undefined }, why: 'there never were any' },
  { scenario: 'healthy', now: { waiting: 0, active: 0, dead: 0, oldestAge: 0, submitted: 0, done: 0 }, why: 'there are none now' },
  { scenario: 'canary', now: { waiting: expect.any(Number), dead: 0, delayed: 0 }, why: 'more come than are done' },
  { scenario: 'rollback', now: { dead: 7, delayed: 2 }, why: 'some die' },
] as const)('tasks: $why', async ({ scenario, now }) => {
  const { page } = await pageOf(scenario)
  expect(page.tasks).toMatchObject(now)
  expect(page.history!.tasks.waiting.some((value) => value !== null)).toBe(now.dead !== undefined)
  if (scenario === 'canary') {
    expect(page.tasks.waiting).toBeGreaterThan(1000)
    expect(page.tasks.oldestAge).toBeGreaterThan(60)
    expect(page.history!.tasks.waiting.at(-1)).toBeGreaterThan(page.history!.tasks.waiting[0]!)
  }
})

test('rules about one model judge no other; models are in the order a reader counts', async () => {
  const { page } = await pageOf('many')
  expect(page).toMatchObject({ model: { model: 'weather' }, isJudged: true })
  expect(page.catalogue.models.map(({ model }) => model).slice(0, 3)).toEqual(['recommender-1', 'recommender-2', 'recommender-3'])
  expect((await pageOf('many', '?model=recommender-7')).page).toMatchObject({ ruleCount: 2, isJudged: false })
})

test.for([
  { search: '', want: undefined },
  { search: '?model=weather&revision=v1', want: undefined },
  { search: '?model=wether', want: 'Nobody reports a model wether. This is weather.' },
  { search: '?model=wether&revision=v9', want: 'Nobody reports a model wether. This is weather.' },
  { search: '?revision=v9', want: 'Nobody reports a revision v9 of weather. This is v1.' },
])('an address that asks for what is not there is answered with something else, and that is said: "$search"', async ({ search, want }) => {
  expect((await pageOf('healthy', search)).page.missing).toBe(want)
})

test('one revision asks nothing about others', async () => {
  const { page, asked } = await pageOf('healthy')
  expect(page.traffic).toMatchObject([{ revision: 'v1', role: 'split', ratio: 1 }])
  expect(asked.filter((question) => question.includes('shadow'))).toEqual([])
})

test('a model whose gateway died is still known', async () => {
  const { page } = await pageOf('down')
  expect(page.model?.model).toBe('weather')
  expect(page.signals.requests).toBeUndefined()
  expect(page.targets[0]).toMatchObject({ health: 'down', lastError: 'connect ECONNREFUSED 127.0.0.1:8000' })
  expect(page.history!.trouble.at(-1)).toBe(1)
  expect(page.traffic).toMatchObject([{ revision: 'v1', role: 'unknown' }])
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
