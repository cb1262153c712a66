import assert from 'node:assert/strict'
import type { FastifyInstance } from 'fastify'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { needs } from '../../../test/support/needs.ts'
import { toLabels } from '../../core/labels.ts'
import type { ActiveAlert, RuleGroupStatus } from '../../plane/rules/index.ts'
import type { TargetStatus } from '../../plane/scrape/index.ts'
import { type Cardinality, createMemoryStore } from '../../plane/store/index.ts'
import { createAnswerCheck, createTestApi } from './testing.ts'

const nowMs = Date.parse('2026-11-20T12:00:00Z')
const checkAnswer = createAnswerCheck()

const targets: TargetStatus[] = [
  {
    job: 'app',
    scrapeUrl: 'http://host:1/metrics',
    discoveredLabels: { __address__: 'host:1', job: 'app' },
    labels: { instance: 'host:1', job: 'app' },
    health: 'up',
    lastError: '',
    lastScrapeMs: nowMs - 500,
    lastScrapeDurationMs: 12.5,
    intervalMs: 15_000,
    timeoutMs: 10_000,
  },
  {
    job: 'other',
    scrapeUrl: 'http://host:2/metrics',
    discoveredLabels: {},
    labels: {},
    health: 'unknown',
    lastError: '',
    lastScrapeMs: undefined,
    lastScrapeDurationMs: 0,
    intervalMs: 500,
    timeoutMs: 500,
  },
]
const alert: ActiveAlert = {
  labels: toLabels({ alertname: 'High', severity: 'page' }),
  annotations: { summary: 'is high' },
  state: 'firing',
  activeAtMs: nowMs - 60_000,
  keptFiringSinceMs: undefined,
  value: 0.25,
}
const base = { health: 'ok', lastError: '', lastEvaluationMs: nowMs, evaluationDurationMs: 2 } as const
const groups: RuleGroupStatus[] = [
  {
    name: 'g',
    file: 'f.yml',
    intervalMs: 1500,
    seriesMax: Number.POSITIVE_INFINITY,
    lastEvaluationMs: nowMs,
    evaluationDurationMs: 3,
    rules: [
      { kind: 'recording', name: 'a:b', query: 'sum(a)', labels: {}, ...base },
      {
        kind: 'alerting',
        name: 'High',
        query: 'a > 1',
        labels: { severity: 'page' },
        state: 'firing',
        forMs: 60_000,
        keepFiringForMs: 0,
        annotations: { summary: 'is high' },
        alerts: [alert],
        ...base,
      },
    ],
  },
]

const cardinality: Cardinality = {
  headStats: { numSeries: 4, numLabelPairs: 6, chunkCount: 5, minTime: undefined, maxTime: nowMs },
  seriesCountByMetricName: [{ name: 'load', value: 2 }],
  labelValueCountByLabelName: [],
  memoryInBytesByLabelName: [],
  seriesCountByLabelValuePair: [],
}

const store = createMemoryStore()
let app: FastifyInstance
beforeAll(async () => {
  const appender = store.appender()
  for (let i = 0; i <= 10; i++) {
    appender.append(0, toLabels({ __name__: 'load', zone: 'a' }), nowMs - 100_000 + i * 10_000, i / 4)
    appender.append(0, toLabels({ __name__: 'load', zone: 'b' }), nowMs - 100_000 + i * 10_000, 1e-7)
  }
  appender.append(0, toLabels({ __name__: 'odd', 'http.status': '200' }), nowMs, Number.NaN)
  appender.append(0, toLabels({ __name__: 'end' }), nowMs, Number.POSITIVE_INFINITY)
  await appender.commit()
  store.setMetadata('load', { type: 'gauge', help: 'How busy.', unit: '' })
  store.setMetadata('end', { type: 'counter', help: '', unit: '' })
  const created = await createTestApi(store, {
    scraper: { targets: () => targets },
    rules: { groups: () => groups, alerts: () => [alert] },
    clock: { now: () => nowMs },
    cardinality: async () => cardinality,
  })
  app = created.app
})
afterAll(() => app.close())

// biome-ignore lint/suspicious/noExplicitAny: answers are looked at field by field.
type Answer = { status: number; body: any }

async function get(path: string, params: Record<string, string | string[]> = {}): Promise<Answer> {
  const search = new URLSearchParams(
    Object.entries(params).flatMap(([name, value]) => [value].flat().map((v): [string, string] => [name, v])),
  )
  const response = await app.inject({ url: `/api/v1/${path}?${search}` })
  return { status: response.statusCode, body: response.json() }
}

const seconds = nowMs / 1000

