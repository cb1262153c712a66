import { existsSync, statSync } from 'node:fs'
import { copyFile, mkdir, mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { QueueOptions, TaskQueue } from '../contract.ts'
import { FakeClock, testQueueOptions, testTask } from '../testing.ts'
import { openSqliteQueue } from './index.ts'
import { IS_WAITING, IS_WAITING_SUSPECT } from './states.ts'

let folder: string
let file: string
let clock: FakeClock
const opened: TaskQueue[] = []

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'modelwatch-queue-'))
  file = join(folder, 'sub', 'queue.db')
  clock = new FakeClock()
})
afterEach(async () => {
  for (const queue of opened.splice(0)) await queue.close()
  await rm(folder, { recursive: true, force: true })
})

async function openQueue(options: Partial<QueueOptions> = {}, path = file): Promise<TaskQueue> {
  const queue = await openSqliteQueue(path, { ...testQueueOptions, ...options }, { clock })
  opened.push(queue)
  return queue
}
async function closeAll(): Promise<void> {
  for (const queue of opened.splice(0)) await queue.close()
}
const wants = (tasksMax: number) => ({ queues: [{ queue: 'm', tasksMax, rowsMax: 1_000_000 }], worker: 'test' })

test('the folder is made; closed, all is in one file', async () => {
  const queue = await openQueue()
  await queue.submit(testTask(clock))
  await closeAll()
  expect(existsSync(file)).toBe(true)
  expect(existsSync(`${file}-wal`)).toBe(false)
})

test('a folder that cannot be made', async () => {
  await writeFile(join(folder, 'sub'), 'a file')
  await expect(openQueue()).rejects.toMatchObject({ code: 'MW_QUEUE_UNAVAILABLE' })
})

test('a file of a newer format is left alone', async () => {
  await openQueue()
  await closeAll()
  const database = new DatabaseSync(file)
  database.exec('PRAGMA user_version = 99')
  database.close()
  await expect(openQueue()).rejects.toMatchObject({ code: 'MW_QUEUE_FORMAT', message: expect.stringContaining('format 99') })
})

test('the database of something else is left alone', async () => {
  await mkdir(join(folder, 'sub'))
  const database = new DatabaseSync(file)
  database.exec('CREATE TABLE t (a)')
  database.close()
  await expect(openQueue()).rejects.toMatchObject({ code: 'MW_QUEUE_FORMAT', message: expect.stringContaining('not a queue') })
})

test('a file that is no database is damaged', async () => {
  await mkdir(join(folder, 'sub'))
  await writeFile(file, 'certainly no database, but long enough for its head to be looked at: '.repeat(100))
  await expect(openQueue()).rejects.toMatchObject({ code: 'MW_QUEUE_DAMAGED' })
})

test('pages that were overwritten are a clear error, not a wrong answer', async () => {
  const queue = await openQueue()
  const tasks = Array.from({ length: 2000 }, () => testTask(clock))
  await Promise.all(tasks.map((task) => queue.submit(task)))
  await closeAll()
  const size = statSync(file).size
  const handle = await open(file, 'r+')
  // All but the first pages, where the tables are named.
  for (let at = 16 * 4096; at < size; at += 4096) await handle.write(Buffer.alloc(4096, 0xa5), 0, 4096, at)
  await handle.close()
  const damaged = await openQueue()
  const answers = await Promise.allSettled([
    ...tasks.map(({ id }) => damaged.get(id)),
    damaged.claim(wants(2000)),
    damaged.submit(testTask(clock)),
  ])
  const errors = answers.flatMap((answer) => (answer.status === 'rejected' ? [answer.reason] : []))
  expect(errors.length).toBeGreaterThan(1000)
  for (const error of errors) expect(error).toMatchObject({ code: 'MW_QUEUE_DAMAGED' })
})

test('the log of a process that was killed is read: a copy of the files as they are opens', async () => {
  const queue = await openQueue()
  const tasks = Array.from({ length: 50 }, () => testTask(clock))
  for (const task of tasks) await queue.submit(task)
  const copy = join(folder, 'copy.db')
  await copyFile(file, copy)
  await copyFile(`${file}-wal`, `${copy}-wal`)
  const other = await openQueue({}, copy)
  for (const { id } of tasks) expect(await other.get(id)).toMatchObject({ state: 'waiting' })
  expect((await other.stats())[0]).toMatchObject({ waiting: 50 })
})

