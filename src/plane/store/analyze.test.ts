import { cp, mkdtemp, open, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { toLabels } from '../../core/labels.ts'
import { analyzeFolder, type TsdbReport } from './analyze.ts'
import { largest } from './analyze-counts.ts'
import { compileMatcher } from './matcher.ts'
import { openStore } from './store.ts'

const root = await mkdtemp(join(tmpdir(), 'analyze-'))
afterAll(() => rm(root, { recursive: true }))

const HOUR_MS = 3_600_000
const startMs = 240_000 * HOUR_MS // 1997, and the beginning of a block.
const settings = { retentionMs: Number.MAX_SAFE_INTEGER, maintenanceIntervalMs: 2 ** 31 - 1, outOfOrderWindowMs: Number.MAX_SAFE_INTEGER }

/**
 * Twelve hours, a sample a minute: ten series of `steady`; `brief` for a quarter of an hour in the third hour; one series of `late` from
 * the eleventh hour on.
 */
async function createFolder(name: string, options: { isOpen?: boolean } = {}) {
  const folder = join(root, name)
  const store = await openStore({ path: folder, ...settings })
  for (let minute = 0; minute < 720; minute++) {
    const appender = store.appender()
    const timeMs = startMs + minute * 60_000
    for (let i = 0; i < 10; i++) appender.append(0, toLabels({ __name__: 'steady', i: String(i), job: 'long-name' }), timeMs, i)
    if (minute >= 120 && minute < 135) appender.append(0, toLabels({ __name__: 'brief', job: 'x' }), timeMs, 1)
    if (minute >= 660) appender.append(0, toLabels({ __name__: 'late' }), timeMs, 1)
    await appender.commit()
    if (minute === 600) await store.maintain()
  }
  if (options.isOpen !== true) await store.close()
  return { folder, store }
}

const analyze = (folder: string, options: Partial<Parameters<typeof analyzeFolder>[1]> = {}): Promise<TsdbReport> =>
  analyzeFolder(folder, { limit: 20, matchers: [], verify: false, ...options })

/** Every file with its size and time: what a reader must leave alone. */
async function stateOf(folder: string): Promise<string[]> {
  const names = (await readdir(folder, { recursive: true })).sort()
  return Promise.all(names.map(async (name) => `${name} ${(await stat(join(folder, name))).mtimeMs}`))
}

test('series, samples and what they are made of', async () => {
  const { folder } = await createFolder('whole')
  const before = await stateOf(folder)
  const report = await analyze(folder)
  expect(report).toMatchObject({ series: 12, samples: 7200 + 15 + 60, labelPairs: 15, damages: [], unfinished: undefined })
  expect(report.metricsBySeries).toEqual([
    { name: 'steady', value: 10 },
    { name: 'brief', value: 1 },
    { name: 'late', value: 1 },
  ])
  expect(report.metricsBySamples.map(({ value }) => value)).toEqual([7200, 60, 15])
  expect(report.labelsByValues).toEqual([
    { name: 'i', value: 10 },
    { name: '__name__', value: 3 },
    { name: 'job', value: 2 },
  ])
  expect(report.labelsByBytes).toEqual([
    { name: 'job', value: 10 * 9 + 1 },
    { name: '__name__', value: 10 * 6 + 5 + 4 },
    { name: 'i', value: 10 },
  ])
  expect(report.pairsBySeries.slice(0, 3)).toEqual([
    { name: '__name__=steady', value: 10 },
    { name: 'job=long-name', value: 10 },
    { name: '__name__=brief', value: 1 },
  ])
  const blocks = report.parts.filter(({ kind }) => kind === 'block')
  const checkpoint = report.parts.find(({ kind }) => kind === 'checkpoint')!
  expect(blocks.reduce((sum, { samples }) => sum + samples, checkpoint.samples)).toBe(7275)
  expect(blocks[0]).toMatchObject({ minMs: startMs, series: 11, churn: { began: 1, ended: 1, ratio: 1 / 11 } })
  expect(checkpoint).toMatchObject({ series: 11, maxMs: startMs + 719 * 60_000 })
  expect(report.pairsByChurn).toContainEqual({ name: '__name__=brief', value: 1 })
  expect(report.dataBytesPerSample).toBeGreaterThan(0)
  expect(report.dataBytesPerSample).toBeLessThan(5)
  expect(await stateOf(folder)).toEqual(before)
})

test('a matcher leaves the others out, also of the log', async () => {
  const { folder, store } = await createFolder('matched', { isOpen: true })
  const report = await analyze(folder, { matchers: [compileMatcher({ name: '__name__', op: '!=', value: 'steady' })] })
  expect(report).toMatchObject({ series: 2, samples: 75 })
  expect(report.metricsBySeries.map(({ name }) => name)).toEqual(['brief', 'late'])
  expect(report.parts.at(-1)).toMatchObject({ kind: 'log', series: 1, samples: 60 })
  await store.close()
})

test('a limit cuts every list', async () => {
  const { folder } = await createFolder('limited')
  const report = await analyze(folder, { limit: 1 })
  const { metricsBySeries, metricsBySamples, labelsByValues, labelsByBytes, pairsBySeries, pairsByChurn } = report
  for (const list of [metricsBySeries, metricsBySamples, labelsByValues, labelsByBytes, pairsBySeries, pairsByChurn])
    expect(list).toHaveLength(1)
})

test('beside a store that runs, with what is only in its log', async () => {
  const { folder, store } = await createFolder('running', { isOpen: true })
  const report = await analyze(folder, { verify: true })
  expect(report).toMatchObject({ series: 12, samples: 7275, damages: [] })
  expect(report.parts.map(({ kind }) => kind)).toEqual(expect.arrayContaining(['block', 'checkpoint', 'log']))
  await store.close()
})

test('while a store flushes, compacts and begins its log anew', async () => {
  const { folder, store } = await createFolder('moving', { isOpen: true })
  let isDone = false
  const moving = (async () => {
    for (let minute = 720; minute < 1800; minute++) {
      const appender = store.appender()
      for (let i = 0; i < 10; i++) {
        appender.append(0, toLabels({ __name__: 'steady', i: String(i), job: 'long-name' }), startMs + minute * 60_000, i)
      }
      await appender.commit()
      if (minute % 60 === 0) await store.maintain()
    }
    isDone = true
  })()
  let reports = 0
  while (!isDone) {
    const report = await analyze(folder, { verify: true })
    expect(report.damages).toEqual([])
    expect(report.series).toBe(12)
    reports++
  }
  await moving
  expect(reports).toBeGreaterThan(1)
  expect((await analyze(folder)).metricsBySamples[0]).toEqual({ name: 'steady', value: 18_000 })
  await store.close()
})

test('a snapshot', async () => {
  const { folder, store } = await createFolder('snapped', { isOpen: true })
  const name = await store.snapshot({ skipHead: false })
  expect(await analyze(join(folder, 'snapshots', name))).toMatchObject({ series: 12, samples: 7275 })
  await store.close()
})

test('what is deleted is not counted once all of a series is gone', async () => {
  const { folder, store } = await createFolder('deleted', { isOpen: true })
  await store.deleteSeries([[{ name: '__name__', op: '=', value: 'brief' }]], { fromMs: 0, toMs: startMs + 100 * HOUR_MS })
  await store.deleteSeries([[{ name: 'i', op: '=', value: '3' }]], { fromMs: startMs, toMs: startMs + 5 * 60_000 })
  const report = await analyze(folder)
  expect(report.series).toBe(11)
  expect(report.parts[0]).toMatchObject({ deletedSeries: 1 })
  await store.close()
})

test('damage is named, and everything else counted', async () => {
  const { folder } = await createFolder('sound')
  const blockDirs = (await readdir(join(folder, 'blocks'))).sort()
  const cases = [
    { why: 'a byte of data', file: `blocks/${blockDirs[0]}/data`, reason: /data cannot be read at offset 0/, isFoundByReadingAll: true },
    { why: 'a byte of an index', file: `blocks/${blockDirs[0]}/index`, reason: /index/, isFoundByReadingAll: false },
    { why: 'a byte of meta.json', file: `blocks/${blockDirs[0]}/meta.json`, reason: /meta\.json/, isFoundByReadingAll: false },
  ]
  for (const { why, file, reason, isFoundByReadingAll } of cases) {
    const copy = join(root, `flipped-${file.replaceAll('/', '-')}`)
    await cp(folder, copy, { recursive: true })
    const bytes = await readFile(join(copy, file))
    bytes[40] = bytes[40]! ^ 1
    await writeFile(join(copy, file), bytes)
    const before = await stateOf(copy)
    const report = await analyze(copy, { verify: true })
    expect(report.damages, why).toEqual([
      expect.objectContaining({ path: join(copy, 'blocks', blockDirs[0]!), reason: expect.stringMatching(reason) }),
    ])
    expect((await analyze(copy)).damages.length, why).toBe(isFoundByReadingAll ? 0 : 1)
    expect(await stateOf(copy), why).toEqual(before)
  }
})

test('damage of the log is named; an end that is not whole is none', async () => {
  const { folder, store } = await createFolder('log', { isOpen: true })
  const copy = join(root, 'log-copy')
  await cp(folder, copy, { recursive: true })
  await store.close()
  const segment = join(copy, 'wal', (await readdir(join(copy, 'wal'))).sort().at(-1)!)
  const { size } = await stat(segment)
  await truncate(segment, size - 3)
  const torn = await analyze(copy)
  expect(torn.damages).toEqual([])
  expect(torn.unfinished).toMatchObject({ path: segment })
  expect(torn.samples).toBeGreaterThan(7000)

  const file = await open(segment, 'r+')
  await file.write(Buffer.of(0xff), 0, 1, Math.floor(size / 2))
  await file.close()
  const broken = await analyze(copy)
  expect(broken.damages).toEqual([{ path: segment, reason: expect.stringMatching(/at offset \d+, \d+ bytes$/) }])
  expect(broken.samples).toBeGreaterThan(7000)
})

test('a folder that is none is refused', async () => {
  await expect(analyze(root)).rejects.toThrow(expect.objectContaining({ code: 'MW_ANALYZE_NO_STORE' }))
  await expect(analyze(join(root, 'nowhere'))).rejects.toThrow(/holds no store/)
})

test('an empty store is no error', async () => {
  const store = await openStore({ path: join(root, 'empty') })
  await store.close()
  expect(await analyze(join(root, 'empty'), { verify: true })).toMatchObject({ series: 0, samples: 0, damages: [], metricsBySeries: [] })
})

test('the largest of many, by name where they are equal, without zeros', () => {
  const many = Array.from({ length: 50_000 }, (_, i) => ({ name: `n${i}`, value: (i * 7919) % 50_000 }))
  expect(largest(many, 3).map(({ value }) => value)).toEqual([49_999, 49_998, 49_997])
  expect(
    largest(
      [
        { name: 'b', value: 1 },
        { name: 'a', value: 1 },
        { name: 'z', value: 0 },
      ],
      5,
    ),
  ).toEqual([
    { name: 'a', value: 1 },
    { name: 'b', value: 1 },
  ])
})
