import { existsSync } from 'node:fs'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { crc32 } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Labels, toLabels } from '../../core/labels.ts'
import type { Matcher } from './contract.ts'
import { createMemoryStore, openStore, type TimeSeriesStore } from './store.ts'
import { readColumns } from './testing.ts'
import { FaultyDisk } from './testing-disk.ts'

const always = { fromMs: Number.MIN_SAFE_INTEGER, toMs: Number.MAX_SAFE_INTEGER }
const MINUTE_MS = 60_000
const YEAR_MS = 365 * 86_400_000
const nowMs = 1_000_000 * MINUTE_MS
const clock = { now: () => nowMs }
const labels = (name: string, rest: Record<string, string> = {}) => toLabels({ __name__: name, ...rest })
const named = (name: string): Matcher => ({ name: '__name__', op: '=', value: name })
const every: Matcher = { name: '__name__', op: '=~', value: '.+' }
/** What is done is done when the test says so. */
const config = { blockRangeMs: MINUTE_MS, maintenanceIntervalMs: 2 ** 30, quietMs: 2 ** 30, retentionMs: 1e15 }

let disk: FaultyDisk
let path = ''
let logged: string[] = []
const stores: TimeSeriesStore[] = []

beforeEach(async () => {
  path = await mkdtemp(join(tmpdir(), 'modelwatch-faults-'))
  disk = new FaultyDisk()
  logged = []
})
afterEach(async () => {
  disk.refuse = () => undefined
  disk.delay = () => undefined
  for (const store of stores.splice(0)) await store.close()
  disk.restore()
  await rm(path, { recursive: true, force: true })
})

async function open(more: Parameters<typeof openStore>[0] = {}): Promise<TimeSeriesStore> {
  const note = (fields: object, message: string) => void logged.push(`${message} ${JSON.stringify(fields)}`)
  const store = await openStore({ ...config, path, ...more }, { clock, log: { info() {}, warn: note, error: note } })
  stores.push(store)
  return store
}

/** Ends the store without a word to the disk, as a kill would, and opens the folder anew. */
async function reopen(store: TimeSeriesStore, more: Parameters<typeof openStore>[0] = {}): Promise<TimeSeriesStore> {
  disk.refuse = (step, at) => (step !== 'readFile' && at.includes('checkpoints') ? 'EIO' : undefined)
  await store.close()
  disk.refuse = () => undefined
  stores.splice(stores.indexOf(store), 1)
  logged = []
  return open(more)
}

type Sample = readonly [timeMs: number, value: number]

async function append(store: TimeSeriesStore, series: Labels, samples: readonly Sample[]) {
  const appender = store.appender()
  let ref = 0
  for (const [timeMs, value] of samples) ref = appender.append(ref, series, timeMs, value)
  return appender.commit()
}

/** So many samples, ten seconds apart, the last one now. */
function untilNow(count: number): Sample[] {
  return Array.from({ length: count }, (_, i) => [nowMs - (count - 1 - i) * 10_000, i] as const)
}

async function values(store: TimeSeriesStore, name: string): Promise<Record<number, number>> {
  const found: Record<number, number> = {}
  for (const one of await readColumns(store, [named(name)])) for (const [i, timeMs] of one.timesMs.entries()) found[timeMs] = one.values[i]!
  return found
}

const valuesOf = (samples: readonly Sample[]) => Object.fromEntries(samples)

/** Whether a promise is settled once everything that could happen has. */
async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  let settled = false
  const note = () => {
    settled = true
  }
  promise.then(note, note)
  for (let i = 0; i < 20; i++) await setImmediate()
  return settled
}

const isLog = (at: string) => at.endsWith('.wal')
const full = (what: (at: string) => boolean) => (step: string, at: string) =>
  (step === 'write' || step === 'open' || step === 'mkdir') && what(at) ? 'ENOSPC' : undefined

/** A disk so full that the log has noticed. */
async function fillDisk(store: TimeSeriesStore): Promise<void> {
  disk.refuse = full((at) => at.includes(path))
  append(store, labels('filler'), [[nowMs, 1]]).catch(() => {})
  await expect.poll(() => store.readOnlyReason).toContain('full')
}

