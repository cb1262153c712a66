import { expect, test } from 'vitest'
import { fromLabels, toLabels } from '../../core/labels.ts'
import type { VectorSample } from '../promql/contract.ts'
import { createMemoryStore, isStaleMarker } from '../store/index.ts'
import { readColumns } from '../store/testing.ts'
import type { AlertingRule, Rule } from './config.ts'
import { RunningGroup } from './group.ts'
import { createScriptedEngine } from './testing.ts'

type Answers = Parameters<typeof createScriptedEngine>[0]

function sample(labels: Record<string, string>, value = 1): VectorSample {
  return { labels: toLabels(labels), timeMs: 0, value }
}

function start(rules: readonly Rule[], answers: Answers, seriesMax = Number.POSITIVE_INFINITY) {
  const store = createMemoryStore()
  const failures: string[] = []
  const group = new RunningGroup(
    { name: 'g', file: 'f.yml', intervalMs: 1000, seriesMax, rules },
    { externalLabels: { region: 'eu' } },
    { engine: createScriptedEngine(answers), store, onError: (failure) => void failures.push(failure.rule) },
  )
  const kept = async (metric: string) =>
    Object.fromEntries(
      (await readColumns(store, [{ name: '__name__', op: '=', value: metric }])).map(({ labels, timesMs, values }) => {
        const { __name__, ...rest } = fromLabels(labels)
        return [JSON.stringify(rest), Array.from(timesMs, (t, i) => `${t}:${isStaleMarker(values, i) ? 'stale' : values[i]}`).join(' ')]
      }),
    )
  return { group, kept, failures, store }
}

const recording: Rule = { kind: 'recording', name: 'job:x', expr: 'x', labels: { kind: 'sum', drop: '' } }
const alerting: AlertingRule = {
  kind: 'alerting',
  name: 'Down',
  expr: 'x',
  forMs: 2000,
  keepFiringForMs: 0,
  labels: { severity: 'page', who: '{{ $labels.job }}' },
  annotations: { summary: '{{ $labels.job }} in {{ $externalLabels.region }} is {{ $value }}' },
}

test('a recording rule names its series, adds labels, and ends what it gives no more', async () => {
  const { group, kept } = start([recording], {
    x: (t) => (t === 1000 ? [sample({ __name__: 'x', job: 'a', drop: 'y' }, 3), sample({ job: 'b' }, 4)] : [sample({ job: 'b' }, 5)]),
  })
  await group.evaluate(1000)
  await group.evaluate(2000)
  expect(await kept('job:x')).toEqual({ '{"job":"a","kind":"sum"}': '1000:3 2000:stale', '{"job":"b","kind":"sum"}': '1000:4 2000:5' })
  expect(group.status()).toMatchObject({ lastEvaluationMs: 2000, rules: [{ kind: 'recording', name: 'job:x', query: 'x', health: 'ok' }] })
})

test('a scalar is recorded as a series without labels', async () => {
  const { group, kept } = start([{ ...recording, labels: {} }], { x: () => 7 })
  await group.evaluate(1000)
  expect(await kept('job:x')).toEqual({ '{}': '1000:7' })
})

test.for([
  { why: 'an error of the engine', x: () => new Error('boom'), error: 'boom', max: 9 },
  { why: 'two series of one name', x: () => [sample({ kind: '1' }), sample({ kind: '2' })], error: 'same labelset', max: 9 },
  {
    why: 'more series than the limit',
    x: () => [sample({ job: '1' }), sample({ job: '2' })],
    error: 'exceeded limit of 1 with 2 series',
    max: 1,
  },
])('$why fails the rule and not those after it', async ({ x, error, max }) => {
  const { group, kept, failures } = start([recording, { ...recording, name: 'y', expr: 'y' }], { x, y: () => 1 }, max)
  expect(await group.evaluate(1000)).toEqual({ evaluated: 2, failed: 1 })
  expect(group.status().rules[0]).toMatchObject({ health: 'err', lastError: expect.stringContaining(error) })
  expect(group.status().rules[1]).toMatchObject({ health: 'ok' })
  expect(await kept('job:x')).toEqual({})
  expect(failures).toEqual(['job:x'])
})