test.for([
  {
    why: 'a vector',
    query: 'load{zone="a"}',
    want: { resultType: 'vector', result: [{ metric: { __name__: 'load', zone: 'a' }, value: [seconds, '2.5'] }] },
  },
  {
    why: 'a small number in the exponent form',
    query: 'sum(load{zone="b"})',
    want: { resultType: 'vector', result: [{ metric: {}, value: [seconds, '1e-07'] }] },
  },
  { why: 'NaN', query: 'sum(odd)', want: { resultType: 'vector', result: [{ metric: {}, value: [seconds, 'NaN'] }] } },
  { why: 'infinity', query: '-end', want: { resultType: 'vector', result: [{ metric: {}, value: [seconds, '-Inf'] }] } },
  { why: 'a scalar', query: '6 * 7', want: { resultType: 'scalar', result: [seconds, '42'] } },
  { why: 'a string', query: '"a\\"b"', want: { resultType: 'string', result: [seconds, 'a"b'] } },
  {
    why: 'a matrix',
    query: 'load{zone="a"}[15s]',
    want: {
      resultType: 'matrix',
      result: [
        {
          metric: { __name__: 'load', zone: 'a' },
          values: [
            [seconds - 10, '2.25'],
            [seconds, '2.5'],
          ],
        },
      ],
    },
  },
  { why: 'nothing', query: 'none', want: { resultType: 'vector', result: [] } },
])('query: $why', async ({ query, want }) => {
  expect(await get('query', { query })).toEqual({ status: 200, body: { status: 'success', data: want } })
})

test('times are RFC 3339 or Unix seconds, and fractions are milliseconds', async () => {
  for (const time of [`${seconds - 10.5}`, '2026-11-20T11:59:49.5Z', '2026-11-20T12:59:49.500+01:00']) {
    const { body } = await get('query', { query: 'load{zone="a"}', time })
    expect(body.data.result[0].value).toEqual([seconds - 10.5, '2'])
  }
})

test('a range query, by GET and by a posted form', async () => {
  const params = { query: 'load{zone="a"}', start: `${seconds - 20}`, end: '2026-11-20T12:00:00Z', step: '10s' }
  const want = {
    resultType: 'matrix',
    result: [
      {
        metric: { __name__: 'load', zone: 'a' },
        values: [
          [seconds - 20, '2'],
          [seconds - 10, '2.25'],
          [seconds, '2.5'],
        ],
      },
    ],
  }
  expect((await get('query_range', params)).body.data).toEqual(want)
  const posted = await app.inject({
    method: 'POST',
    url: '/api/v1/query_range?step=20',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    payload: new URLSearchParams({ ...params, step: '10' }).toString(),
  })
  expect(posted.json().data).toEqual(want)
})

test('a long matrix is streamed and whole', async () => {
  const { body } = await get('query_range', { query: 'vector(time()) or load', start: `${seconds - 10_000}`, end: `${seconds}`, step: '1' })
  const [series] = body.data.result.filter((s: { metric: object }) => Object.keys(s.metric).length === 0)
  expect(series.values).toHaveLength(10_001)
  expect(series.values[10_000]).toEqual([seconds, String(seconds)])
  expect(checkAnswer?.('QueryRangeOutputBody', body) ?? '').toBe('')
})

test('to look back 0 or less is the default', async () => {
  for (const lookback of ['0', '-5', '5m'])
    expect((await get('query', { query: 'load', time: `${seconds + 60}`, lookback_delta: lookback })).body.data.result).toHaveLength(2)
  expect((await get('query', { query: 'load', time: `${seconds + 60}`, lookback_delta: '30s' })).body.data.result).toEqual([])
})

test('limit cuts and says so', async () => {
  const { body } = await get('query', { query: 'load', limit: '1' })
  expect(body.data.result).toHaveLength(1)
  expect(body.warnings).toEqual(['results truncated due to limit'])
  expect((await get('labels', { limit: '1' })).body).toMatchObject({ data: ['__name__'], warnings: ['results truncated due to limit'] })
})