describe('acknowledgements', () => {
  test('who repeats a sample that is still on its way to the log waits with it', async () => {
    const store = await open()
    const gate = Promise.withResolvers<void>()
    disk.delay = (step, at) => (step === 'write' && isLog(at) ? gate.promise : undefined)
    const first = append(store, labels('a'), [[nowMs, 1]])
    const again = append(store, labels('a'), [[nowMs, 1]])
    expect(await isSettled(again)).toBe(false)
    gate.resolve()
    expect((await first).appended).toBe(1)
    expect((await again).appended).toBe(1)
  })

  test('a commit that is refused leaves no series behind', async () => {
    const store = await open()
    await fillDisk(store)
    await expect(append(store, labels('new'), [[nowMs, 1]])).rejects.toMatchObject({ code: 'MW_STORE_READ_ONLY' })
    expect(await store.labelValues('__name__', [], always)).toEqual(['filler'])
    expect(store.stats().series).toBe(1)
  })

  test('labels that no record of the log holds are refused by name, and the others of the commit are safe', async () => {
    let store = await open()
    const appender = store.appender()
    appender.append(0, labels('a'), nowMs, 1)
    const huge = labels('huge', { x: 'x'.repeat(6_000_000) })
    expect(() => appender.append(0, huge, nowMs, 2)).toThrow(expect.objectContaining({ code: 'MW_STORE_LABELS_TOO_LONG' }))
    expect((await appender.commit()).appended).toBe(1)
    store = await reopen(store)
    expect(await store.labelValues('__name__', [], always)).toEqual(['a'])
  })

  test('times beyond any calendar are refused, and what lies at its ends comes back', async () => {
    let store = await open({ outOfOrderWindowMs: Number.MAX_SAFE_INTEGER, retentionMs: Number.MAX_SAFE_INTEGER })
    const ends: Sample[] = [
      [-(2 ** 52) + 1, 1],
      [-1, 2],
      [2 ** 52 - 1, 3],
    ]
    expect((await append(store, labels('a'), ends)).appended).toBe(3)
    for (const timeMs of [Number.MIN_SAFE_INTEGER, -(2 ** 52), 2 ** 52, Number.MAX_SAFE_INTEGER]) {
      const outcome = await append(store, labels('b'), [[timeMs, 1]])
      expect(outcome).toMatchObject({ appended: 0, tooOld: 1, firstRefused: { timeMs } })
    }
    await store.close()
    store = await open({ outOfOrderWindowMs: Number.MAX_SAFE_INTEGER, retentionMs: Number.MAX_SAFE_INTEGER })
    expect(logged).toEqual([])
    expect(await values(store, 'a')).toEqual(valuesOf(ends))
    await store.maintain()
    expect(await values(store, 'a')).toEqual(valuesOf(ends))
    expect(store.stats().disk).toMatchObject({ maintenanceFailures: 0, flushes: 1 })
  })
})

