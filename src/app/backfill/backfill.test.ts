import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { array, assert, asyncProperty, constantFrom, double, integer, tuple } from 'fast-check'
import { afterAll, expect, test } from 'vitest'
import { formatLabels, fromLabels } from '../../core/labels.ts'
import { formatNumber } from '../../core/number-text.ts'
import { openStore } from '../../plane/store/index.ts'
import { readColumns } from '../../plane/store/testing.ts'
import { type BackfillRequest, type BackfillResult, backfill } from './backfill.ts'
import type { BackfillSink } from './contract.ts'
import { openStoreSink } from './store-sink.ts'

const root = await mkdtemp(join(tmpdir(), 'backfill-'))
afterAll(() => rm(root, { recursive: true }))

let made = 0
/** A path that nothing stands at. */
const fresh = (ending = '') => join(root, `${made++}${ending}`)
const silent = { info() {}, warn() {}, error() {} }
const HOUR_MS = 3_600_000
const csv: BackfillRequest['csv'] = {
  metric: undefined,
  metricColumn: undefined,
  timeColumn: undefined,
  valueColumns: undefined,
  labelColumns: undefined,
  labels: {},
  timeFormat: 'auto',
  skipBadRows: false,
}

interface Options extends Partial<BackfillRequest> {
  readonly stdin?: Readable
}

async function fill(folder: string, files: readonly string[], { stdin = Readable.from([]), ...request }: Options = {}) {
  return backfill(
    { files, format: undefined, csv, signal: new AbortController().signal, ...request },
    { stdin, openSink: () => openStoreSink(folder, { log: silent }) },
  )
}

async function fillText(folder: string, text: string, options?: Options): Promise<BackfillResult> {
  const file = fresh('.om')
  await writeFile(file, text)
  return fill(folder, [file], options)
}

/** What a store that is started on the folder answers. */
async function readBack(folder: string): Promise<Record<string, (readonly [number, number])[]>> {
  const store = await openStore({ path: folder, retentionMs: Number.MAX_SAFE_INTEGER })
  try {
    const series = await readColumns(store, [{ name: '__name__', op: '!=', value: '' }])
    return Object.fromEntries(
      series.map(({ labels, timesMs, values }) => [
        formatLabels(labels),
        Array.from(timesMs, (timeMs, i) => [timeMs, values[i]!] as const),
      ]),
    )
  } finally {
    await store.close()
  }
}

test('a file of any age is in the folder, with type and help, and so it is after another start', async () => {
  const folder = fresh()
  const text = `# TYPE wind gauge\n# HELP wind Speed.\nwind{at="a"} 1 0\nwind{at="b"} 2 1000000000.5\nwind{at="a"} 3 1700000000\n# EOF\n`
  const result = await fillText(folder, text)
  expect(result).toMatchObject({ samples: 3, series: 2, isSeriesExact: true, minMs: 0, maxMs: 1_700_000_000_000, isInterrupted: false })
  expect(result.outcome).toMatchObject({ kind: 'store', taken: 3, refused: { duplicate: 0, tooOld: 0, overLimit: 0, outOfOrder: 0 } })
  const want = {
    'wind{at="a"}': [
      [0, 1],
      [1_700_000_000_000, 3],
    ],
    'wind{at="b"}': [[1_000_000_000_500, 2]],
  }
  expect(await readBack(folder)).toEqual(want)
  expect(await readBack(folder)).toEqual(want)
  const store = await openStore({ path: folder })
  expect(store.metadata('wind').get('wind')).toEqual({ type: 'gauge', help: 'Speed.', unit: '' })
  await store.close()
})