test.for([
  { path: 'query', params: {}, status: 400, type: 'bad_data', error: 'invalid parameter "query"' },
  { path: 'query', params: { query: 'sum(' }, status: 400, type: 'bad_data', error: 'parse error' },
  {
    path: 'query',
    params: { query: 'up', time: 'soon' },
    status: 400,
    type: 'bad_data',
    error: `invalid parameter "time": invalid time value for 'time': cannot parse "soon" to a valid timestamp`,
  },
  { path: 'query', params: { query: 'up', time: 'NaN' }, status: 400, type: 'bad_data', error: 'cannot parse "NaN"' },
  { path: 'query', params: { query: 'up', timeout: 'x' }, status: 400, type: 'bad_data', error: 'invalid parameter "timeout"' },
  {
    path: 'query',
    params: { query: 'up', timeout: '-5' },
    status: 400,
    type: 'bad_data',
    error: 'invalid parameter "timeout": "-5" is not a duration above 0',
  },
  { path: 'query', params: { query: 'up', timeout: '0' }, status: 400, type: 'bad_data', error: 'invalid parameter "timeout"' },
  { path: 'query', params: { query: '1+'.repeat(4900) + 1 }, status: 400, type: 'bad_data', error: 'expression too long' },
  {
    path: 'label/%zz/values',
    params: {},
    status: 400,
    type: 'bad_data',
    error: "'/api/v1/label/%zz/values' is not a valid url component",
  },
  { path: 'query', params: { query: 'load + on() load' }, status: 422, type: 'execution', error: 'many' },
  { path: 'query', params: { query: 'up', limit: '-1' }, status: 400, type: 'bad_data', error: 'invalid parameter "limit"' },
  { path: 'query_range', params: { query: 'up', start: '0', end: '1' }, status: 400, type: 'bad_data', error: 'invalid parameter "step"' },
  {
    path: 'query_range',
    params: { query: 'up', start: '2', end: '1', step: '1' },
    status: 400,
    type: 'bad_data',
    error: 'end timestamp must not be before start time',
  },
  {
    path: 'query_range',
    params: { query: 'up', start: '0', end: '1', step: '0' },
    status: 400,
    type: 'bad_data',
    error: 'zero or negative query resolution step',
  },
  {
    path: 'query_range',
    params: { query: 'up', start: '0', end: '11001', step: '1' },
    status: 400,
    type: 'bad_data',
    error: 'exceeded maximum resolution of 11,000 points',
  },
  {
    path: 'query_range',
    params: { query: 'up[5m]', start: '0', end: '1', step: '1' },
    status: 400,
    type: 'bad_data',
    error: 'range vector',
  },
  { path: 'series', params: {}, status: 400, type: 'bad_data', error: 'no match[] parameter provided' },
  { path: 'series', params: { 'match[]': 'rate(up[5m])' }, status: 400, type: 'bad_data', error: 'invalid parameter "match[]"' },
  { path: 'series', params: { 'match[]': '{__name__=~".*"}' }, status: 400, type: 'bad_data', error: 'at least one non-empty matcher' },
  { path: 'rules', params: { type: 'x' }, status: 400, type: 'bad_data', error: 'not supported value "x"' },
  { path: 'none', params: {}, status: 404, type: 'not_found', error: 'GET /api/v1/none' },
])('$path $params is refused with $status', async ({ path, params, status, type, error }) => {
  const answer = await get(path, params as unknown as Record<string, string>)
  expect(answer).toMatchObject({ status, body: { status: 'error', errorType: type, error: expect.stringContaining(error) } })
  expect(checkAnswer?.('Error', answer.body) ?? '').toBe('')
})

test('series, labels and values, by matchers and time', async () => {
  expect((await get('series', { 'match[]': ['load{zone="b"}', 'end'] })).body.data).toEqual([
    { __name__: 'end' },
    { __name__: 'load', zone: 'b' },
  ])
  expect((await get('series', { 'match[]': 'end', end: `${seconds - 1}` })).body.data).toEqual([])
  expect((await get('labels')).body.data).toEqual(['__name__', 'http.status', 'zone'])
  expect((await get('labels', { 'match[]': 'end' })).body.data).toEqual(['__name__'])
  expect((await get('label/zone/values')).body.data).toEqual(['a', 'b'])
  expect((await get('label/zone/values', { 'match[]': 'load{zone!="a"}' })).body.data).toEqual(['b'])
  expect((await get('label/U__http_2e_status/values')).body.data).toEqual(['200'])
})

test('metadata', async () => {
  expect((await get('metadata', { metric: 'load' })).body.data).toEqual({ load: [{ type: 'gauge', help: 'How busy.', unit: '' }] })
  expect(Object.keys((await get('metadata', { limit: '1' })).body.data)).toHaveLength(1)
})

