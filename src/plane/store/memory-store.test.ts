import { expect, test } from 'vitest'
import { toLabels } from '../../core/labels.ts'
import type { Matcher, SeriesColumns } from './contract.ts'
import { createMemoryStore, type MemoryStore } from './memory-store.ts'
import { isStaleMarker } from './stale.ts'

const always = { fromMs: Number.NEGATIVE_INFINITY, toMs: Number.POSITIVE_INFINITY }
const labels = (name: string, rest: Record<string, string> = {}) => toLabels({ __name__: name, ...rest })
const named = (name: string): Matcher => ({ name: '__name__', op: '=', value: name })

function append(store: MemoryStore, series: ReturnType<typeof labels>, samples: readonly (readonly [number, number])[]) {
  const appender = store.appender()
  let ref = 0
  for (const [timeMs, value] of samples) ref = appender.append(ref, series, timeMs, value)
  return { ref, outcome: appender.commit() }
}

const plain = (found: readonly SeriesColumns[]) =>
  found
    .map(({ labels: own, timesMs, values }) => ({ name: own[0]![1], timesMs: [...timesMs], values: [...values] }))
    .sort((a, b) => (a.name < b.name ? -1 : 1))

test('samples are seen after the commit, together', () => {
  const store = createMemoryStore()
  const appender = store.appender()
  appender.append(0, labels('a'), 1000, 1)
  appender.append(0, labels('b'), 1000, 2)
  expect(store.select([{ name: '__name__', op: '=~', value: '.+' }], always)).toEqual([])
  expect(appender.commit()).toEqual({ appended: 2, outOfOrder: 0, duplicate: 0, overLimit: 0 })
  expect(plain(store.select([{ name: '__name__', op: '=~', value: '.+' }], always))).toEqual([
    { name: 'a', timesMs: [1000], values: [1] },
    { name: 'b', timesMs: [1000], values: [2] },
  ])
  expect(() => appender.commit()).toThrow('spent')
})

test('a rollback leaves nothing behind, not even the series', () => {
  const store = createMemoryStore()
  const appender = store.appender()
  appender.append(0, labels('a'), 1000, 1)
  appender.rollback()
  expect(store.labelNames([], always)).toEqual([])
  expect(store.stats()).toMatchObject({ series: 0, samples: 0 })
})

test('two appenders may hold the same new series, whichever way they end', () => {
  const store = createMemoryStore()
  const first = store.appender()
  const second = store.appender()
  const ref = first.append(0, labels('a'), 1000, 1)
  second.append(ref, labels('a'), 2000, 2)
  first.rollback()
  expect(second.commit().appended).toBe(1)
  expect(plain(store.select([named('a')], always))).toEqual([{ name: 'a', timesMs: [2000], values: [2] }])
})

test.for([
  { why: 'later', timeMs: 3000, value: 9, want: { appended: 1 } },
  { why: 'earlier', timeMs: 1000, value: 9, want: { outOfOrder: 1 } },
  { why: 'between', timeMs: 1500, value: 9, want: { outOfOrder: 1 } },
  { why: 'the same again', timeMs: 2000, value: Number.NaN, want: { appended: 1 } },
  { why: 'the same time, another value', timeMs: 2000, value: 9, want: { duplicate: 1 } },
])('order: $why', ({ timeMs, value, want }) => {
  const store = createMemoryStore()
  const { ref } = append(store, labels('a'), [
    [1000, 1],
    [2000, Number.NaN],
  ])
  const appender = store.appender()
  appender.append(ref, labels('a'), timeMs, value)
  expect(appender.commit()).toEqual({ appended: 0, outOfOrder: 0, duplicate: 0, overLimit: 0, ...want })
  const [series] = store.select([named('a')], always)
  expect([...series!.values.slice(0, 2)]).toEqual([1, Number.NaN])
  expect(store.stats().samples).toBe(timeMs === 3000 ? 3 : 2)
})

test('a staleness marker is not a NaN, and the other way round', () => {
  const store = createMemoryStore()
  const { ref } = append(store, labels('a'), [[1000, Number.NaN]])
  const appender = store.appender()
  appender.appendStale(ref, 2000)
  appender.appendStale(ref, 2000)
  appender.appendStale(ref, 1000)
  appender.append(ref, labels('a'), 2000, Number.NaN)
  appender.appendStale(999, 5000)
  expect(appender.commit()).toEqual({ appended: 2, outOfOrder: 1, duplicate: 1, overLimit: 0 })
  const [series] = store.select([named('a')], always)
  expect([0, 1].map((i) => isStaleMarker(series!.values, i))).toEqual([false, true])
})

test('past seriesMax new series are refused, known ones go on', () => {
  const store = createMemoryStore({ seriesMax: 1 })
  append(store, labels('a'), [[1000, 1]])
  expect(append(store, labels('b'), [[1000, 1]])).toEqual({ ref: 0, outcome: { appended: 0, outOfOrder: 0, duplicate: 0, overLimit: 1 } })
  expect(append(store, labels('a'), [[2000, 1]]).outcome.appended).toBe(1)
  expect(store.stats()).toMatchObject({ series: 1, refusedSamples: 1 })
})

