import { existsSync } from 'node:fs'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { always, append, labels, MINUTE_MS, nowMs, untilNow, useFaultyFolder, values, valuesOf, YEAR_MS } from './testing-faults.ts'

const folder = useFaultyFolder()

describe('what comes from the future', () => {
  test('blocks of a forecast do not have the present refused after a restart', async () => {
    let store = await folder.open({ outOfOrderWindowMs: 3 * YEAR_MS, retentionMs: Number.MAX_SAFE_INTEGER, lateSamplesMax: 0 })
    await append(store, labels('forecast'), [
      [nowMs + YEAR_MS + 1000, 2],
      [nowMs + YEAR_MS, 1],
    ])
    await store.maintain()
    await store.close()
    store = await folder.open()
    expect((await append(store, labels('now'), [[nowMs, 1]])).appended).toBe(1)
    await store.maintain()
    await store.close()
    store = await folder.open()
    expect((await append(store, labels('soon'), [[nowMs + 1, 1]])).appended).toBe(1)
    expect(Object.keys(await values(store, 'forecast'))).toHaveLength(2)
  })

  test('a sample a year ahead does not close the out-of-order window, nor has retention delete the present', async () => {
    const store = await folder.open({ outOfOrderWindowMs: MINUTE_MS, retentionMs: 60 * MINUTE_MS })
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
    let store = await folder.open({ retentionMs: 5 * MINUTE_MS, outOfOrderWindowMs: YEAR_MS })
    await append(store, labels('a'), untilNow(60))
    await store.maintain()
    const kept = Object.keys(await values(store, 'a')).length
    expect(kept).toBe(31)
    store = await folder.reopen(store, { retentionMs: 5 * MINUTE_MS, outOfOrderWindowMs: YEAR_MS })
    expect(Object.keys(await values(store, 'a'))).toHaveLength(kept)
    expect((await append(store, labels('a'), [[nowMs - 6 * MINUTE_MS, 1]])).tooOld).toBe(1)
  })

  test('samples whose series is damaged in the log are left out, not given to another', async () => {
    let store = await folder.open()
    await append(store, labels('first'), [[nowMs, 1]])
    store = await folder.reopen(store)
    await append(store, labels('second'), [[nowMs, 2]])
    await append(store, labels('second'), [[nowMs + 1, 3]])
    folder.disk.refuse = (step, at) => (step !== 'readFile' && at.includes('checkpoints') ? 'EIO' : undefined)
    await store.close()
    folder.disk.refuse = () => undefined
    // The record that says who `second` is becomes unreadable.
    let flipped = 0
    for (const segment of await readdir(join(folder.path, 'wal'))) {
      const name = join(folder.path, 'wal', segment)
      const bytes = await readFile(name)
      const at = bytes.indexOf('second')
      if (at < 0) continue
      bytes[at]! ^= 1
      await writeFile(name, bytes)
      flipped++
    }
    expect(flipped).toBe(1)
    store = await folder.open()
    expect(store.stats().disk?.damages).toBeGreaterThan(0)
    expect(await values(store, 'first')).toEqual({ [nowMs]: 1 })
    expect(await store.labelValues('__name__', [], always)).toEqual(['first'])
  })

  test('a checkpoint of a newer version is refused by name, and stays where it is', async () => {
    const store = await folder.open()
    await append(store, labels('a'), [[nowMs, 1]])
    await store.close()
    const [id] = await readdir(join(folder.path, 'checkpoints'))
    const file = join(folder.path, 'checkpoints', id!, 'meta.json')
    const text = (await readFile(file, 'utf8')).slice('{"crc32":"00000000","meta":'.length, -2).replace('"version":1', '"version":2')
    const checksum = crc32(text).toString(16).padStart(8, '0')
    await writeFile(file, `{"crc32":"${checksum}","meta":${text}}\n`)
    await expect(folder.open()).rejects.toMatchObject({ code: 'MW_STORE_BLOCK_VERSION' })
    expect(existsSync(file)).toBe(true)
    // It is refused, not held: whoever comes next finds the folder free.
    await expect(folder.open()).rejects.toMatchObject({ code: 'MW_STORE_BLOCK_VERSION' })
  })

  test.for(['EMFILE', 'EACCES'])('files that %s keeps from being read are not taken for damaged', async (code) => {
    let store = await folder.open()
    await append(store, labels('a'), untilNow(60))
    await store.maintain()
    await store.close()
    for (const part of ['blocks', 'checkpoints']) {
      folder.disk.refuse = (step, at) => (step === 'readFile' && at.includes(part) ? code : undefined)
      await expect(folder.open()).rejects.toMatchObject({ code: 'MW_STORE_BLOCK_IO' })
      expect(existsSync(join(folder.path, 'quarantine'))).toBe(false)
    }
    folder.disk.refuse = () => undefined
    store = await folder.open()
    expect(await values(store, 'a')).toEqual(valuesOf(untilNow(60)))
  })

  test('a folder that cannot be written is refused by name', async () => {
    folder.disk.refuse = (step, at) => (step === 'mkdir' && at.endsWith('blocks') ? 'EACCES' : undefined)
    await expect(folder.open()).rejects.toMatchObject({ code: 'MW_STORE_FOLDER_UNUSABLE' })
  })

  test('a damaged piece of a checkpoint is kept aside', async () => {
    let store = await folder.open()
    await append(store, labels('a'), untilNow(200))
    await append(store, labels('b'), untilNow(3))
    await store.close()
    const [id] = await readdir(join(folder.path, 'checkpoints'))
    const file = join(folder.path, 'checkpoints', id!, 'data')
    const bytes = await readFile(file)
    bytes[bytes.length >> 1]! ^= 1
    await writeFile(file, bytes)
    store = await folder.open()
    expect(store.stats().disk?.damages).toBe(1)
    await append(store, labels('c'), untilNow(3))
    await store.close()
    expect(await readFile(join(folder.path, 'quarantine', `checkpoint-${id}`, 'data'))).toEqual(bytes)
  })

  test('with another block range everything is there, and moves on', async () => {
    let store = await folder.open({ blockRangeMs: 3 * MINUTE_MS })
    await append(store, labels('a'), untilNow(200))
    await store.close()
    store = await folder.open({ blockRangeMs: 2 * MINUTE_MS })
    await append(store, labels('a'), [[nowMs + 1, 1]])
    await store.maintain()
    expect(store.stats().disk?.flushes).toBe(1)
    expect(await values(store, 'a')).toEqual({ ...valuesOf(untilNow(200)), [nowMs + 1]: 1 })
    await store.maintain()
    await store.close()
    store = await folder.open({ blockRangeMs: 7 * MINUTE_MS })
    await store.maintain()
    expect(await values(store, 'a')).toEqual({ ...valuesOf(untilNow(200)), [nowMs + 1]: 1 })
  })
})

