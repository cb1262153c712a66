import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { type Labels, toLabels } from '../../core/labels.ts'
import type { AppendOutcome, Matcher } from './contract.ts'
import { isStaleMarker } from './stale.ts'
import { createMemoryStore, openStore, type TimeSeriesStore } from './store.ts'
import { readColumns } from './testing.ts'

const always = { fromMs: Number.MIN_SAFE_INTEGER, toMs: Number.MAX_SAFE_INTEGER }
const HOUR_MS = 3_600_000
const labels = (name: string, rest: Record<string, string> = {}) => toLabels({ __name__: name, ...rest })
const named = (name: string): Matcher => ({ name: '__name__', op: '=', value: name })
const every: Matcher = { name: '__name__', op: '=~', value: '.+' }
const nothing: AppendOutcome = { appended: 0, outOfOrder: 0, tooOld: 0, duplicate: 0, overLimit: 0, firstRefused: undefined }
const clock = { now: () => 1e12 }

async function append(store: TimeSeriesStore, series: Labels, samples: readonly (readonly [number, number])[]) {
  const appender = store.appender()
  let ref = 0
  for (const [timeMs, value] of samples) ref = appender.append(ref, series, timeMs, value)
  return { ref, outcome: await appender.commit() }
}

async function plain(store: TimeSeriesStore, matcher = every, range = always) {
  const found = await readColumns(store, [matcher], range)
  return found
    .map(({ labels: own, timesMs, values }) => ({ name: own[0]![1], timesMs: [...timesMs], values: [...values] }))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
}

const folders: string[] = []
const open: TimeSeriesStore[] = []
afterEach(async () => {
  for (const store of open.splice(0)) await store.close()
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true, force: true })
})

type Config = Parameters<typeof openStore>[0]

async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'modelwatch-store-'))
  folders.push(path)
  return path
}

async function onDisk(config: Config = {}): Promise<TimeSeriesStore> {
  const store = await openStore({ path: await folder(), maintenanceIntervalMs: 3_600_000, ...config }, { clock })
  open.push(store)
  return store
}

