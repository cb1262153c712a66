import { setImmediate } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { toLabels } from '../../core/labels.ts'
import { createMemoryStore } from '../store/index.ts'
import type { QueryEngineConfig } from './config.ts'
import { createQueryEngine } from './engine.ts'

function engineWith({
  series = 3,
  samples = 10,
  config = {},
  now,
}: {
  series?: number
  samples?: number
  config?: Partial<QueryEngineConfig>
  now?: () => number
} = {}) {
  const store = createMemoryStore()
  const appender = store.appender()
  for (let s = 0; s < series; s++) {
    let ref = 0
    for (let i = 0; i < samples; i++) ref = appender.append(ref, toLabels({ __name__: 'm_total', s: String(s) }), i * 10_000, i * (s + 1))
  }
  appender.commit()
  return createQueryEngine(config, now === undefined ? { reader: store } : { reader: store, now })
}

test('check tells the type', () => {
  const engine = engineWith()
  expect(['1', '"a"', 'a', 'a[5m]', '(rate(a[5m]) > 0)[1h:]'].map((query) => engine.check(query))).toEqual([
    'scalar',
    'string',
    'vector',
    'matrix',
    'matrix',
  ])
})

test('the longest chain and the deepest nesting that are read are answered too', async () => {
  const engine = engineWith({ series: 2 })
  const value = async (query: string) => (await engine.instant(query, 25_000)).value
  expect(await value(Array(1001).fill('1').join('+'))).toMatchObject({ kind: 'scalar', value: 1001 })
  expect(await value(Array(1001).fill('m_total').join(' + '))).toMatchObject({ samples: [{ value: 2002 }, { value: 4004 }] })
  expect(await value(`${'('.repeat(400)}m_total${')'.repeat(400)}`)).toMatchObject({ samples: [{ value: 2 }, { value: 4 }] })
  expect(await value(`${'abs('.repeat(399)}m_total${')'.repeat(399)}`)).toMatchObject({ samples: [{ value: 2 }, { value: 4 }] })
  expect(await value(`${'sum(1 + ('.repeat(130)}m_total${'))'.repeat(130)}`)).toMatchObject({ samples: [{ value: 8 + 129 }] })
})

test('a regular expression that would take a backtracking machine minutes', async () => {
  const engine = engineWith()
  const value = async (query: string) => (await engine.instant(query, 25_000)).value
  expect(await value('{__name__=~"(.*.*.*.*.*.*.*.*.*.*)x"}')).toMatchObject({ samples: [] })
  expect(await value('label_replace(m_total{s="0"}, "t", "$1", "__name__", "((?:.*)*)_total")')).toMatchObject({
    samples: [
      {
        labels: [
          ['__name__', 'm_total'],
          ['s', '0'],
          ['t', 'm'],
        ],
      },
    ],
  })
})

test('every kind of answer', async () => {
  const engine = engineWith({ series: 1 })
  const value = async (query: string) => (await engine.instant(query, 25_000)).value
  const labels = [
    ['__name__', 'm_total'],
    ['s', '0'],
  ]
  expect(await value('1 + 1')).toEqual({ kind: 'scalar', timeMs: 25_000, value: 2 })
  expect(await value('"text"')).toEqual({ kind: 'string', timeMs: 25_000, value: 'text' })
  // A byte that is no UTF-8.
  expect(await value('"a\\xff"')).toEqual({ kind: 'string', timeMs: 25_000, value: 'a\ufffd' })
  expect((await engine.instant('label_join(m_total, "s", "\\xff", "s", "s")', 0)).value).toEqual({
    kind: 'vector',
    samples: [{ labels: toLabels({ __name__: 'm_total', s: '0\ufffd0' }), timeMs: 0, value: 0 }],
  })
  expect(await value('m_total')).toEqual({ kind: 'vector', samples: [{ labels, timeMs: 25_000, value: 2 }] })
  expect(await value('m_total[15s]')).toEqual({
    kind: 'matrix',
    series: [{ labels, timesMs: new Float64Array([20_000]), values: new Float64Array([2]) }],
  })
  expect(await value('nothing')).toEqual({ kind: 'vector', samples: [] })
  const range = await engine.range('m_total > 1', { startMs: 0, endMs: 39_999, stepMs: 10_000 })
  expect(range.value).toEqual({
    kind: 'matrix',
    series: [{ labels, timesMs: new Float64Array([20_000, 30_000]), values: new Float64Array([2, 3]) }],
  })
})