test('an alert waits for `for`, fires, and ends; its series tell the story', async () => {
  const { group, kept } = start([alerting], { x: (t) => (t < 5000 ? [sample({ __name__: 'x', job: 'a' }, t)] : []) })
  const states: string[] = []
  for (let t = 1000; t <= 6000; t += 1000) {
    await group.evaluate(t)
    states.push((group.status().rules[0] as { state: string }).state)
  }
  expect(states).toEqual(['pending', 'pending', 'firing', 'firing', 'inactive', 'inactive'])
  const labels = '"alertname":"Down","ALERTSTATE","job":"a","severity":"page","who":"a"'
  expect(await kept('ALERTS')).toEqual({
    [`{${labels.replace('ALERTSTATE"', 'alertstate":"pending"')}}`]: '1000:1 2000:1 3000:stale',
    [`{${labels.replace('ALERTSTATE"', 'alertstate":"firing"')}}`]: '3000:1 4000:1 5000:stale',
  })
  expect(await kept('ALERTS_FOR_STATE')).toEqual({ [`{${labels.replace('"ALERTSTATE",', '')}}`]: '1000:1 2000:1 3000:1 4000:1 5000:stale' })
})

test('an alert shows the newest value in its annotations and the first time it held', async () => {
  const { group } = start([alerting], { x: (t) => [sample({ __name__: 'x', job: 'a' }, t)] })
  await group.evaluate(1000)
  await group.evaluate(4000)
  expect(group.alerts).toEqual([
    {
      labels: toLabels({ alertname: 'Down', job: 'a', severity: 'page', who: 'a' }),
      annotations: { summary: 'a in eu is 4000' },
      state: 'firing',
      activeAtMs: 1000,
      keptFiringSinceMs: undefined,
      value: 4000,
    },
  ])
})

test('a pending alert that ceases to hold is gone, and begins anew', async () => {
  const { group } = start([alerting], { x: (t) => (t === 2000 ? [] : [sample({ job: 'a' })]) })
  for (const t of [1000, 2000, 3000, 4000]) await group.evaluate(t)
  expect(group.alerts).toMatchObject([{ state: 'pending', activeAtMs: 3000 }])
})

test('without `for` an alert fires at once', async () => {
  const { group } = start([{ ...alerting, forMs: 0 }], { x: () => [sample({ job: 'a' })] })
  await group.evaluate(1000)
  expect(group.alerts).toMatchObject([{ state: 'firing' }])
})

test('keep_firing_for holds an alert that fired, not one that is pending, and returns are seamless', async () => {
  const holds = new Set([1000, 2000, 5000])
  const { group } = start([{ ...alerting, forMs: 1000, keepFiringForMs: 2500 }], {
    x: (t) => (holds.has(t) ? [sample({ job: 'a' }, t)] : []),
  })
  const seen: unknown[] = []
  for (let t = 1000; t <= 9000; t += 1000) {
    await group.evaluate(t)
    seen.push(group.alerts.map((a) => [a.state, a.keptFiringSinceMs])[0])
  }
  expect(seen).toEqual([
    ['pending', undefined],
    ['firing', undefined],
    ['firing', 3000],
    ['firing', 3000],
    ['firing', undefined],
    ['firing', 6000],
    ['firing', 6000],
    ['firing', 6000],
    undefined,
  ])
})

test('two samples that make one alert fail the rule', async () => {
  const { group } = start([{ ...alerting, labels: { job: 'same' } }], { x: () => [sample({ job: 'a' }), sample({ job: 'b' })] })
  await group.evaluate(1000)
  expect(group.status().rules[0]).toMatchObject({
    health: 'err',
    lastError: expect.stringContaining('same labelset after applying alert labels'),
  })
})

test('alerts go on while the store takes nothing', async () => {
  const { group, store } = start([alerting], { x: () => [sample({ job: 'a' })] })
  await group.evaluate(1000)
  const open = store.appender.bind(store)
  store.appender = () => Object.assign(open(), { commit: () => Promise.reject(new Error('the disk is full')) })
  await group.evaluate(2000)
  await group.evaluate(3000)
  expect(group.alerts).toMatchObject([{ state: 'firing', activeAtMs: 1000 }])
  expect(group.status().rules[0]).toMatchObject({ health: 'err', lastError: 'the disk is full' })
})
