import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { fromLabels } from '../../core/labels.ts'
import type { SeriesStore } from '../store/contract.ts'
import { createMemoryStore, isStaleMarker } from '../store/index.ts'
import { readColumns } from '../store/testing.ts'
import type { ScrapeJob } from './config.ts'
import { scrapeErrors } from './errors.ts'
import type { Fetcher } from './fetch.ts'
import { Target } from './target.ts'
import { resolveTarget } from './target-labels.ts'
import { testJob } from './testing.ts'

const never = new AbortController().signal
const job = testJob()

/** A target that answers each scrape with the next of `bodies`; an Error is a failed scrape. */
function scripted(bodies: readonly (string | Error)[], options: Partial<ScrapeJob> = {}) {
  let nowMs = 0
  let at = 0
  const fetcher: Fetcher = {
    async fetch() {
      const body = bodies[at++]!
      if (body instanceof Error) throw body
      return { format: 'text', text: body }
    },
    close: async () => {},
  }
  const config = { ...job, ...options }
  const target = new Target(config, resolveTarget(config, 'host:1', { env: 'test' }), { store, clock: { now: () => nowMs }, fetcher })
  return {
    target,
    async scrape(atMs: number) {
      nowMs = atMs
      return target.scrape(atMs, never)
    },
  }
}

let store: SeriesStore
beforeEach(() => {
  store = createMemoryStore()
})
afterEach(() => store.close())

/** Samples of one metric as `label: [time:value …]`, a staleness marker being `time:stale`. */
async function kept(metric: string): Promise<{ labels: Record<string, string>; samples: string[] }[]> {
  return (await readColumns(store, [{ name: '__name__', op: '=', value: metric }])).map(({ labels, timesMs, values }) => {
    const { __name__, ...rest } = fromLabels(labels)
    return { labels: rest, samples: Array.from(timesMs, (timeMs, i) => `${timeMs}:${isStaleMarker(values, i) ? 'stale' : values[i]}`) }
  })
}

test('a series bears the labels of its target', async () => {
  const { scrape } = scripted(['a{b="c"} 7\n'])
  await scrape(1000)
  expect(await kept('a')).toEqual([{ labels: { b: 'c', env: 'test', instance: 'host:1', job: 'app' }, samples: ['1000:7'] }])
})

test.for([
  { why: 'the exposed label is renamed', honorLabels: false, want: { job: 'app', exported_job: 'x', env: 'test' } },
  { why: 'the exposed label stays', honorLabels: true, want: { job: 'x', env: 'test' } },
])('honor_labels $honorLabels: $why', async ({ honorLabels, want }) => {
  const { scrape } = scripted(['a{job="x"} 1\n'], { honorLabels })
  await scrape(1000)
  expect((await kept('a'))[0]?.labels).toEqual({ ...want, instance: 'host:1' })
})

test('labels that bear names of JavaScript are labels like others', async () => {
  const { scrape } = scripted(['a{constructor="1",__proto__="2"} 1\n'])
  await scrape(1000)
  expect((await kept('a'))[0]?.labels).toEqual(
    Object.fromEntries([
      ['constructor', '1'],
      ['__proto__', '2'],
      ['env', 'test'],
      ['instance', 'host:1'],
      ['job', 'app'],
    ]),
  )
})

test('a series that disappears ends, and may come back', async () => {
  const { scrape } = scripted(['a 1\nb 1\n', 'a 2\n', 'a 3\nb 3\n'])
  for (const timeMs of [1000, 2000, 3000]) await scrape(timeMs)
  expect((await kept('a'))[0]?.samples).toEqual(['1000:1', '2000:2', '3000:3'])
  expect((await kept('b'))[0]?.samples).toEqual(['1000:1', '2000:stale', '3000:3'])
})

test('the same series written another way has not ended', async () => {
  const { scrape } = scripted(['a{b="1",c="2"} 1\n', 'a{c="2",b="1"} 2\n'])
  await scrape(1000)
  await scrape(2000)
  expect((await kept('a')).map((s) => s.samples)).toEqual([['1000:1', '2000:2']])
})

test('a target that goes down ends all its series once, and up tells', async () => {
  const { scrape, target } = scripted(['a 1\n', scrapeErrors.MW_SCRAPE_HTTP('refused'), scrapeErrors.MW_SCRAPE_HTTP('refused'), 'a 4\n'])
  await scrape(1000)
  expect(target.status()).toMatchObject({ health: 'up', lastError: '' })
  await scrape(2000)
  expect(target.status()).toMatchObject({ health: 'down', lastError: 'refused', lastScrapeMs: 2000 })
  await scrape(3000)
  await scrape(4000)
  expect((await kept('a'))[0]?.samples).toEqual(['1000:1', '2000:stale', '4000:4'])
  expect((await kept('up'))[0]?.samples).toEqual(['1000:1', '2000:0', '3000:0', '4000:1'])
})