test('the lookback is open to the left, and a query may set its own', async () => {
  const engine = engineWith({ samples: 1 })
  const found = async (timeMs: number, lookbackMs?: number) =>
    (await engine.instant('count(m_total)', timeMs, lookbackMs === undefined ? {} : { lookbackMs })).value
  expect(await found(299_999)).toMatchObject({ samples: [{ value: 3 }] })
  expect(await found(300_000)).toMatchObject({ samples: [] })
  expect(await found(5_000, 5_000)).toMatchObject({ samples: [] })
})

const range = { startMs: 0, endMs: 90_000, stepMs: 10_000 }

test.for([
  { why: 'points', config: { pointsMax: 9 }, query: 'm_total', message: 'maximum resolution of 9 points' },
  { why: 'samples held', config: { samplesMax: 20 }, query: 'm_total', message: 'too many samples into memory in query execution' },
  { why: 'samples of one window', config: { samplesMax: 9 }, query: 'sum(sum_over_time(m_total[10m]))', message: 'too many samples' },
  { why: 'values computed', config: { samplesMax: 50 }, query: 'm_total + m_total', message: 'too many samples' },
  { why: 'memory', config: { bytesMax: 700 }, query: 'm_total + m_total', message: 'at most 700 are allowed' },
  {
    why: 'a subquery with a tiny step',
    config: { subqueryStepsMax: 1000 },
    query: 'sum_over_time(nothing[1h:1ms])',
    message: 'evaluated at 3690000 steps; at most 1000',
  },
  { why: 'series selected', config: { seriesMax: 2 }, query: 'm_total', message: 'more than 2 series' },
  { why: 'series made', config: { seriesMax: 4 }, query: 'count_values("v", m_total)', message: 'at most 4' },
  { why: 'the query itself', config: { queryLengthMax: 5 }, query: 'm_total', message: '7 characters' },
])('a bound is an error, never a short answer: $why', async ({ config, query, message }) => {
  await expect(engineWith({ config }).range(query, range)).rejects.toMatchObject({
    code: 'MW_PROMQL_LIMIT',
    message: expect.stringContaining(message),
  })
})

test.for([
  { why: 'a string', query: '"x"', times: range, message: 'invalid expression type "string" for range query' },
  { why: 'a range vector', query: 'm_total[1m]', times: range, message: 'invalid expression type "range vector" for range query' },
  { why: 'no step', query: '1', times: { ...range, stepMs: 0 }, message: 'zero or negative' },
  { why: 'an end before the start', query: '1', times: { ...range, endMs: -1 }, message: 'end timestamp' },
])('a range query refuses $why', async ({ query, times, message }) => {
  await expect(engineWith().range(query, times)).rejects.toMatchObject({
    code: 'MW_PROMQL_EXECUTION',
    message: expect.stringContaining(message),
  })
})

test('tells how many samples a query looked at, as Prometheus does', async () => {
  const engine = engineWith()
  const samples = async (query: string) => (await engine.range(query, range, { perStepStats: true })).stats!.samples
  expect(await samples('m_total')).toMatchObject({ totalQueryableSamples: 30 })
  // Windows of 20 s hold one sample at first, then two.
  expect(await samples('sum(rate(m_total[20s]))')).toMatchObject({
    totalQueryableSamples: 57,
    totalQueryableSamplesPerStep: [0, 10, 20, 30, 40, 50, 60, 70, 80, 90].map((time) => [time, time === 0 ? 3 : 6]),
  })
  expect(await samples('rate(m_total[20s]) + rate(m_total[20s])')).toMatchObject({ totalQueryableSamples: 114 })
  expect(await samples('m_total @ 50')).toMatchObject({ totalQueryableSamples: 30 })
  // Five samples of the inner expression in each full window of the outer; what was looked at for them is not counted.
  expect((await engine.instant('sum_over_time(rate(m_total[20s])[50s:10s])', 90_000)).stats!.samples).toEqual({
    totalQueryableSamples: 15,
    peakSamples: expect.any(Number),
  })
})