describe('a full disk', () => {
  test('a deletion is refused, and costs nothing that is written later', async () => {
    let store = await open()
    await append(store, labels('a'), untilNow(3))
    await store.maintain()
    await fillDisk(store)
    const deleting = store.deleteSeries([[named('a')]], { fromMs: nowMs, toMs: nowMs })
    await expect(deleting).rejects.toMatchObject({ code: 'MW_STORE_READ_ONLY' })
    expect(Object.keys(await values(store, 'a'))).toHaveLength(3)
    disk.refuse = () => undefined
    await expect.poll(() => store.readOnlyReason, { timeout: 5000 }).toBeUndefined()
    await append(store, labels('a'), [[nowMs + 1000, 7]])
    store = await reopen(store)
    expect(await values(store, 'a')).toEqual({ ...valuesOf(untilNow(3)), [nowMs + 1000]: 7 })
    expect(store.stats().disk?.damages).toBe(0)
  })

  test('metadata told meanwhile is not lost, nor is the series of a sample', async () => {
    let store = await open()
    await append(store, labels('a'), untilNow(3))
    await fillDisk(store)
    store.setMetadata('a', { type: 'gauge', help: 'A.', unit: '' })
    disk.refuse = () => undefined
    await expect.poll(() => store.readOnlyReason, { timeout: 5000 }).toBeUndefined()
    await store.close()
    store = await open()
    expect(store.metadata('a').get('a')).toEqual({ type: 'gauge', help: 'A.', unit: '' })
  })

  test('the store closes on it, and nothing of what was acknowledged is lost', async () => {
    let store = await open()
    await append(store, labels('a'), untilNow(3))
    await fillDisk(store)
    await store.close()
    disk.refuse = () => undefined
    store = await open()
    expect(await values(store, 'a')).toEqual(valuesOf(untilNow(3)))
  })

  test('a wipe waits for the room that it makes, and ends when the store closes', async () => {
    let store = await open()
    await append(store, labels('a'), untilNow(60))
    await store.maintain()
    await fillDisk(store)
    const wiping = store.wipe()
    expect(await isSettled(wiping)).toBe(false)
    expect(await values(store, 'a')).toEqual({})
    await expect.poll(() => readdir(join(path, 'blocks'))).toEqual([])
    disk.refuse = () => undefined
    await wiping
    await append(store, labels('a'), [[nowMs, 7]])
    store = await reopen(store)
    expect(await values(store, 'a')).toEqual({ [nowMs]: 7 })
    await fillDisk(store)
    const again = store.wipe()
    again.catch(() => {})
    await store.close()
    await expect(again).rejects.toMatchObject({ code: 'MW_STORE_READ_ONLY' })
  })

  test('it closes on a disk that becomes full only then', async () => {
    let store = await open()
    await append(store, labels('a'), untilNow(3))
    disk.refuse = full((at) => at.includes(path))
    await store.close()
    disk.refuse = () => undefined
    store = await open()
    expect(await values(store, 'a')).toEqual(valuesOf(untilNow(3)))
  })

  test('a log that cannot be begun anew does not stand in the way of what makes room', async () => {
    const store = await open({ walBytesMax: 1 })
    await append(store, labels('a'), untilNow(3))
    // The first thing that finds the disk full is the checkpoint.
    disk.refuse = full((at) => at.includes(path))
    await store.maintain()
    expect(store.stats().disk).toMatchObject({ maintenanceFailures: 1 })
    await store.maintain()
  })

  test('of a flush that finds no room for its second block the first one counts, once', async () => {
    let store = await open()
    await append(store, labels('a'), untilNow(60))
    let blocks = 0
    // The second block that is begun finds the disk full.
    disk.refuse = (step, at) => (step === 'mkdir' && at.includes('blocks') && ++blocks > 1 ? 'ENOSPC' : undefined)
    await store.maintain({ compact: false })
    await store.maintain({ compact: false })
    expect(store.stats().disk).toMatchObject({ flushes: 0, maintenanceFailures: 2, blockCount: 1 })
    expect(store.stats().samples).toBe(60)
    expect(await values(store, 'a')).toEqual(valuesOf(untilNow(60)))
    disk.refuse = () => undefined
    await store.maintain({ compact: false })
    expect(store.stats()).toMatchObject({ samples: 60, disk: { flushes: 1 } })
    store = await reopen(store)
    expect(await values(store, 'a')).toEqual(valuesOf(untilNow(60)))
  })

  test('after a flush that failed, late samples are as they were: of two at one time the first', async () => {
    const store = await open({ outOfOrderWindowMs: YEAR_MS })
    await append(store, labels('a'), untilNow(60))
    const lateMs = nowMs - 400_500
    await append(store, labels('a'), [[lateMs, 1]])
    const gate = Promise.withResolvers<void>()
    disk.delay = (step, at) => (step === 'mkdir' && at.includes('blocks') ? gate.promise : undefined)
    disk.refuse = (step, at) => (step === 'mkdir' && at.includes('blocks') ? 'ENOSPC' : undefined)
    const flushing = store.maintain({ compact: false })
    await setImmediate()
    // While it is on its way out, others come; one of them at the same time.
    await append(store, labels('a'), [
      [lateMs, 2],
      [lateMs + 1, 3],
    ])
    gate.resolve()
    await flushing
    expect(store.stats().disk).toMatchObject({ flushes: 0, maintenanceFailures: 1 })
    expect(await values(store, 'a')).toEqual({ ...valuesOf(untilNow(60)), [lateMs]: 1, [lateMs + 1]: 3 })
    expect(store.stats()).toMatchObject({ samples: 62, lateSamples: 2 })
  })
})

