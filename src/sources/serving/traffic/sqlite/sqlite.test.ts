import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { systemClock } from '../../../../core/time.ts'
import { firstTraffic } from '../split.ts'
import { testTrafficStore } from '../testing.ts'
import { openSqliteTraffic } from './index.ts'

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 }) // They wait for events; only a machine at its limit takes long.

testTrafficStore('SQLite', async () => {
  const own = await mkdtemp(join(tmpdir(), 'traffic-'))
  return {
    open: async (options) => openSqliteTraffic(join(own, 'traffic.db'), { clock: systemClock, ...options }),
    remove: () => rm(own, { recursive: true }),
  }
})

let dir = ''
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'traffic-'))
})
afterEach(() => rm(dir, { recursive: true }))

const path = () => join(dir, 'traffic.db')
const open = () => openSqliteTraffic(path(), { clock: systemClock })
const unavailable = (text: string) => expect.objectContaining({ code: 'MW_TRAFFIC_UNAVAILABLE', message: expect.stringContaining(text) })

test('to look makes no file', async () => {
  const store = open()
  expect(await store.read()).toEqual([])
  expect(await store.reports()).toEqual([])
  store.onChange(() => {})
  expect(await readdir(dir)).toEqual([])
  await store.close()
})

test('who began to listen before there was a file hears of the first change', async () => {
  const [early, other] = [open(), open()]
  const heard = new Promise<void>((resolve) => early.onChange(resolve))
  await other.update('weather', () => firstTraffic('A', 0))
  await heard
  await Promise.all([early.close(), other.close()])
})

test('it survives: what was written is there for the next', async () => {
  const store = open()
  await store.update('weather', () => firstTraffic('A', 0))
  await store.close()
  const next = open()
  expect(await next.read()).toMatchObject([{ model: 'weather', latest: 'A', generation: 1 }])
  await next.close()
})

test('a file that was put in its place counts', async () => {
  const store = open()
  await store.update('weather', () => firstTraffic('A', 0))
  const heard = new Promise<void>((resolve) => store.onChange(resolve))
  const elsewhere = openSqliteTraffic(join(dir, 'other.db'), { clock: systemClock })
  await elsewhere.update('weather', () => firstTraffic('B', 0))
  await elsewhere.close()
  for (const name of await readdir(dir)) if (name.startsWith('traffic.db-')) await rm(join(dir, name))
  await rename(join(dir, 'other.db'), path())
  await heard
  expect(await store.read()).toMatchObject([{ latest: 'B' }])
  await store.close()
})

test('a file that another holds is waited for, without stopping anything else', async () => {
  const store = open()
  await store.update('weather', () => firstTraffic('A', 0))
  const other = new DatabaseSync(path())
  other.exec('BEGIN IMMEDIATE')
  const update = store.update('weather', () => firstTraffic('B', 0))
  const first = await Promise.race([update.then(() => 'update'), new Promise((resolve) => setTimeout(() => resolve('timer'), 50))])
  expect(first).toBe('timer')
  expect(await store.read()).toMatchObject([{ latest: 'A' }]) // Readers do not wait.
  other.exec('COMMIT')
  await update
  expect(await store.read()).toMatchObject([{ latest: 'B' }])
  other.close()
  await store.close()
})

test('a writer that is killed in the middle leaves what was before', async () => {
  const store = open()
  await store.update('weather', () => firstTraffic('A', 0))
  const child = spawn(process.execPath, [
    '-e',
    `const db = new (require('node:sqlite').DatabaseSync)(${JSON.stringify(path())})
     db.exec("BEGIN IMMEDIATE; UPDATE traffic SET state = 'half'")
     console.log('holds'); setInterval(() => {}, 1000)`,
  ])
  await once(child.stdout, 'data')
  child.kill('SIGKILL')
  await once(child, 'exit')
  expect(await store.update('weather', (current) => current!)).toMatchObject({ latest: 'A', generation: 2 })
  await store.close()
})

test('several processes at once, from a file that is not there yet: no change is lost', { timeout: 60_000 }, async () => {
  const program = `
    import { openSqliteTraffic } from ${JSON.stringify(join(import.meta.dirname, 'index.ts'))}
    const store = openSqliteTraffic(${JSON.stringify(path())}, { clock: { now: () => 0 } })
    const empty = { latest: '0', split: { shares: 'latest', latest: '0', sinceMs: 0 }, tags: {}, shadow: undefined, history: [] }
    for (let i = 0; i < 25; i++) {
      await store.update('weather', (current) => ({ ...(current ?? empty), latest: String(Number(current?.latest ?? 0) + 1) }))
      await store.report([{ model: 'weather', revision: String(i), process: String(process.pid), state: 'ready', generation: i, timeMs: 0 }])
    }
    await store.close()`
  const ends = Array.from({ length: 4 }, async () => {
    const child = spawn(process.execPath, ['--input-type=module', '-e', program], { stdio: ['ignore', 'ignore', 'pipe'] })
    let said = ''
    child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text))
    const [code] = await once(child, 'close')
    return { code, said }
  })
  for (const { code, said } of await Promise.all(ends)) expect(code, said).toBe(0)
  const store = openSqliteTraffic(path(), { clock: { now: () => 0 } })
  expect(await store.read()).toMatchObject([{ latest: '100', generation: 100 }])
  expect(await store.reports()).toHaveLength(100)
  await store.close()
})

test.for([
  { why: 'no database', make: () => writeFile(path(), 'a,b\n1,2\n'.repeat(200)), want: 'file is not a database' },
  {
    why: 'one of a later form',
    make: async () => {
      const later = new DatabaseSync(path())
      later.exec('PRAGMA user_version = 99')
      later.close()
    },
    want: 'was written by a newer modelwatch',
  },
  { why: 'no folder', make: () => rm(dir, { recursive: true }).then(() => {}), want: 'unable to open database file' },
])('$why: a call says so', async ({ make, want }) => {
  await make()
  const store = open()
  await expect(store.update('weather', () => firstTraffic('A', 0))).rejects.toThrow(unavailable(want))
  await store.close()
  await mkdir(dir, { recursive: true })
})

test('an entry that cannot be understood is an error that names it, not a guess', async () => {
  const store = open()
  await store.update('weather', () => firstTraffic('A', 0))
  const other = new DatabaseSync(path())
  for (const [state, want] of [
    ['half', 'is no JSON'],
    ['{"model":"weather"}', 'cannot be understood'],
    [JSON.stringify({ model: 'other', ...firstTraffic('A', 0), generation: 1 }), 'it is of another model'],
  ] as const) {
    other.prepare('UPDATE traffic SET state = ?').run(state)
    await expect(store.read()).rejects.toThrow(
      expect.objectContaining({ code: 'MW_TRAFFIC_UNREADABLE', message: expect.stringContaining(want) }),
    )
  }
  const newer = { model: 'weather', ...firstTraffic('A', 0), generation: 7, sticky: 'cookie' }
  other.prepare('UPDATE traffic SET state = ?').run(JSON.stringify(newer))
  expect(await store.read()).toEqual([{ model: 'weather', ...firstTraffic('A', 0), generation: 7 }])
  other.close()
  await store.close()
})