test('random series read back as they were, by one file or several, and once more', async () => {
  const time = tuple(integer({ min: 0, max: 40 }), integer({ min: 0, max: 9999 })).map(([range, at]) => range * 2 * HOUR_MS + at)
  const sample = tuple(constantFrom('a', 'b', 'c{d="e"}', 'c{d="f"}'), time, double())
  await assert(
    asyncProperty(array(array(sample, { maxLength: 60 }), { minLength: 1, maxLength: 3 }), async (parts) => {
      const folder = fresh()
      const want = new Map<string, Map<number, number>>()
      const files: string[] = []
      for (const part of parts) {
        let text = ''
        for (const [series, timeMs, value] of part) {
          text += `${series} ${formatNumber(value)} ${timeMs / 1000}\n`
          const times = want.get(series) ?? new Map<number, number>()
          want.set(series, times)
          if (!times.has(timeMs)) times.set(timeMs, value) // The first stays.
        }
        files.push(fresh('.om'))
        await writeFile(files.at(-1)!, `${text}# EOF\n`)
      }
      const sorted = Object.fromEntries([...want].map(([series, times]) => [series, [...times].sort(([a], [b]) => a - b)]))
      await fill(folder, files)
      expect(await readBack(folder)).toEqual(sorted)
      for (const file of files) await fill(folder, [file]) // Each in a process of its own, as it were.
      expect(await readBack(folder)).toEqual(sorted)
      await rm(folder, { recursive: true })
    }),
    { numRuns: 12 },
  )
}, 30_000) // Each opens and closes folders of its own, and waits for the disk.

test('history goes in beside what a monitor has kept', async () => {
  const folder = fresh()
  const nowMs = 1_700_000_000_000
  const store = await openStore({ path: folder })
  const appender = store.appender()
  for (let i = 0; i < 1000; i++) appender.append(0, [['__name__', 'a']], nowMs + i * 15_000, i)
  await appender.commit()
  await store.maintain()
  await store.close()
  const old = Array.from({ length: 1000 }, (_, i) => `a ${i - 1000} ${(nowMs - (1000 - i) * HOUR_MS) / 1000}\n`).join('')
  expect((await fillText(folder, `${old}# EOF\n`)).outcome).toMatchObject({ taken: 1000 })
  const { a } = await readBack(folder)
  expect(a).toHaveLength(2000)
  expect([a![0], a![999], a![1000], a![1999]]).toEqual([
    [nowMs - 1000 * HOUR_MS, -1000],
    [nowMs - HOUR_MS, -1],
    [nowMs, 0],
    [nowMs + 999 * 15_000, 999],
  ])
})

test.for([
  { why: 'samples', bounds: { samplesMax: 40_000, seriesMax: 1000 } },
  { why: 'series', bounds: { samplesMax: 1e9, seriesMax: 7 } },
])('more $why than memory is to hold go into blocks on the way', { timeout: 30_000 }, async ({ bounds }) => {
  const folder = fresh()
  const file = fresh('.om')
  let text = ''
  for (let s = 0; s < 30; s++) for (let i = 0; i < 6000; i++) text += `a{s="${s}"} ${(s * i) % 1000} ${1_600_000_000 + i * 60}\n`
  await writeFile(file, `${text}# EOF\n`)
  const openSink = () => openStoreSink(folder, { log: silent }, bounds)
  const request = { files: [file], format: undefined, csv, signal: new AbortController().signal }
  const result = await backfill(request, { stdin: Readable.from([]), openSink })
  expect(result).toMatchObject({ samples: 180_000, series: 30, outcome: { taken: 180_000 } })

  const store = await openStore({ path: folder, retentionMs: Number.MAX_SAFE_INTEGER })
  expect(store.stats()).toMatchObject({ samples: 180_000, disk: { readOnly: false } })
  expect(store.stats().headSamples).toBeLessThan(30 * 180) // The last three hours, a sample a minute.
  for (const { labels, timesMs, values } of await readColumns(store, [{ name: '__name__', op: '=', value: 'a' }])) {
    const s = Number(fromLabels(labels).s)
    expect(timesMs.length).toBe(6000)
    expect(values.findIndex((value, i) => value !== (s * i) % 1000)).toBe(-1)
  }
  await store.close()
})

