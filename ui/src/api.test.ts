import { expect, test } from 'vitest'
import { createApi, parseDurationMs, parseValue } from './api.ts'

test.for([
  { text: '1.5', want: 1.5 },
  { text: '-2e-05', want: -2e-5 },
  { text: '+Inf', want: Number.POSITIVE_INFINITY },
  { text: '-Inf', want: Number.NEGATIVE_INFINITY },
  { text: 'NaN', want: Number.NaN },
])('value $text', ({ text, want }) => expect(parseValue(text)).toBe(want))

test.for([
  { text: '5s', want: 5000 },
  { text: '1m30s', want: 90_000 },
  { text: '500ms', want: 500 },
  { text: '1m500ms', want: 60_500 },
  { text: '', want: undefined },
  { text: '5', want: undefined },
])('duration "$text"', ({ text, want }) => expect(parseDurationMs(text)).toBe(want))

/** An API whose plane always gives the same answer, and the questions it was asked. */
function answering(body: unknown, status = 200) {
  const asked: { url: string; form: string }[] = []
  const api = createApi({
    base: './',
    timeoutMs: 1000,
    fetch: async (url, init) => {
      asked.push({ url, form: String(init.body ?? '') })
      return new Response(typeof body === 'string' ? body : JSON.stringify(body), { status })
    },
  })
  return { api, asked }
}

const ok = (data: unknown) => ({ status: 'success', data })

test('an instant query: seconds become milliseconds, texts numbers, native histograms are left out', async () => {
  const vector = [
    { metric: { a: 'b' }, value: [1700000000.5, '2.5'] },
    { metric: { h: '1' }, histogram: [1700000000.5, {}] },
  ]
  const { api, asked } = answering(ok({ resultType: 'vector', result: vector }))
  expect(await api.query('up', { timeMs: 1_700_000_000_500 })).toEqual([{ labels: { a: 'b' }, timeMs: 1_700_000_000_500, value: 2.5 }])
  expect(asked).toEqual([{ url: './api/v1/query', form: 'query=up&time=1700000000.5' }])
})

test('a scalar is one sample without labels', async () => {
  const { api } = answering(ok({ resultType: 'scalar', result: [10, '11'] }))
  expect(await api.query('time()')).toEqual([{ labels: {}, timeMs: 10_000, value: 11 }])
})

test('a range query', async () => {
  const { api, asked } = answering(
    ok({
      resultType: 'matrix',
      result: [
        {
          metric: {},
          values: [
            [1, '1'],
            [2, '+Inf'],
          ],
        },
      ],
    }),
  )
  expect(await api.queryRange('x', { startMs: 1000, endMs: 2000, stepMs: 500 })).toEqual([
    { labels: {}, timesMs: [1000, 2000], values: [1, Number.POSITIVE_INFINITY] },
  ])
  expect(asked[0]!.form).toBe('query=x&start=1&end=2&step=0.5')
})

test('rules: active alerts carry the expression of their rule, and broken rules are named', async () => {
  const alert = { labels: { name: 'wind' }, annotations: { summary: 's' }, state: 'firing', activeAt: '2026-11-20T12:00:00Z', value: '1' }
  const groups = [
    {
      rules: [
        { type: 'recording', name: 'a:b', query: 'x', health: 'err', lastError: 'no' },
        { type: 'alerting', name: 'Drift', query: 'psi > 1', duration: 30, health: 'ok', alerts: [alert, { ...alert, state: 'inactive' }] },
        { type: 'alerting', name: 'Down', query: 'up == 0', duration: 0, health: 'ok' },
      ],
    },
  ]
  const rules = await answering(ok({ groups })).api.rules()
  expect(rules.ruleCount).toBe(3)
  expect(rules.broken).toEqual([{ name: 'a:b', error: 'no' }])
  expect(rules.alerts).toEqual([
    {
      name: 'Drift',
      labels: { name: 'wind' },
      annotations: { summary: 's' },
      state: 'firing',
      activeAtMs: Date.UTC(2026, 10, 20, 12),
      expr: 'psi > 1',
      forMs: 30_000,
    },
  ])
})

test('targets: one never scraped has no last scrape', async () => {
  const target = {
    labels: { job: 'gateway', instance: 'a:1' },
    scrapeUrl: 'http://a:1/metrics',
    lastError: '',
    lastScrapeDuration: 0.5,
    scrapeInterval: '2s',
  }
  const activeTargets = [
    { ...target, health: 'up', lastScrape: '2026-11-20T12:00:00Z' },
    { ...target, health: 'unknown', lastScrape: '0001-01-01T00:00:00Z' },
  ]
  const targets = await answering(ok({ activeTargets })).api.targets()
  expect(targets.map(({ health, lastScrapeMs }) => ({ health, lastScrapeMs }))).toEqual([
    { health: 'up', lastScrapeMs: Date.UTC(2026, 10, 20, 12) },
    { health: 'unknown', lastScrapeMs: undefined },
  ])
  expect(targets[0]).toMatchObject({ job: 'gateway', instance: 'a:1', lastScrapeDurationMs: 500, intervalMs: 2000 })
})

test.for([
  {
    why: 'the plane refuses',
    body: { status: 'error', errorType: 'bad_data', error: '1:2: parse error: x' },
    status: 400,
    kind: 'refused',
  },
  { why: 'a proxy answers in its stead', body: '<html>Bad gateway</html>', status: 502, kind: 'unreachable' },
  { why: 'JSON of another kind', body: { message: 'not found' }, status: 404, kind: 'unreachable' },
  { why: 'text where numbers are wanted', body: ok({ resultType: 'string', result: [1, 'x'] }), status: 200, kind: 'refused' },
])('$why: $kind', async ({ body, status, kind }) => {
  await expect(answering(body, status).api.query('x')).rejects.toMatchObject({ kind })
})

test('no answer at all is unreachable; a question dropped on purpose is not', async () => {
  const silent = createApi({ base: './', timeoutMs: 1000, fetch: () => Promise.reject(new TypeError('refused')) })
  await expect(silent.query('x')).rejects.toMatchObject({ kind: 'unreachable' })
  const hanging = createApi({
    base: './',
    timeoutMs: 60_000,
    fetch: (_, init) => new Promise((_resolve, reject) => init.signal!.addEventListener('abort', () => reject(init.signal!.reason))),
  })
  const controller = new AbortController()
  const asked = hanging.query('x', { signal: controller.signal })
  controller.abort()
  await expect(asked).rejects.toMatchObject({ name: 'AbortError' })
})