test('past samplesMax the oldest chunks go first, and are counted', () => {
  const evictions: number[] = []
  const store = createMemoryStore({ samplesMax: 2000 }, { onEvicted: (samples) => evictions.push(samples) })
  const rising = (fromMs: number, count: number) => Array.from({ length: count }, (_, i) => [fromMs + i * 1000, i] as const)
  append(store, labels('old'), rising(0, 600))
  append(store, labels('new'), rising(10_000_000, 1600))
  expect(store.stats()).toMatchObject({ series: 2, samples: 2200 - 512, evictedSamples: 512, oldestMs: 512_000 })
  append(store, labels('new'), rising(20_000_000, 500))
  expect(store.labelValues('__name__', [], always)).toEqual(['new'])
  expect(evictions.length).toBe(2)
  expect(store.stats().samples).toBeLessThanOrEqual(2000)
})

test('retention hides, forgets and refuses what is older, and with it series without samples', () => {
  const store = createMemoryStore({ retentionMs: 1000 })
  const { ref } = append(store, labels('gone', { only: 'here' }), [[1000, 1]])
  append(store, labels('kept'), [
    [1000, 1],
    [3000, 3],
  ])
  store.truncate(3500)
  expect(plain(store.select([{ name: '__name__', op: '=~', value: '.+' }], always))).toEqual([
    { name: 'kept', timesMs: [3000], values: [3] },
  ])
  expect(store.labelNames([], always)).toEqual(['__name__'])
  expect(append(store, labels('late'), [[2000, 1]]).outcome.outOfOrder).toBe(1)
  const appender = store.appender()
  expect(appender.append(ref, labels('gone', { only: 'here' }), 4000, 4)).not.toBe(ref)
  expect(appender.commit().appended).toBe(1)
})

test('what was selected stays as it was while the store goes on', () => {
  const store = createMemoryStore({ retentionMs: 1000 })
  append(
    store,
    labels('a'),
    Array.from({ length: 1000 }, (_, i) => [i, i]),
  )
  const [before] = store.select([named('a')], { fromMs: 10, toMs: 989 })
  append(store, labels('a'), [[5000, 1]])
  store.truncate(100_000)
  expect([...before!.timesMs]).toEqual(Array.from({ length: 980 }, (_, i) => i + 10))
})

test.for([
  { matchers: [named('up')], want: ['up 1', 'up 2'] },
  { matchers: [named('up'), { name: 'env', op: '=', value: '' }], want: ['up 2'] },
  { matchers: [named('up'), { name: 'env', op: '!=', value: '' }], want: ['up 1'] },
  {
    matchers: [
      { name: 'env', op: '=~', value: 'p.*|' },
      { name: 'job', op: '=', value: '2' },
    ],
    want: ['up 2'],
  },
  { matchers: [{ name: 'env', op: '!~', value: 'p.*' }], want: ['down 1', 'up 2'] },
  { matchers: [{ name: 'job', op: '=~', value: '1|3' }], want: ['down 1', 'up 1'] },
  { matchers: [{ name: 'nothing', op: '=', value: '' }], want: ['down 1', 'up 1', 'up 2'] },
  { matchers: [{ name: 'nothing', op: '=~', value: '.+' }], want: [] },
  { matchers: [named('up'), { name: 'job', op: '=', value: '1' }, { name: 'job', op: '=', value: '2' }], want: [] },
] as { matchers: Matcher[]; want: string[] }[])('matchers $matchers', ({ matchers, want }) => {
  const store = createMemoryStore()
  append(store, labels('up', { job: '1', env: 'prod' }), [[1000, 1]])
  append(store, labels('up', { job: '2' }), [[1000, 1]])
  append(store, labels('down', { job: '1', env: 'test' }), [[1000, 1]])
  const found = store.series([matchers], always).map((own) => `${own[0]![1]} ${own.find(([name]) => name === 'job')![1]}`)
  expect(found.sort()).toEqual(want)
  expect(store.select(matchers, always).length).toBe(want.length)
})

test('names, values and series are those of the matcher sets and the range', () => {
  const store = createMemoryStore()
  append(store, labels('a', { x: '1' }), [[1000, 1]])
  append(store, labels('b', { y: '2' }), [[2000, 1]])
  expect(store.labelNames([], always)).toEqual(['__name__', 'x', 'y'])
  expect(store.labelNames([[named('a')], [named('a')]], always)).toEqual(['__name__', 'x'])
  expect(store.labelValues('__name__', [[named('a')], [named('b')]], { fromMs: 1500, toMs: 3000 })).toEqual(['b'])
  expect(store.labelValues('z', [], always)).toEqual([])
  expect(store.series([], { fromMs: 1000, toMs: 1000 })).toEqual([labels('a', { x: '1' })])
})

test('a selection that would pass its limits fails', () => {
  const store = createMemoryStore()
  append(store, labels('a', { x: '1' }), [
    [1000, 1],
    [2000, 1],
  ])
  append(store, labels('a', { x: '2' }), [[1000, 1]])
  const limited = (seriesMax: number, samplesMax: number) => () => store.select([named('a')], always, { seriesMax, samplesMax })
  expect(limited(2, 3)).not.toThrow()
  expect(limited(1, 3)).toThrow(expect.objectContaining({ code: 'MW_STORE_SELECT_LIMIT' }))
  expect(limited(2, 2)).toThrow(expect.objectContaining({ code: 'MW_STORE_SELECT_LIMIT' }))
})

test('metadata is kept by metric', () => {
  const store = createMemoryStore()
  store.setMetadata('a', { type: 'counter', help: 'A.', unit: '' })
  expect([...store.metadata()]).toEqual([['a', { type: 'counter', help: 'A.', unit: '' }]])
  expect(store.metadata('b').size).toBe(0)
  expect(store.metadata('a').size).toBe(1)
})