test('the time of a sample that is there already is not given away', async () => {
  const folder = fresh()
  const { outcome } = await fillText(folder, 'a 1 1\na 2 1\na 1 1\n# EOF\n')
  expect(outcome).toMatchObject({
    taken: 2,
    refused: { duplicate: 1 },
    firstRefused: 'a at 1970-01-01T00:00:01.000Z: its time is taken by another value',
  })
  expect(await readBack(folder)).toEqual({ a: [[1000, 1]] })
})

test('a fault says how much is in, and that is', async () => {
  const folder = fresh()
  await expect(fillText(folder, 'a 1 1\na 2 2\na x 3\n')).rejects.toThrow(
    /:3: expected value after metric: "x" is not a number; the 2 samples before it are in$/,
  )
  expect(await readBack(folder)).toEqual({
    a: [
      [1000, 1],
      [2000, 2],
    ],
  })
})

test('interrupted, what was read is in; the same command again brings the rest', async () => {
  const folder = fresh()
  const file = fresh('.om')
  const lines = Array.from({ length: 20_000 }, (_, i) => `a ${i} ${i}\n`).join('')
  await writeFile(file, `${lines}# EOF\n`)
  const stop = new AbortController()
  const first = await fill(folder, [file], { signal: stop.signal, onProgress: ({ share }) => share! > 0.4 && stop.abort() })
  expect(first.isInterrupted).toBe(true)
  expect(first.samples).toBeGreaterThan(0)
  expect(first.samples).toBeLessThan(20_000)
  expect((await readBack(folder)).a).toHaveLength(first.samples)
  await fill(folder, [file])
  expect((await readBack(folder)).a).toEqual(Array.from({ length: 20_000 }, (_, i) => [i * 1000, i]))
})

test('interrupted while standard input has nothing to give, it ends all the same', async () => {
  const folder = fresh()
  const stop = new AbortController()
  const stdin = new Readable({ read() {} })
  stdin.push('a 1 1\na 2 2\n')
  const result = await fill(folder, ['-'], { stdin, signal: stop.signal, onProgress: () => queueMicrotask(() => stop.abort()) })
  expect(result).toMatchObject({ isInterrupted: true, samples: 2 })
  expect((await readBack(folder)).a).toHaveLength(2)
  stdin.destroy()
})

test('CSV and OpenMetrics go by the ending of the file, and CSV needs a metric', async () => {
  const folder = fresh()
  const file = fresh('.CSV')
  await writeFile(file, 'time,value,city\n2024-01-01,1,Ulm\n')
  await expect(fill(folder, [file])).rejects.toThrow(expect.objectContaining({ code: 'MW_BACKFILL_COLUMNS' }))
  await fill(folder, [file], { csv: { ...csv, metric: 'm' } })
  expect(await readBack(folder)).toEqual({ 'm{city="Ulm"}': [[Date.UTC(2024, 0, 1), 1]] })
})

test('the folder of a monitor that runs is refused, and the hint says how to go on', async () => {
  const folder = fresh()
  const store = await openStore({ path: folder })
  await expect(fillText(folder, '# EOF\n')).rejects.toThrow(
    expect.objectContaining({ code: 'MW_STORE_FOLDER_LOCKED', hint: expect.stringContaining('--url') }),
  )
  await store.close()
})

test('a file that is not there is told before anything is opened', async () => {
  const openSink = async (): Promise<BackfillSink> => expect.fail('the sink was opened')
  const request = { files: [fresh()], format: undefined, csv, signal: new AbortController().signal }
  await expect(backfill(request, { stdin: Readable.from([]), openSink })).rejects.toThrow(/there is no such file/)
})

test('how far it is goes by bytes of all files, and is not known of standard input', async () => {
  const files = [fresh('.om'), fresh('.om')]
  for (const file of files) await writeFile(file, 'a 1 1\n# EOF\n')
  const shares: (number | undefined)[] = []
  await fill(fresh(), files, { onProgress: ({ share }) => shares.push(share) })
  expect(shares).toEqual([0.5, 1])
  await fill(fresh(), ['-'], { stdin: Readable.from([Buffer.from('# EOF')]), onProgress: ({ share }) => shares.push(share) })
  expect(shares.at(-1)).toBeUndefined()
})