describe('deletion', () => {
  test('what was deleted from a block does not come back from a log that could not be begun anew', async () => {
    let store = await open()
    await append(store, labels('a'), untilNow(60))
    disk.refuse = (step, at) => (step === 'mkdir' && at.includes('checkpoints') ? 'ENOSPC' : undefined)
    await store.maintain({ compact: false })
    expect(store.stats().disk).toMatchObject({ maintenanceFailures: 1 })
    expect(store.stats().disk?.blockCount).toBeGreaterThan(0)
    const range = { fromMs: 0, toMs: nowMs - 300_000 }
    const deleting = store.deleteSeries([[named('a')]], range)
    await expect(deleting).rejects.toMatchObject({ code: 'MW_STORE_DISK_FULL' })
    disk.refuse = () => undefined
    await store.deleteSeries([[named('a')]], range)
    const want = valuesOf(untilNow(60).filter(([timeMs]) => timeMs > range.toMs))
    expect(await values(store, 'a')).toEqual(want)
    store = await reopen(store)
    expect(await values(store, 'a')).toEqual(want)
  })

  test('late samples are no longer counted once they are deleted, or everything is', async () => {
    const store = await open({ outOfOrderWindowMs: YEAR_MS })
    const late = async () => {
      await append(store, labels('a'), untilNow(10))
      await append(store, labels('a'), [
        [nowMs - 15_000, 1],
        [nowMs - 25_000, 1],
      ])
      expect(store.stats()).toMatchObject({ lateSamples: 2, samples: 12 })
    }
    await late()
    await store.deleteSeries([[named('a')]], always)
    expect(store.stats()).toMatchObject({ lateSamples: 0, samples: 0, series: 0 })
    await late()
    await store.wipe()
    expect(store.stats()).toMatchObject({ lateSamples: 0, samples: 0, series: 0 })
  })
})

test('late samples that come again and again are counted as gone when they are', async () => {
  const store = await open({ outOfOrderWindowMs: YEAR_MS })
  await append(store, labels('a'), untilNow(60))
  // Enough that some are encoded before they come again.
  const late = Array.from({ length: 130 }, (_, i): Sample => [nowMs - 500_000 + 1 + i, i])
  for (let round = 0; round < 3; round++) await append(store, labels('a'), late)
  await store.maintain({ compact: false })
  expect(store.stats().disk?.flushes).toBe(1)
  expect(store.stats()).toMatchObject({ lateSamples: 0, samples: 190 })
})