test('an expression that stands twice may be filtered in one place and used whole in the other', async () => {
  const engine = engineWith()
  const values = async (query: string) =>
    (await engine.range(query, { startMs: 0, endMs: 20_000, stepMs: 10_000 })).value.series.map((one) => [...one.values])
  expect(await values('sum((m_total > 2) or m_total * 0) + sum(m_total)')).toEqual([[0, 9, 22]])
  expect(await values('sum(-m_total) + sum(m_total)')).toEqual([[0, 0, 0]])
  expect(await values('sum(abs(m_total) - abs(m_total)) + sum(-abs(m_total))')).toEqual([[0, -6, -12]])
  expect(await values('sum(clamp(m_total, 1, 2)) + sum(m_total) + sum(clamp(m_total, 1, 2))')).toEqual([[6, 16, 24]])
})

test('where names are dropped at once, series that never meet become one', async () => {
  const store = createMemoryStore()
  const appender = store.appender()
  appender.append(0, toLabels({ __name__: 'early', x: '1' }), 0, 1)
  const ref = appender.append(0, toLabels({ __name__: 'late', x: '1' }), 600_000, 2)
  appender.append(ref, toLabels({ __name__: 'late', x: '1' }), 660_000, 3)
  await appender.commit()
  const names = (delayedNameRemoval: boolean) => createQueryEngine({ delayedNameRemoval }, { reader: store })
  const times = { startMs: 0, endMs: 600_000, stepMs: 600_000 }
  const joined = '{__name__=~"early|late"} * 10'
  expect((await names(false).range(joined, times)).value.series).toMatchObject([{ labels: [['x', '1']], values: Float64Array.of(10, 20) }])
  await expect(names(true).range(joined, times)).rejects.toThrow('same labelset')
  // Functions over whole series look at their labels alone.
  await expect(names(false).range('-{__name__=~"early|late"}', times)).rejects.toThrow('same labelset')
  const byName = 'sum by (__name__) (abs(late))'
  expect((await names(false).instant(byName, 600_000)).value).toMatchObject({ samples: [{ labels: [] }] })
  const kept = 'label_replace(abs(late), "was", "$1", "__name__", "(.*)")'
  expect((await names(true).instant(kept, 600_000)).value).toMatchObject({
    samples: [
      {
        labels: [
          ['was', 'late'],
          ['x', '1'],
        ],
      },
    ],
  })
  expect((await names(true).instant('label_replace(abs(late), "__name__", "new", "", "")', 600_000)).value).toMatchObject({
    samples: [
      {
        labels: [
          ['__name__', 'new'],
          ['x', '1'],
        ],
      },
    ],
  })
})

const heavy = 'sum(quantile_over_time(0.5, m_total[30m]))'
const long = { startMs: 0, endMs: 5_000_000, stepMs: 5_000 }

test('others get their turn while a query runs', async () => {
  let ms = 0
  // A clock that ticks each time it is looked at, so that slices end by count and not by the machine's speed.
  const engine = engineWith({ series: 20, samples: 500, now: () => ms++ })
  let done = false
  const answer = engine.range(heavy, long).finally(() => {
    done = true
  })
  let turns = 0
  while (!done) {
    await setImmediate()
    turns++
  }
  expect((await answer).value.series[0]!.values.length).toBeGreaterThan(900)
  expect(turns).toBeGreaterThan(5)
})

test('a query ends at its timeout', async () => {
  let ms = 0
  const engine = engineWith({ series: 20, samples: 500, now: () => (ms += 10) })
  await expect(engine.range(heavy, long, { timeoutMs: 100 })).rejects.toMatchObject({ code: 'MW_PROMQL_TIMEOUT' })
})

test('a query ends when its caller goes away', async () => {
  const early = AbortSignal.abort()
  await expect(engineWith().instant('1', 0, { signal: early })).rejects.toMatchObject({ code: 'MW_PROMQL_CANCELED' })
  const controller = new AbortController()
  let ms = 0
  const engine = engineWith({ series: 20, samples: 500, now: () => ms++ })
  const answer = engine.range(heavy, long, { signal: controller.signal })
  controller.abort()
  await expect(answer).rejects.toMatchObject({ code: 'MW_PROMQL_CANCELED' })
})

