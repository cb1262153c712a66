import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import {
  always,
  append,
  full,
  labels,
  named,
  nowMs,
  type Sample,
  untilNow,
  useFaultyFolder,
  values,
  valuesOf,
  YEAR_MS,
} from './testing-faults.ts'

const folder = useFaultyFolder()

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

describe('acknowledgements', () => {
  test('who repeats a sample that is still on its way to the log waits with it', async () => {
    const store = await folder.open()
    const gate = Promise.withResolvers<void>()
    folder.disk.delay = (step, at) => (step === 'write' && isLog(at) ? gate.promise : undefined)
    const first = append(store, labels('a'), [[nowMs, 1]])
    const again = append(store, labels('a'), [[nowMs, 1]])
    expect(await isSettled(again)).toBe(false)
    gate.resolve()
    expect((await first).appended).toBe(1)
    expect((await again).appended).toBe(1)
  })

  test('a commit that is refused leaves no series behind', async () => {
    const store = await folder.open()
    await folder.fillDisk(store)
    await expect(append(store, labels('new'), [[nowMs, 1]])).rejects.toMatchObject({ code: 'MW_STORE_READ_ONLY' })
    expect(await store.labelValues('__name__', [], always)).toEqual(['filler'])
    expect(store.stats().series).toBe(1)
  })

  test('labels that no record of the log holds are refused by name, and the others of the commit are safe', async () => {
    let store = await folder.open()
    const appender = store.appender()
    appender.append(0, labels('a'), nowMs, 1)
    const huge = labels('huge', { x: 'x'.repeat(6_000_000) })
    expect(() => appender.append(0, huge, nowMs, 2)).toThrow(expect.objectContaining({ code: 'MW_STORE_LABELS_TOO_LONG' }))
    expect((await appender.commit()).appended).toBe(1)
    store = await folder.reopen(store)
    expect(await store.labelValues('__name__', [], always)).toEqual(['a'])
  })

  test('times beyond any calendar are refused, and what lies at its ends comes back', async () => {
    let store = await folder.open({ outOfOrderWindowMs: Number.MAX_SAFE_INTEGER, retentionMs: Number.MAX_SAFE_INTEGER })
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
    store = await folder.open({ outOfOrderWindowMs: Number.MAX_SAFE_INTEGER, retentionMs: Number.MAX_SAFE_INTEGER })
    expect(folder.logged).toEqual([])
    expect(await values(store, 'a')).toEqual(valuesOf(ends))
    await store.maintain()
    expect(await values(store, 'a')).toEqual(valuesOf(ends))
    expect(store.stats().disk).toMatchObject({ maintenanceFailures: 0, flushes: 1 })
  })
})

