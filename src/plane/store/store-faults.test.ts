import { setImmediate } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { createMemoryStore, type TimeSeriesStore } from './store.ts'
import { readColumns } from './testing.ts'
import {
  always,
  append,
  every,
  labels,
  MINUTE_MS,
  nowMs,
  type Sample,
  untilNow,
  useFaultyFolder,
  values,
  YEAR_MS,
} from './testing-faults.ts'

const folder = useFaultyFolder()

test('late samples that come again and again are counted as gone when they are', async () => {
  const store = await folder.open({ outOfOrderWindowMs: YEAR_MS })
  await append(store, labels('a'), untilNow(60))
  // Enough that some are encoded before they come again.
  const late = Array.from({ length: 130 }, (_, i): Sample => [nowMs - 500_000 + 1 + i, i])
  for (let round = 0; round < 3; round++) await append(store, labels('a'), late)
  await store.maintain({ compact: false })
  expect(store.stats().disk?.flushes).toBe(1)
  expect(store.stats()).toMatchObject({ lateSamples: 0, samples: 190 })
})

test('late samples too new for a block do not have it tried again and again', async () => {
  const store = await folder.open({ outOfOrderWindowMs: YEAR_MS, lateSamplesMax: 5 })
  await append(store, labels('a'), untilNow(3))
  await append(
    store,
    labels('a'),
    Array.from({ length: 10 }, (_, i) => [nowMs - 1000 - i, i]),
  )
  for (let i = 0; i < 3; i++) await store.maintain()
  expect(store.stats().disk?.checkpoints).toBeLessThanOrEqual(1)
})

describe('while samples move', () => {
  test('series, names and values are all there at any moment of a flush', { timeout: 30_000 }, async () => {
    const store = await folder.open()
    const count = 1000
    const appender = store.appender()
    for (let i = 0; i < count; i++)
      for (const [timeMs, value] of untilNow(30)) appender.append(0, labels('a', { i: String(i) }), timeMs, value)
    await appender.commit()
    let flushed = false
    const flushing = store.maintain().then(() => {
      flushed = true
    })
    const old = { fromMs: nowMs - 300_000, toMs: nowMs - 280_000 }
    let looks = 0
    while (!flushed) {
      const [series, found] = await Promise.all([store.series([[every]], old), store.labelValues('i', [], old), setImmediate()])
      expect([series.length, found.length]).toEqual([count, count])
      looks++
    }
    await flushing
    expect(store.stats().disk?.flushes).toBe(1)
    expect(looks).toBeGreaterThan(2)
  })

  test('a selection shows what was there when it began, however many commits come while it is made', { timeout: 30_000 }, async () => {
    const store = await folder.open({ outOfOrderWindowMs: YEAR_MS })
    // So many that the search takes several turns.
    const count = 15_000
    const series = Array.from({ length: count }, (_, i) => labels('a', { i: String(i) }))
    const refs = new Array<number>(count).fill(0)
    const write = (timeMs: number, steps: number) => {
      const appender = store.appender()
      for (const [i, one] of series.entries()) {
        for (let step = 0; step < steps; step++) refs[i] = appender.append(refs[i]!, one, timeMs + step, timeMs)
      }
      return appender.commit()
    }
    await write(1000, 100)
    const selecting = store.select([every], always)
    let isSelected = false
    void selecting.then(() => {
      isSelected = true
    })
    let commits = 1
    // The first of them seals the chunks that the search has not come to yet.
    while (!isSelected) {
      await write(++commits * 1000, 30)
      await setImmediate()
    }
    expect(commits).toBeGreaterThan(1)
    const found = await readColumns({ ...store, select: () => selecting } as unknown as TimeSeriesStore, [])
    expect(new Set(found.map(({ timesMs }) => timesMs.at(-1)))).toEqual(new Set([1099]))
    expect(found).toHaveLength(count)
  })
})

test('retention by size counts the checkpoint', async () => {
  let store = await folder.open()
  await append(
    store,
    labels('a'),
    Array.from({ length: 5000 }, (_, i) => [nowMs - 5000 + i, Math.sqrt(i)]),
  )
  await append(store, labels('b'), [
    [nowMs - 60 * MINUTE_MS, 1],
    [nowMs, 1],
  ])
  await store.maintain()
  expect(store.stats().disk?.blockCount).toBeGreaterThan(0)
  await store.close()
  // The block is small; the rest, in the checkpoint, is larger than the bound.
  store = await folder.open({ retentionBytes: 20_000 })
  await store.maintain()
  expect(store.stats().disk?.blockCount).toBe(0)
  expect(Object.keys(await values(store, 'a'))).toHaveLength(5000)
})

test('a store may be closed twice, and takes nothing more', async () => {
  const store = await folder.open()
  await append(store, labels('a'), [[nowMs, 1]])
  await Promise.all([store.close(), store.close()])
  await store.close()
  expect(folder.logged).toEqual([])
  await expect(append(store, labels('a'), [[nowMs + 1, 1]])).rejects.toMatchObject({ code: 'MW_WAL_CLOSED' })
})

test('in memory, retention takes late samples too', async () => {
  const store = createMemoryStore({ retentionMs: 1000, outOfOrderWindowMs: 1e9 })
  await append(store, labels('a'), [[5000, 5]])
  await append(
    store,
    labels('a'),
    Array.from({ length: 200 }, (_, i) => [3000 + i, i]),
  )
  store.truncate(4120) // 120 of them are in a chunk that ends right before.
  expect(store.stats()).toMatchObject({ samples: 81, lateSamples: 80 })
  store.truncate(5500)
  expect(store.stats()).toMatchObject({ samples: 1, lateSamples: 0 })
})