test('space of tasks that are gone is used again, and given back', { timeout: 30_000 }, async () => {
  const queue = await openQueue({ resultsMs: 1000 })
  const payload = JSON.stringify('x'.repeat(200_000))
  const round = async () => {
    const tasks = Array.from({ length: 100 }, () => testTask(clock, { payload }))
    await Promise.all(tasks.map((task) => queue.submit(task)))
    for (const { id } of tasks) await queue.cancel(id)
    clock.advance(1001)
    // Housekeeping deletes them by itself.
    await expect.poll(() => readCount(file), { timeout: 10_000 }).toBe(0)
  }
  const pages = () => readNumber(file, 'page_count')
  await round()
  const afterOne = pages()
  for (let i = 0; i < 3; i++) await round()
  expect(pages()).toBeLessThan(afterOne * 1.5)
  // 20 MB were in it at a time; a free quarter of the file, or 4 MiB, is kept for what comes.
  await expect.poll(pages, { timeout: 10_000 }).toBeLessThan(1500)
})

test('the log begins anew while tasks come in', { timeout: 60_000 }, async () => {
  const queue = await openQueue()
  const payload = JSON.stringify('x'.repeat(20_000))
  const other = new DatabaseSync(file, { readOnly: true })
  const logPages = () => (other.prepare('PRAGMA wal_checkpoint(NOOP)').get() as { log: number }).log
  let [last, restarts] = [0, 0]
  for (let i = 0; i < 1000 && restarts < 3; i++) {
    await Promise.all(Array.from({ length: 40 }, () => queue.submit(testTask(clock, { payload }))))
    const pages = logPages()
    if (pages < last) restarts++
    last = pages
  }
  other.close()
  expect(restarts).toBe(3)
})

test('the lock of another process is waited for, and the event loop does not stand still', { timeout: 30_000 }, async () => {
  const queue = await openQueue()
  const other = new DatabaseSync(file)
  other.exec('BEGIN IMMEDIATE')
  const delays = monitorEventLoopDelay({ resolution: 1 })
  delays.enable()
  const task = testTask(clock)
  const submitted = queue.submit(task)
  await expect.poll(() => queue.get(task.id)).toBeUndefined()
  await new Promise((resolve) => setTimeout(resolve, 300))
  delays.disable()
  other.exec('ROLLBACK')
  other.close()
  expect(await submitted).toEqual({ kind: 'accepted', id: task.id })
  // Waiting is done by timers: the loop had its turns meanwhile.
  expect(delays.count).toBeGreaterThan(5)
})

test('where nobody can ring, others are heard a little later', async () => {
  await mkdir(`${file}-bell`, { recursive: true })
  const [queue, worker] = [await openQueue(), await openQueue()]
  const { promise, resolve } = Promise.withResolvers<void>()
  worker.onWork(resolve)
  await queue.submit(testTask(clock))
  await promise
})

test('lists of a million walk in pieces, and end when the queue is closed', async () => {
  const open = await openQueue()
  await Promise.all(Array.from({ length: 6000 }, () => open.submit(testTask(clock))))
  const listing = open.list({ queue: 'm', states: ['done'], limit: 5 }).catch((error: unknown) => error)
  await open.close()
  // It was at its end already, or says why it is not.
  const answer = await listing
  if (!Array.isArray(answer)) expect(answer).toMatchObject({ code: 'MW_QUEUE_UNAVAILABLE', message: expect.stringContaining('is closed') })
})

test('the loop has its turns while a list walks', async () => {
  const queue = await openQueue()
  await Promise.all(Array.from({ length: 6000 }, () => queue.submit(testTask(clock))))
  let turns = 0
  let isDone = false
  const count = () => {
    turns++
    if (!isDone) setImmediate(count)
  }
  setImmediate(count)
  expect(await queue.list({ queue: 'm', states: ['done'], limit: 5 })).toEqual([])
  isDone = true
  expect(turns).toBeGreaterThan(2)
})