test('a scrape that breaks half-way leaves nothing of itself', async () => {
  const { scrape, target } = scripted(['a 1\n', 'a 2\nb 2\n@\n', 'a 3\nb 3\n'])
  for (const timeMs of [1000, 2000, 3000]) await scrape(timeMs)
  expect((await kept('a'))[0]?.samples).toEqual(['1000:1', '2000:stale', '3000:3'])
  expect((await kept('b'))[0]?.samples).toEqual(['3000:3'])
  expect((await kept('up'))[0]?.samples).toEqual(['1000:1', '2000:0', '3000:1'])
  expect(target.status().health).toBe('up')
})

test('the figures about a scrape', async () => {
  const { scrape } = scripted(['a 1\nb 1\n', 'a 2\nc 2\n'])
  await scrape(1000)
  await scrape(2000)
  expect((await kept('scrape_samples_scraped'))[0]?.samples).toEqual(['1000:2', '2000:2'])
  expect((await kept('scrape_samples_post_metric_relabeling'))[0]?.samples).toEqual(['1000:2', '2000:2'])
  expect((await kept('scrape_series_added'))[0]?.samples).toEqual(['1000:2', '2000:1'])
  expect((await kept('scrape_duration_seconds'))[0]?.samples).toHaveLength(2)
})

test('a scrape past sample_limit fails whole', async () => {
  const { scrape, target } = scripted(['a 1\nb 1\nc 1\n'], { samplesMax: 2 })
  expect(await scrape(1000)).toMatchObject({ failed: true })
  expect(target.status().lastError).toContain('sample limit exceeded: 3')
  expect(await kept('a')).toEqual([])
  expect((await kept('up'))[0]?.samples).toEqual(['1000:0'])
})

test('times of their own are kept, unless they lie far ahead, and such series never go stale', async () => {
  const { scrape } = scripted(['a 1 400\nb 1 99999999\n', 'c 2\n'])
  expect(await scrape(1000)).toMatchObject({ outOfBounds: 1 })
  await scrape(2000)
  expect((await kept('a'))[0]?.samples).toEqual(['400:1'])
  expect(await kept('b')).toEqual([])
})

test('honor_timestamps: false replaces them by the time of the scrape', async () => {
  const { scrape } = scripted(['a 1 400\n'], { honorTimestamps: false })
  await scrape(1000)
  expect((await kept('a'))[0]?.samples).toEqual(['1000:1'])
})

test('metadata reaches the store, and again only when it changes', async () => {
  const { scrape } = scripted(['# HELP a one\n# TYPE a counter\na 1\n', '# HELP a two\n# TYPE a counter\na 2\n'])
  await scrape(1000)
  expect(store.metadata('a').get('a')).toEqual({ type: 'counter', help: 'one', unit: '' })
  await scrape(2000)
  expect(store.metadata('a').get('a')).toEqual({ type: 'counter', help: 'two', unit: '' })
})

test('an empty answer is a scrape that succeeded', async () => {
  const { scrape, target } = scripted(['a 1\n', ''])
  await scrape(1000)
  await scrape(2000)
  expect(target.status().health).toBe('up')
  expect((await kept('a'))[0]?.samples).toEqual(['1000:1', '2000:stale'])
})

test('after stop nothing more is written', async () => {
  const stop = new AbortController()
  const fetcher: Fetcher = {
    async fetch(signal) {
      await delay(60_000, undefined, { signal })
      return { format: 'text', text: '' }
    },
    close: async () => {},
  }
  const target = new Target(job, resolveTarget(job, 'host:1', {}), { store, clock: { now: () => 5000 }, fetcher })
  const scrape = target.scrape(5000, stop.signal)
  stop.abort()
  expect(await scrape).toBeUndefined()
  expect(await kept('up')).toEqual([])
})

test('labels of a target can steer its scrape', () => {
  const steered = resolveTarget({ ...job, params: { module: ['a', 'b'], x: ['y z'] } }, 'host:1', {
    __metrics_path__: '/probe',
    __scheme__: 'https',
    __param_module: 'c',
    __scrape_interval__: '30s',
    instance: 'front',
  })
  expect(steered.url.href).toBe('https://host:1/probe?module=c&module=b&x=y+z')
  expect(steered.intervalMs).toBe(30_000)
  expect(steered.labels).toEqual({ job: 'app', instance: 'front' })
  expect(() => resolveTarget(job, 'host:1', { __scrape_timeout__: '2s' })).toThrow('interval "1s" and timeout "2s"')
})

test('a store whose disk is full costs the samples of a scrape, and nothing else', async () => {
  const { target, scrape } = scripted(['a 1\n', 'a 2\n', 'a 3\n'])
  await scrape(1000)
  const open = store.appender.bind(store)
  store.appender = () => Object.assign(open(), { commit: () => Promise.reject(new Error('the disk is full')) })
  expect(await scrape(2000)).toMatchObject({ appended: 0, refused: 1, failed: false })
  expect(target.status()).toMatchObject({ health: 'up', lastError: 'the disk is full' })
  store.appender = open
  expect(await scrape(3000)).toMatchObject({ refused: 0, failed: false })
  expect((await kept('a'))[0]!.samples).toEqual(['1000:1', '3000:3'])
})