test('metadata of targets: those of the metrics they had lately', async () => {
  const busy = { type: 'gauge', help: 'How busy.', unit: '' } as const
  const [target] = targets
  const writing = store.appender()
  writing.append(0, toLabels({ __name__: 'busy', ...target!.labels }), nowMs, 1)
  writing.append(0, toLabels({ __name__: 'took_seconds_bucket', le: '+Inf', ...target!.labels }), nowMs, 1)
  await writing.commit()
  store.setMetadata('busy', busy)
  store.setMetadata('took_seconds', { type: 'histogram', help: 'Time.', unit: 'seconds' })
  const all = (await get('targets/metadata', { match_target: '{job="app"}' })).body
  expect(all.data).toEqual([
    { target: target!.labels, metric: 'busy', ...busy },
    { target: target!.labels, metric: 'took_seconds', type: 'histogram', help: 'Time.', unit: 'seconds' },
  ])
  expect(checkAnswer?.('TargetMetadataOutputBody', all) ?? '').toBe('')
  expect((await get('targets/metadata', { metric: 'busy', match_target: '{job="app"}' })).body.data).toEqual([
    { target: target!.labels, ...busy },
  ])
  expect((await get('targets/metadata', { match_target: '{job="none"}' })).body.data).toEqual([])
  expect((await get('targets/metadata', { limit: '0' })).body.data).toEqual([])
})

test('targets', async () => {
  const { activeTargets } = (await get('targets')).body.data
  expect(activeTargets[0]).toMatchObject({
    scrapePool: 'app',
    lastScrape: '2026-11-20T11:59:59.500Z',
    lastScrapeDuration: 0.0125,
    scrapeInterval: '15s',
  })
  expect(activeTargets[1]).toMatchObject({ lastScrape: '0001-01-01T00:00:00Z', scrapeInterval: '500ms' })
  expect((await get('targets', { scrapePool: 'other' })).body.data.activeTargets).toHaveLength(1)
  expect((await get('targets', { state: 'dropped' })).body.data.activeTargets).toEqual([])
})

test('rules and alerts, whole and filtered', async () => {
  const [group] = (await get('rules')).body.data.groups
  expect(group).toMatchObject({ name: 'g', file: 'f.yml', interval: 1.5, limit: 0, evaluationTime: 0.003 })
  expect(group.rules[1]).toMatchObject({ type: 'alerting', state: 'firing', duration: 60, alerts: [{ state: 'firing', value: '2.5e-01' }] })
  const names = async (params: Record<string, string>) =>
    (await get('rules', params)).body.data.groups.flatMap((g: { rules: { name: string }[] }) => g.rules.map((r) => r.name))
  expect(await names({ type: 'record' })).toEqual(['a:b'])
  expect(await names({ type: 'alert' })).toEqual(['High'])
  expect(await names({ 'rule_name[]': 'none' })).toEqual([])
  expect(await names({ 'match[]': '{severity=~"page|warn"}' })).toEqual(['High'])
  expect((await get('rules', { 'rule_group[]': 'h' })).body.data.groups).toEqual([])
  expect((await get('rules', { exclude_alerts: 'true' })).body.data.groups[0].rules[1].alerts).toEqual([])
  expect((await get('alerts')).body.data.alerts).toEqual([
    {
      labels: { alertname: 'High', severity: 'page' },
      annotations: { summary: 'is high' },
      state: 'firing',
      activeAt: '2026-11-20T11:59:00.000Z',
      value: '2.5e-01',
    },
  ])
})

test('rule groups by file and name, and in pages', async () => {
  const group = (file: string, name: string): RuleGroupStatus => ({ ...groups[0]!, file, name, rules: [] })
  const listed = [group('b.yml', 'a'), group('a.yml', 'z'), group('a.yml', 'b')]
  const created = await createTestApi(store, { clock: { now: () => nowMs }, rules: { groups: () => listed, alerts: () => [] } })
  const ask = async (params: Record<string, string>) => (await created.app.inject(`/api/v1/rules?${new URLSearchParams(params)}`)).json()
  const names = (body: { data: { groups: { file: string; name: string }[] } }) =>
    body.data.groups.map(({ file, name }) => `${file};${name}`)
  expect(names(await ask({}))).toEqual(['a.yml;b', 'a.yml;z', 'b.yml;a'])
  const first = await ask({ group_limit: '2' })
  expect(names(first)).toEqual(['a.yml;b', 'a.yml;z'])
  expect(first.data.groupNextToken).toBe('655ef4f794c04087ab1ede69a473309141be8b28') // SHA-1 of b.yml;a, as in Prometheus.
  expect(checkAnswer?.('RulesOutputBody', first) ?? '').toBe('')
  const second = await ask({ group_limit: '2', group_next_token: first.data.groupNextToken })
  expect([names(second), second.data.groupNextToken]).toEqual([['b.yml;a'], undefined])
  await created.app.close()
})