test('claims look their tasks up in the index, however many wait', async () => {
  await openQueue()
  const database = new DatabaseSync(file)
  const plan = (sql: string) =>
    (database.prepare(`EXPLAIN QUERY PLAN ${sql}`).all() as { detail: string }[]).map(({ detail }) => detail).join('; ')
  expect(
    plan(
      `SELECT seq, rows, bytes, priority FROM task WHERE lane = 1 AND ${IS_WAITING} AND (due_ms IS NULL OR due_ms > 1) ORDER BY priority DESC, seq LIMIT 64`,
    ),
  ).toBe('SEARCH task USING INDEX task_waiting (lane=?)')
  expect(plan(`SELECT seq FROM task WHERE lane = 1 AND ${IS_WAITING} AND priority = 3 ORDER BY seq LIMIT 8`)).toBe(
    'SEARCH task USING COVERING INDEX task_waiting (lane=? AND priority=?)',
  )
  expect(plan(`SELECT priority FROM task WHERE lane = 1 AND ${IS_WAITING} ORDER BY priority LIMIT 1`)).toContain('task_waiting (lane=?)')
  expect(plan(`SELECT priority FROM task WHERE lane = 1 AND ${IS_WAITING} ORDER BY priority LIMIT 1`)).not.toContain('TEMP B-TREE')
  expect(
    plan(
      `SELECT seq, rows, bytes FROM task WHERE lane = 1 AND ${IS_WAITING_SUSPECT} AND (due_ms IS NULL OR due_ms > 1) ORDER BY seq LIMIT 1`,
    ),
  ).toBe('SEARCH task USING INDEX task_suspect (lane=?)')
  expect(plan('SELECT seq FROM task WHERE state = 1 AND due_ms <= 5 ORDER BY due_ms LIMIT 9')).toContain('task_due (state=? AND due_ms<?)')
  expect(plan("SELECT seq, id FROM task WHERE id < 'x' AND state = 4 AND state IN (2, 4, 5) ORDER BY id DESC LIMIT 9")).toContain(
    'task_rare',
  )
  expect(plan("SELECT seq, id FROM task WHERE state = 1 AND due_ms > -1 AND id < 'x' ORDER BY +id DESC LIMIT 9")).toContain('task_due')
  database.close()
})

function readNumber(path: string, pragma: string): number {
  const database = new DatabaseSync(path, { readOnly: true })
  try {
    return Object.values(database.prepare(`PRAGMA ${pragma}`).get()!)[0] as number
  } finally {
    database.close()
  }
}

function readCount(path: string): number {
  const database = new DatabaseSync(path, { readOnly: true })
  try {
    return (database.prepare('SELECT count(*) AS count FROM payload').get() as { count: number }).count
  } finally {
    database.close()
  }
}

test('the doorbell stays one byte', async () => {
  const queue = await openQueue()
  for (let i = 0; i < 10; i++) await queue.submit(testTask(clock))
  expect((await readFile(`${file}-bell`)).length).toBe(1)
})

test('tasks beyond bytesMax are refused, ended ones hold room until they are deleted, and results are stored whatever is held', async () => {
  const queue = await openQueue({ bytesMax: 2_000_000, resultsMs: 60_000 })
  const payload = JSON.stringify({ rows: [{ x: 'y'.repeat(300_000) }] })
  const submit = () => queue.submit(testTask(clock, { payload }))
  let stored = 0
  const outcome = async () =>
    submit().then(
      () => 'stored',
      (error: { code: string; message: string }) => `${error.code} ${error.message}`,
    )
  while ((await outcome()) === 'stored') stored++
  expect(stored).toBe(6) // 6 · 0.3 MB and what tables need; a seventh would be 2.1 MB.
  expect(await outcome()).toMatch(/^MW_QUEUE_FULL the queue keeps 1\d{6} bytes, and 300019 more would be above queue.bytes_max, 2000000$/)
  const claims = await queue.claim({ queues: [{ queue: 'm', tasksMax: 10, rowsMax: 10 }], worker: 'w' })
  expect(claims).toHaveLength(6)
  for (const claim of claims) expect(await queue.complete(claim, payload)).toBe('stored')
  expect(await outcome()).toMatch(/^MW_QUEUE_FULL/)
  clock.advance(120_000)
  await expect.poll(outcome).toBe('stored')
  // In one transaction, each counts what those before it took.
  const many = await Promise.allSettled(Array.from({ length: 10 }, submit))
  expect(many.filter(({ status }) => status === 'fulfilled').length).toBe(5)
})