test('late samples too new for a block do not have it tried again and again', async () => {
  const store = await open({ outOfOrderWindowMs: YEAR_MS, lateSamplesMax: 5 })
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
    const store = await open()
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
    const store = await open({ outOfOrderWindowMs: YEAR_MS })
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

describe('what comes from the future', () => {
  test('blocks of a forecast do not have the present refused after a restart', async () => {
    let store = await open({ outOfOrderWindowMs: 3 * YEAR_MS, retentionMs: Number.MAX_SAFE_INTEGER, lateSamplesMax: 0 })
    await append(store, labels('forecast'), [
      [nowMs + YEAR_MS + 1000, 2],
      [nowMs + YEAR_MS, 1],
    ])
    await store.maintain()
    await store.close()
    store = await open()
    expect((await append(store, labels('now'), [[nowMs, 1]])).appended).toBe(1)
    await store.maintain()
    await store.close()
    store = await open()
    expect((await append(store, labels('soon'), [[nowMs + 1, 1]])).appended).toBe(1)
    expect(Object.keys(await values(store, 'forecast'))).toHaveLength(2)
  })

  test('a sample a year ahead does not close the out-of-order window, nor has retention delete the present', async () => {
    const store = await open({ outOfOrderWindowMs: MINUTE_MS, retentionMs: 60 * MINUTE_MS })
    await append(store, labels('a'), untilNow(60))
    await append(store, labels('wrong'), [[nowMs + YEAR_MS, 1]])
    expect((await append(store, labels('a'), [[nowMs - 5000, 1]])).appended).toBe(1)
    await store.maintain()
    expect(Object.keys(await values(store, 'a'))).toHaveLength(61)
    expect((await append(store, labels('a'), [[nowMs + 1, 1]])).appended).toBe(1)
  })
})

describe('after a restart', () => {
  test('what retention hid stays hidden, and refused', async () => {
    let store = await open({ retentionMs: 5 * MINUTE_MS, outOfOrderWindowMs: YEAR_MS })
    await append(store, labels('a'), untilNow(60))
    await store.maintain()
    const kept = Object.keys(await values(store, 'a')).length
    expect(kept).toBe(31)
    store = await reopen(store, { retentionMs: 5 * MINUTE_MS, outOfOrderWindowMs: YEAR_MS })
    expect(Object.keys(await values(store, 'a'))).toHaveLength(kept)
    expect((await append(store, labels('a'), [[nowMs - 6 * MINUTE_MS, 1]])).tooOld).toBe(1)
  })

  test('samples whose series is damaged in the log are left out, not given to another', async () => {
    let store = await open()
    await append(store, labels('first'), [[nowMs, 1]])
    store = await reopen(store)
    await append(store, labels('second'), [[nowMs, 2]])
    await append(store, labels('second'), [[nowMs + 1, 3]])
    disk.refuse = (step, at) => (step !== 'readFile' && at.includes('checkpoints') ? 'EIO' : undefined)
    await store.close()
    disk.refuse = () => undefined
    // The record that says who `second` is becomes unreadable.
    let flipped = 0
    for (const segment of await readdir(join(path, 'wal'))) {
      const name = join(path, 'wal', segment)
      const bytes = await readFile(name)
      const at = bytes.indexOf('second')
      if (at < 0) continue
      bytes[at]! ^= 1
      await writeFile(name, bytes)
      flipped++
    }
    expect(flipped).toBe(1)
    store = await open()
    expect(store.stats().disk?.damages).toBeGreaterThan(0)
    expect(await values(store, 'first')).toEqual({ [nowMs]: 1 })
    expect(await store.labelValues('__name__', [], always)).toEqual(['first'])
  })

  test('a checkpoint of a newer version is refused by name, and stays where it is', async () => {
    const store = await open()
    await append(store, labels('a'), [[nowMs, 1]])
    await store.close()
    const [id] = await readdir(join(path, 'checkpoints'))
    const file = join(path, 'checkpoints', id!, 'meta.json')
    const text = (await readFile(file, 'utf8')).slice('{"crc32":"00000000","meta":'.length, -2).replace('"version":1', '"version":2')
    const checksum = crc32(text).toString(16).padStart(8, '0')
    await writeFile(file, `{"crc32":"${checksum}","meta":${text}}\n`)
    await expect(open()).rejects.toMatchObject({ code: 'MW_STORE_BLOCK_VERSION' })
    expect(existsSync(file)).toBe(true)
    // It is refused, not held: whoever comes next finds the folder free.
    await expect(open()).rejects.toMatchObject({ code: 'MW_STORE_BLOCK_VERSION' })
  })

  test.for(['EMFILE', 'EACCES'])('files that %s keeps from being read are not taken for damaged', async (code) => {
    let store = await open()
    await append(store, labels('a'), untilNow(60))
    await store.maintain()
    await store.close()
    for (const part of ['blocks', 'checkpoints']) {
      disk.refuse = (step, at) => (step === 'readFile' && at.includes(part) ? code : undefined)
      await expect(open()).rejects.toMatchObject({ code: 'MW_STORE_BLOCK_IO' })
      expect(existsSync(join(path, 'quarantine'))).toBe(false)
    }
    disk.refuse = () => undefined
    store = await open()
    expect(await values(store, 'a')).toEqual(valuesOf(untilNow(60)))
  })

  test('a folder that cannot be written is refused by name', async () => {
    disk.refuse = (step, at) => (step === 'mkdir' && at.endsWith('blocks') ? 'EACCES' : undefined)
    await expect(open()).rejects.toMatchObject({ code: 'MW_STORE_FOLDER_UNUSABLE' })
  })

  test('a damaged piece of a checkpoint is kept aside', async () => {
    let store = await open()
    await append(store, labels('a'), untilNow(200))
    await append(store, labels('b'), untilNow(3))
    await store.close()
    const [id] = await readdir(join(path, 'checkpoints'))
    const file = join(path, 'checkpoints', id!, 'data')
    const bytes = await readFile(file)
    bytes[bytes.length >> 1]! ^= 1
    await writeFile(file, bytes)
    store = await open()
    expect(store.stats().disk?.damages).toBe(1)
    await append(store, labels('c'), untilNow(3))
    await store.close()
    expect(await readFile(join(path, 'quarantine', `checkpoint-${id}`, 'data'))).toEqual(bytes)
  })

  test('with another block range everything is there, and moves on', async () => {
    let store = await open({ blockRangeMs: 3 * MINUTE_MS })
    await append(store, labels('a'), untilNow(200))
    await store.close()
    store = await open({ blockRangeMs: 2 * MINUTE_MS })
    await append(store, labels('a'), [[nowMs + 1, 1]])
    await store.maintain()
    expect(store.stats().disk?.flushes).toBe(1)
    expect(await values(store, 'a')).toEqual({ ...valuesOf(untilNow(200)), [nowMs + 1]: 1 })
    await store.maintain()
    await store.close()
    store = await open({ blockRangeMs: 7 * MINUTE_MS })
    await store.maintain()
    expect(await values(store, 'a')).toEqual({ ...valuesOf(untilNow(200)), [nowMs + 1]: 1 })
  })
})

describe('metadata', () => {
  test('stays through a checkpoint of an empty head, and a crash right after it', async () => {
    let store = await open()
    store.setMetadata('a', { type: 'counter', help: 'Äh.\n', unit: 's' })
    await store.close()
    store = await open()
    store.setMetadata('b', { type: 'gauge', help: '', unit: '' })
    store = await reopen(store)
    expect([...store.metadata()]).toEqual([
      ['a', { type: 'counter', help: 'Äh.\n', unit: 's' }],
      ['b', { type: 'gauge', help: '', unit: '' }],
    ])
  })

  test('a help text longer than a book is left out, and the log is begun anew all the same', async () => {
    const store = await open({ walBytesMax: 1 })
    await append(store, labels('a'), [[nowMs, 1]])
    store.setMetadata('a', { type: 'counter', help: 'x'.repeat(6_000_000), unit: '' })
    await store.maintain()
    expect(store.metadata('a').size).toBe(0)
    expect(store.stats().disk).toMatchObject({ checkpoints: 1, maintenanceFailures: 0 })
  })
})

describe('snapshots', () => {
  test('hold metadata too, and nothing stays of one that failed', async () => {
    const store = await open()
    await append(store, labels('a'), untilNow(60))
    await store.maintain()
    store.setMetadata('a', { type: 'counter', help: 'A.', unit: '' })
    disk.refuse = (step, at) =>
      step === 'mkdir' && at.includes('snapshots') && at.endsWith('.tmp') && at.includes('checkpoints') ? 'ENOSPC' : undefined
    await expect(store.snapshot({ skipHead: false })).rejects.toMatchObject({ code: 'MW_STORE_DISK_FULL' })
    expect(await readdir(join(path, 'snapshots'))).toEqual([])
    disk.refuse = () => undefined
    const name = await store.snapshot({ skipHead: false })
    const copy = await open({ path: join(path, 'snapshots', name) })
    expect(await values(copy, 'a')).toEqual(valuesOf(untilNow(60)))
    expect(copy.metadata('a').size).toBe(1)
  })
})

test('retention by size counts the checkpoint', async () => {
  let store = await open()
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
  store = await open({ retentionBytes: 20_000 })
  await store.maintain()
  expect(store.stats().disk?.blockCount).toBe(0)
  expect(Object.keys(await values(store, 'a'))).toHaveLength(5000)
})

test('a store may be closed twice, and takes nothing more', async () => {
  const store = await open()
  await append(store, labels('a'), [[nowMs, 1]])
  await Promise.all([store.close(), store.close()])
  await store.close()
  expect(logged).toEqual([])
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