test('answers have the shapes of the Prometheus API', async (ctx) => {
  needs(ctx, '../shared')
  assert(checkAnswer !== undefined)
  const shapes: [path: string, params: Record<string, string>, schema: string][] = [
    ['query', { query: 'load' }, 'QueryOutputBody'],
    ['query', { query: '1' }, 'QueryOutputBody'],
    ['query', { query: 'load[1m]' }, 'QueryOutputBody'],
    ['query_range', { query: 'load', start: `${seconds - 60}`, end: `${seconds}`, step: '15s' }, 'QueryRangeOutputBody'],
    ['series', { 'match[]': 'load' }, 'SeriesOutputBody'],
    ['labels', {}, 'LabelsOutputBody'],
    ['label/zone/values', {}, 'LabelValuesOutputBody'],
    ['metadata', {}, 'MetadataOutputBody'],
    ['targets', {}, 'TargetsOutputBody'],
    ['rules', {}, 'RulesOutputBody'],
    ['alerts', {}, 'AlertsOutputBody'],
    ['status/config', {}, 'StatusConfigOutputBody'],
    ['status/flags', {}, 'StatusFlagsOutputBody'],
    ['status/buildinfo', {}, 'StatusBuildInfoOutputBody'],
    ['status/runtimeinfo', {}, 'StatusRuntimeInfoOutputBody'],
    ['status/tsdb', {}, 'StatusTSDBOutputBody'],
    ['status/walreplay', {}, 'StatusWALReplayOutputBody'],
    ['query', { query: 'load', stats: 'all' }, 'QueryOutputBody'],
    ['query_exemplars', { query: 'load' }, 'QueryExemplarsOutputBody'],
    ['format_query', { query: 'load' }, 'FormatQueryOutputBody'],
    ['parse_query', { query: 'load' }, 'ParseQueryOutputBody'],
    ['scrape_pools', {}, 'ScrapePoolsOutputBody'],
    ['alertmanagers', {}, 'AlertmanagersOutputBody'],
    ['notifications', {}, 'NotificationsOutputBody'],
  ]
  for (const [path, params, schema] of shapes) {
    const { status, body } = await get(path, params)
    expect([path, status, checkAnswer(schema, body)]).toEqual([path, 200, ''])
  }
})

test('an empty store has the ends of time, in digits that fit 64 bits', async () => {
  const { payload } = await app.inject('/api/v1/status/tsdb')
  expect(payload).toContain(`"minTime":9223372036854775807,"maxTime":${nowMs}}`)
})

test('a query is formatted and parsed', async () => {
  expect((await get('format_query', { query: 'sum(a)by(b)' })).body.data).toBe('sum by (b) (a)')
  expect((await get('parse_query', { query: 'a' })).body.data).toMatchObject({ type: 'vectorSelector', name: 'a' })
  for (const path of ['format_query', 'parse_query']) {
    const { status, body } = await get(path, { query: 'sum(' })
    expect([status, body.errorType, body.error]).toEqual([
      400,
      'bad_data',
      'invalid parameter "query": 1:5: parse error: unclosed left parenthesis',
    ])
  }
})

test('stats are told where they are asked for', async () => {
  const stats = async (params: Record<string, string>) => (await get('query', { query: 'load', ...params })).body.data.stats
  expect(await stats({})).toBeUndefined()
  expect(await stats({ stats: 'true' })).toMatchObject({
    timings: { execTotalTime: expect.any(Number) },
    samples: { totalQueryableSamples: 2 },
  })
  expect((await stats({ stats: 'all' })).samples).not.toHaveProperty('totalQueryableSamplesPerStep') // The feature is off.
})

test.for(['/api/v1/query?query=1', '/api/v1/labels', '/api/v1/query'])('%s is JSON and nothing more', async (url) => {
  const reply = await app.inject({ url })
  expect(reply.headers['content-type']).toBe('application/json')
})

test('an address that has other methods says which', async () => {
  const { statusCode, headers, payload } = await app.inject({ method: 'DELETE', url: '/api/v1/query?query=1' })
  expect([statusCode, headers.allow, JSON.parse(payload).error]).toEqual([
    405,
    'GET, POST',
    'DELETE is not allowed at /api/v1/query; it answers GET and POST',
  ])
  expect((await app.inject({ method: 'POST', url: '/api/v1/label/x/values' })).statusCode).toBe(405)
})

test('a body that is no form says nothing', async () => {
  const { statusCode } = await app.inject({
    method: 'POST',
    url: '/api/v1/query?query=1',
    headers: { 'content-type': 'application/json' },
    payload: '{',
  })
  expect(statusCode).toBe(200)
})

test('health', async () => {
  expect((await app.inject('/-/healthy')).statusCode).toBe(200)
  expect((await app.inject('/-/ready')).statusCode).toBe(200)
})