describe('a full disk', () => {
  test('a deletion is refused, and costs nothing that is written later', async () => {
    let store = await folder.open()
    await append(store, labels('a'), untilNow(3))
    await store.maintain()
    await folder.fillDisk(store)
    const deleting = store.deleteSeries([[named('a')]], { fromMs: nowMs, toMs: nowMs })
    await expect(deleting).rejects.toMatchObject({ code: 'MW_STORE_READ_ONLY' })
    expect(Object.keys(await values(store, 'a'))).toHaveLength(3)
    folder.disk.refuse = () => undefined
    await expect.poll(() => store.readOnlyReason, { timeout: 5000 }).toBeUndefined()
    await append(store, labels('a'), [[nowMs + 1000, 7]])
    store = await folder.reopen(store)
    expect(await values(store, 'a')).toEqual({ ...valuesOf(untilNow(3)), [nowMs + 1000]: 7 })
    expect(store.stats().disk?.damages).toBe(0)
  })

  test('metadata told meanwhile is not lost, nor is the series of a sample', async () => {
    let store = await folder.open()
    await append(store, labels('a'), untilNow(3))
    await folder.fillDisk(store)
    store.setMetadata('a', { type: 'gauge', help: 'A.', unit: '' })
    folder.disk.refuse = () => undefined
    await expect.poll(() => store.readOnlyReason, { timeout: 5000 }).toBeUndefined()
    await store.close()
    store = await folder.open()
    expect(store.metadata('a').get('a')).toEqual({ type: 'gauge', help: 'A.', unit: '' })
  })

  test('the store closes on it, and nothing of what was acknowledged is lost', async () => {
    let store = await folder.open()
    await append(store, labels('a'), untilNow(3))
    await folder.fillDisk(store)
    await store.close()
    folder.disk.refuse = () => undefined
    store = await folder.open()
    expect(await values(store, 'a')).toEqual(valuesOf(untilNow(3)))
  })

  test('a wipe waits for the room that it makes, and ends when the store closes', async () => {
    let store = await folder.open()
    await append(store, labels('a'), untilNow(60))
    await store.maintain()
    await folder.fillDisk(store)
    const wiping = store.wipe()
    expect(await isSettled(wiping)).toBe(false)
    expect(await values(store, 'a')).toEqual({})
    await expect.poll(() => readdir(join(folder.path, 'blocks'))).toEqual([])
    folder.disk.refuse = () => undefined
    await wiping
    await append(store, labels('a'), [[nowMs, 7]])
    store = await folder.reopen(store)
    expect(await values(store, 'a')).toEqual({ [nowMs]: 7 })
    await folder.fillDisk(store)
    const again = store.wipe()
    again.catch(() => {})
    await store.close()
    await expect(again).rejects.toMatchObject({ code: 'MW_STORE_READ_ONLY' })
  })

  test('it closes on a disk that becomes full only then', async () => {
    let store = await folder.open()
    await append(store, labels('a'), untilNow(3))
    folder.disk.refuse = full((at) => at.includes(folder.path))
    await store.close()
    folder.disk.refuse = () => undefined
    store = await folder.open()
    expect(await values(store, 'a')).toEqual(valuesOf(untilNow(3)))
  })

  test('a log that cannot be begun anew does not stand in the way of what makes room', async () => {
    const store = await folder.open({ walBytesMax: 1 })
    await append(store, labels('a'), untilNow(3))
    // The first thing that finds the disk full is the checkpoint.
    folder.disk.refuse = full((at) => at.includes(folder.path))
    await store.maintain()
    expect(store.stats().disk).toMatchObject({ maintenanceFailures: 1 })
    await store.maintain()
  })

  test('of a flush that finds no room for its second block the first one counts, once', async () => {
    let store = await folder.open()
    await append(store, labels('a'), untilNow(60))
    let blocks = 0
    // The second block that is begun finds the disk full.
    folder.disk.refuse = (step, at) => (step === 'mkdir' && at.includes('blocks') && ++blocks > 1 ? 'ENOSPC' : undefined)
    await store.maintain({ compact: false })
    await store.maintain({ compact: false })
    expect(store.stats().disk).toMatchObject({ flushes: 0, maintenanceFailures: 2, blockCount: 1 })
    expect(store.stats().samples).toBe(60)
    expect(await values(store, 'a')).toEqual(valuesOf(untilNow(60)))
    folder.disk.refuse = () => undefined
    await store.maintain({ compact: false })
    expect(store.stats()).toMatchObject({ samples: 60, disk: { flushes: 1 } })
    store = await folder.reopen(store)
    expect(await values(store, 'a')).toEqual(valuesOf(untilNow(60)))
  })

  test('after a flush that failed, late samples are as they were: of two at one time the first', async () => {
    const store = await folder.open({ outOfOrderWindowMs: YEAR_MS })
    await append(store, labels('a'), untilNow(60))
    const lateMs = nowMs - 400_500
    await append(store, labels('a'), [[lateMs, 1]])
    const gate = Promise.withResolvers<void>()
    folder.disk.delay = (step, at) => (step === 'mkdir' && at.includes('blocks') ? gate.promise : undefined)
    folder.disk.refuse = (step, at) => (step === 'mkdir' && at.includes('blocks') ? 'ENOSPC' : undefined)
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
    let store = await folder.open()
    await append(store, labels('a'), untilNow(60))
    folder.disk.refuse = (step, at) => (step === 'mkdir' && at.includes('checkpoints') ? 'ENOSPC' : undefined)
    await store.maintain({ compact: false })
    expect(store.stats().disk).toMatchObject({ maintenanceFailures: 1 })
    expect(store.stats().disk?.blockCount).toBeGreaterThan(0)
    const range = { fromMs: 0, toMs: nowMs - 300_000 }
    const deleting = store.deleteSeries([[named('a')]], range)
    await expect(deleting).rejects.toMatchObject({ code: 'MW_STORE_DISK_FULL' })
    folder.disk.refuse = () => undefined
    await store.deleteSeries([[named('a')]], range)
    const want = valuesOf(untilNow(60).filter(([timeMs]) => timeMs > range.toMs))
    expect(await values(store, 'a')).toEqual(want)
    store = await folder.reopen(store)
    expect(await values(store, 'a')).toEqual(want)
  })

  test('late samples are no longer counted once they are deleted, or everything is', async () => {
    const store = await folder.open({ outOfOrderWindowMs: YEAR_MS })
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