describe.for([
  { where: 'memory', create: async (config: Config = {}) => createMemoryStore(config) },
  { where: 'disk', create: onDisk },
])('in $where', ({ create }) => {
  test('samples are seen from the commit on, together', async () => {
    const store = await create()
    const appender = store.appender()
    appender.append(0, labels('a'), 1000, 1)
    appender.append(0, labels('b'), 1000, 2)
    expect(await plain(store)).toEqual([])
    const committed = appender.commit()
    const want = [
      { name: 'a', timesMs: [1000], values: [1] },
      { name: 'b', timesMs: [1000], values: [2] },
    ]
    expect(await plain(store)).toEqual(want)
    expect(await committed).toEqual({ ...nothing, appended: 2 })
    await expect(appender.commit()).rejects.toThrow('spent')
  })

  test('a rollback leaves nothing behind, not even the series', async () => {
    const store = await create()
    const appender = store.appender()
    appender.append(0, labels('a'), 1000, 1)
    appender.rollback()
    expect(await store.labelNames([], always)).toEqual([])
    expect(store.stats()).toMatchObject({ series: 0, samples: 0 })
  })

  test('two appenders may hold the same new series, whichever way they end', async () => {
    const store = await create()
    const first = store.appender()
    const second = store.appender()
    const ref = first.append(0, labels('a'), 1000, 1)
    second.append(ref, labels('a'), 2000, 2)
    first.rollback()
    expect((await second.commit()).appended).toBe(1)
    expect(await plain(store)).toEqual([{ name: 'a', timesMs: [2000], values: [2] }])
  })

  test.for([
    { why: 'later', timeMs: 3000, value: 9, want: { appended: 1 } },
    { why: 'earlier', timeMs: 1000, value: 9, want: { outOfOrder: 1 } },
    { why: 'between', timeMs: 1500, value: 9, want: { outOfOrder: 1 } },
    { why: 'the same again', timeMs: 2000, value: Number.NaN, want: { appended: 1 } },
    { why: 'the same time, another value', timeMs: 2000, value: 9, want: { duplicate: 1 } },
  ])('order: $why', async ({ timeMs, value, want }) => {
    const store = await create()
    const { ref } = await append(store, labels('a'), [
      [1000, 1],
      [2000, Number.NaN],
    ])
    const appender = store.appender()
    appender.append(ref, labels('a'), timeMs, value)
    const reason = Object.keys(want)[0]!
    const firstRefused = reason === 'appended' ? undefined : { labels: labels('a'), timeMs, reason }
    expect(await appender.commit()).toEqual({ ...nothing, ...want, firstRefused })
    const [series] = await plain(store)
    expect(series!.values.slice(0, 2)).toEqual([1, Number.NaN])
    expect(store.stats().samples).toBe(timeMs === 3000 ? 3 : 2)
  })

  test('with an out-of-order window what is late is merged in; of two at one time the first stays', async () => {
    const store = await create({ outOfOrderWindowMs: 5000 })
    await append(store, labels('a'), [
      [4000, 4],
      [8000, 8],
    ])
    const { outcome } = await append(store, labels('a'), [
      [5000, 5],
      [3500, 3.5],
      [2999, 2],
      [5000, 6],
      [4000, 40],
      [9000, 9],
    ])
    expect(outcome).toMatchObject({ appended: 5, tooOld: 1, duplicate: 0, firstRefused: { timeMs: 2999, reason: 'tooOld' } })
    expect(await plain(store)).toEqual([{ name: 'a', timesMs: [3500, 4000, 5000, 8000, 9000], values: [3.5, 4, 5, 8, 9] }])
    expect(store.stats().conflicts).toBe(1)
  })

  test('thousands of late samples in any order come back in order', async () => {
    const store = await create({ outOfOrderWindowMs: HOUR_MS })
    const times = Array.from({ length: 3000 }, (_, i) => ((i * 1237) % 3000) * 1000)
    await append(
      store,
      labels('a'),
      times.map((timeMs) => [timeMs, timeMs / 1000]),
    )
    const [series] = await plain(store)
    expect(series!.timesMs).toEqual(Array.from({ length: 3000 }, (_, i) => i * 1000))
    expect(series!.values).toEqual(Array.from({ length: 3000 }, (_, i) => i))
    expect((await plain(store, every, { fromMs: 10_500, toMs: 12_000 }))[0]!.values).toEqual([11, 12])
  })

  test('a staleness marker is not a NaN, and the other way round', async () => {
    const store = await create()
    const { ref } = await append(store, labels('a'), [[1000, Number.NaN]])
    const appender = store.appender()
    appender.appendStale(ref, 2000)
    appender.appendStale(ref, 2000)
    appender.appendStale(ref, 1000)
    appender.append(ref, labels('a'), 2000, Number.NaN)
    appender.appendStale(999, 5000)
    expect(await appender.commit()).toMatchObject({ appended: 2, outOfOrder: 1, duplicate: 1 })
    const [series] = await readColumns(store, [named('a')])
    expect([0, 1].map((i) => isStaleMarker(series!.values, i))).toEqual([false, true])
    // The series comes back after its end.
    expect((await append(store, labels('a'), [[3000, 3]])).outcome.appended).toBe(1)
    expect((await plain(store))[0]!.timesMs).toEqual([1000, 2000, 3000])
  })

  test('past seriesMax new series are refused, known ones go on', async () => {
    const store = await create({ seriesMax: 1 })
    await append(store, labels('a'), [[1000, 1]])
    const refused = await append(store, labels('b'), [[1000, 1]])
    expect(refused).toMatchObject({ ref: 0, outcome: { overLimit: 1, firstRefused: { labels: labels('b'), reason: 'overLimit' } } })
    expect((await append(store, labels('a'), [[2000, 1]])).outcome.appended).toBe(1)
    expect(store.stats()).toMatchObject({ series: 1, refusedSamples: 1 })
  })

  test('what was selected stays as it was while the store goes on', async () => {
    const store = await create()
    await append(
      store,
      labels('a'),
      Array.from({ length: 1000 }, (_, i) => [i, i]),
    )
    const { series } = await store.select([named('a')], { fromMs: 10, toMs: 989 })
    await append(
      store,
      labels('a'),
      Array.from({ length: 500 }, (_, i) => [5000 + i, 1]),
    )
    await store.wipe()
    const [columns] = await readColumns({ ...store, select: async () => ({ series, warnings: [] }) } as unknown as TimeSeriesStore, [])
    expect([...columns!.timesMs]).toEqual(Array.from({ length: 980 }, (_, i) => i + 10))
    expect(await plain(store)).toEqual([])
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
  ] as { matchers: Matcher[]; want: string[] }[])('matchers $matchers', async ({ matchers, want }) => {
    const store = await create()
    await append(store, labels('up', { job: '1', env: 'prod' }), [[1000, 1]])
    await append(store, labels('up', { job: '2' }), [[1000, 1]])
    await append(store, labels('down', { job: '1', env: 'test' }), [[1000, 1]])
    const found = (await store.series([matchers], always)).map((own) => `${own[0]![1]} ${own.find(([name]) => name === 'job')![1]}`)
    expect(found.sort()).toEqual(want)
    expect((await store.select(matchers, always)).series.length).toBe(want.length)
  })

  test('names, values and series are those of the matcher sets and the range', async () => {
    const store = await create()
    await append(store, labels('a', { x: '1' }), [[1000, 1]])
    await append(store, labels('b', { y: '2' }), [[2000, 1]])
    expect(await store.labelNames([], always)).toEqual(['__name__', 'x', 'y'])
    expect(await store.labelNames([[named('a')], [named('a')]], always)).toEqual(['__name__', 'x'])
    expect(await store.labelValues('__name__', [[named('a')], [named('b')]], { fromMs: 1500, toMs: 3000 })).toEqual(['b'])
    expect(await store.labelValues('z', [], always)).toEqual([])
    expect(await store.series([], { fromMs: 1000, toMs: 1000 })).toEqual([labels('a', { x: '1' })])
  })

  test('a selection that would pass its limits fails', async () => {
    const store = await create()
    await append(store, labels('a', { x: '1' }), [[1000, 1]])
    await append(store, labels('a', { x: '2' }), [[1000, 1]])
    const limited = (seriesMax: number) => store.select([named('a')], always, { seriesMax, bytesMax: 1e9 })
    expect((await limited(2)).series.length).toBe(2)
    await expect(limited(1)).rejects.toMatchObject({ code: 'MW_STORE_SELECT_LIMIT' })
  })

  test('metadata is kept by metric', async () => {
    const store = await create()
    store.setMetadata('a', { type: 'counter', help: 'A.', unit: '' })
    expect([...store.metadata()]).toEqual([['a', { type: 'counter', help: 'A.', unit: '' }]])
    expect(store.metadata('b').size).toBe(0)
    expect(store.metadata('a').size).toBe(1)
  })

  test('deleted samples are gone, the others stay, and new ones may come', async () => {
    const store = await create()
    await append(
      store,
      labels('a'),
      Array.from({ length: 300 }, (_, i) => [i * 1000, i]),
    )
    await append(store, labels('b'), [[1000, 1]])
    await store.deleteSeries([[named('a')]], { fromMs: 10_000, toMs: 500_000 })
    expect((await plain(store, named('a')))[0]!.values).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    expect(await plain(store, named('b'))).toHaveLength(1)
    expect((await append(store, labels('a'), [[600_000, 6]])).outcome.appended).toBe(1)
    expect((await plain(store, named('a')))[0]!.timesMs.at(-1)).toBe(600_000)
  })

  test('the largest of everything is listed first', async () => {
    const store = await create()
    for (let i = 0; i < 5; i++) await append(store, labels('a', { i: String(i) }), [[1000, 1]])
    await append(store, labels('b'), [[1000, 1]])
    const { headStats, ...lists } = await store.cardinality(1)
    expect(headStats).toEqual({ numSeries: 6, numLabelPairs: 7, chunkCount: 6, minTime: 1000, maxTime: 1000 })
    expect(lists).toEqual({
      seriesCountByMetricName: [{ name: 'a', value: 5 }],
      labelValueCountByLabelName: [{ name: 'i', value: 5 }],
      memoryInBytesByLabelName: [{ name: '__name__', value: 6 }],
      seriesCountByLabelValuePair: [{ name: '__name__=a', value: 5 }],
    })
  })
})

test('retention hides, forgets and refuses what is older, and with it series without samples', async () => {
  const store = createMemoryStore({ retentionMs: 1000 })
  const { ref } = await append(store, labels('gone', { only: 'here' }), [[1000, 1]])
  await append(store, labels('kept'), [
    [1000, 1],
    [3000, 3],
  ])
  store.truncate(3500)
  expect(await plain(store)).toEqual([{ name: 'kept', timesMs: [3000], values: [3] }])
  expect(await store.labelNames([], always)).toEqual(['__name__'])
  expect((await append(store, labels('late'), [[2000, 1]])).outcome.tooOld).toBe(1)
  const appender = store.appender()
  expect(appender.append(ref, labels('gone', { only: 'here' }), 4000, 4)).not.toBe(ref)
  expect((await appender.commit()).appended).toBe(1)
})