test('what to know about an answer comes with it, with the place', async () => {
  const engine = engineWith()
  expect(await engine.instant('quantile(1.5, m_total) + 0', 0)).toMatchObject({
    warnings: ['PromQL warning: quantile value should be between 0 and 1, got 1.5 (1:10)'],
    infos: [],
  })
  const renamed = 'rate(label_replace(m_total, "__name__", "m", "", "")[1m:10s])'
  expect((await engine.instant(renamed, 60_000)).infos).toEqual([
    // Of the result of a subquery Prometheus knows no place.
    'PromQL info: metric might not be a counter, name does not end in _total/_sum/_count/_bucket: "m" (1:1)',
  ])
  // Each message once, with the place that said it last; that the expression is evaluated once changes nothing.
  const twice = 'quantile(2, m_total) + (quantile(2, (m_total)))'
  expect((await engine.instant(twice, 0)).warnings).toEqual(['PromQL warning: quantile value should be between 0 and 1, got 2 (1:34)'])
})

test('what differs in the sign of a zero is not the same expression', async () => {
  const { value } = await engineWith().instant('(1 / vector(-0)) < (1 / vector(0))', 0)
  expect(value).toMatchObject({ kind: 'vector', samples: [{ value: Number.NEGATIVE_INFINITY }] })
})

test('queries under way share a bound on memory, and give back what they took', async () => {
  const store = createMemoryStore()
  const appender = store.appender()
  for (let i = 0; i < 50; i++) appender.append(0, toLabels({ __name__: 'm', i: String(i) }), 0, i)
  await appender.commit()
  // Fifty columns of 11,001 values: five megabytes, and long enough that queries take turns.
  const wide = { startMs: 0, endMs: 1_100_000, stepMs: 100 }
  const alone = createQueryEngine({ bytesTotalMax: 12_000_000 }, { reader: store })
  for (let i = 0; i < 5; i++) expect((await alone.range('m', wide)).value.series).toHaveLength(50)
  const together = await Promise.allSettled([1, 2, 3, 4].map(() => alone.range('m + 0', wide)))
  const refused = together.filter((one) => one.status === 'rejected').map(({ reason }) => reason)
  expect(refused.length).toBeGreaterThan(0)
  for (const reason of refused) expect(reason).toMatchObject({ code: 'MW_PROMQL_LIMIT', message: expect.stringContaining('together') })
  // Refused or done, they have all given back.
  expect((await alone.range('m', wide)).value.series).toHaveLength(50)
})

// As Prometheus 3.5.3 answers. It looks through parentheses, but not where they are the invariant argument of a call that is none.
test.for([
  { query: 'quantile((2), m_total)', place: '1:11' },
  { query: 'limit_ratio(((2)), m_total)', place: '1:15' },
  { query: 'quantile_over_time((2), m_total[1m])', place: '1:20' },
  { query: 'quantile_over_time((2), m_total[1m] @ 60)', place: '1:21' },
  { query: 'quantile_over_time((time()), m_total[1m])', place: '1:21' },
  { query: 'histogram_quantile((2), m_total)', place: '1:20' },
  { query: 'histogram_quantile((2), m_total @ 60)', place: '1:21' },
  { query: 'histogram_quantile(0.5, ((m_total)))', place: '1:27' },
  { query: 'histogram_fraction(0, 1, (m_total))', place: '1:27' },
  { query: 'rate((label_replace(m_total, "__name__", "m", "", "")[1m:10s]))', place: '1:1' },
])('the first annotation of $query is at $place', async ({ query, place }) => {
  const { warnings, infos } = await engineWith({ series: 1, config: { experimentalFunctions: true } }).instant(query, 60_000)
  expect(/\((\S*)\)$/.exec([...warnings, ...infos][0]!)![1]).toBe(place)
})

test('a range query is refused for its type before its durations are worked out', async () => {
  const engine = engineWith()
  const range = { startMs: 0, endMs: 60_000, stepMs: 10_000 }
  await expect(engine.range('m_total[5m-6m]', range)).rejects.toThrow('invalid expression type "range vector" for range query')
  await expect(engine.range('rate(m_total[5m-6m])', range)).rejects.toThrow('13:18: duration must be greater than 0')
  await expect(engine.instant('m_total[5m-6m]', 0)).rejects.toThrow('8:13: duration must be greater than 0')
})