describe('metadata', () => {
  test('stays through a checkpoint of an empty head, and a crash right after it', async () => {
    let store = await folder.open()
    store.setMetadata('a', { type: 'counter', help: 'Äh.\n', unit: 's' })
    await store.close()
    store = await folder.open()
    store.setMetadata('b', { type: 'gauge', help: '', unit: '' })
    store = await folder.reopen(store)
    expect([...store.metadata()]).toEqual([
      ['a', { type: 'counter', help: 'Äh.\n', unit: 's' }],
      ['b', { type: 'gauge', help: '', unit: '' }],
    ])
  })

  test('a help text longer than a book is left out, and the log is begun anew all the same', async () => {
    const store = await folder.open({ walBytesMax: 1 })
    await append(store, labels('a'), [[nowMs, 1]])
    store.setMetadata('a', { type: 'counter', help: 'x'.repeat(6_000_000), unit: '' })
    await store.maintain()
    expect(store.metadata('a').size).toBe(0)
    expect(store.stats().disk).toMatchObject({ checkpoints: 1, maintenanceFailures: 0 })
  })
})

describe('snapshots', () => {
  test('hold metadata too, and nothing stays of one that failed', async () => {
    const store = await folder.open()
    await append(store, labels('a'), untilNow(60))
    await store.maintain()
    store.setMetadata('a', { type: 'counter', help: 'A.', unit: '' })
    folder.disk.refuse = (step, at) =>
      step === 'mkdir' && at.includes('snapshots') && at.endsWith('.tmp') && at.includes('checkpoints') ? 'ENOSPC' : undefined
    await expect(store.snapshot({ skipHead: false })).rejects.toMatchObject({ code: 'MW_STORE_DISK_FULL' })
    expect(await readdir(join(folder.path, 'snapshots'))).toEqual([])
    folder.disk.refuse = () => undefined
    const name = await store.snapshot({ skipHead: false })
    const copy = await folder.open({ path: join(folder.path, 'snapshots', name) })
    expect(await values(copy, 'a')).toEqual(valuesOf(untilNow(60)))
    expect(copy.metadata('a').size).toBe(1)
  })
})
