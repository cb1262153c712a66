import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { Command } from 'commander'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { type NewTask, openFolderQueue, type TaskQueue } from '../../app/queue.ts'
import { addQueueCommand, askYesNo } from './queue.ts'

let dir: string
let queue: TaskQueue
let count = 0
const testFailure = { code: 'MW_TEST', message: 'it broke at 13', stack: 'Error: it broke at 13\n    at test' }

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'modelwatch-queue-'))
  await writeFile(join(dir, 'modelwatch.yaml'), 'queue:\n  url: sqlite:tasks.db\n')
  // SQLite takes an empty file for a new database.
  await writeFile(join(dir, 'tasks.db'), '')
  queue = (await openFolderQueue(dir)).queue
})
afterEach(async () => {
  await queue.close()
  await rm(dir, { recursive: true, force: true })
  process.exitCode = undefined
})

/** What the command prints. */
async function run(...args: string[]): Promise<string> {
  const program = new Command('modelwatch').exitOverride()
  addQueueCommand(program)
  let text = ''
  const write = vi.spyOn(process.stdout, 'write').mockImplementation((chunk) => {
    text += String(chunk)
    return true
  })
  try {
    await program.parseAsync(['node', 'modelwatch', 'queue', ...args])
  } finally {
    write.mockRestore()
  }
  // biome-ignore lint/suspicious/noControlCharactersInRegex: colours, where a terminal is thought to be.
  return text.replace(/\u001b\[\d+m/g, '')
}
const submit = async (options: Partial<NewTask> = {}) => {
  const id = `01939f2e-0000-7000-8000-${String(++count).padStart(12, '0')}`
  const base = { id, queue: 'm', revision: 'r1', priority: 0, payload: '{"x":1}', rows: 1, submittedMs: Date.now() }
  await queue.submit({ ...base, deadlineMs: undefined, webhook: undefined, idempotency: undefined, ...options })
  return id
}
const claim = async (name = 'm') => (await queue.claim({ queues: [{ queue: name, tasksMax: 1, rowsMax: 1 }], worker: 'w' }))[0]!

test('ls: counts and the newest tasks', async () => {
  expect(await run('ls', dir)).toMatch(/tasks\.db: no tasks\n$/)
  const dead = await submit()
  await queue.fail(await claim(), { ...testFailure, message: 'no\u001b[31mred' }, { final: true })
  const waiting = await submit({ queue: 'n' })
  const text = await run('ls', dir)
  expect(text).toMatch(/ {2}model {2}waiting {2}active {2}delayed {2}dead {2}oldest waits\n {2}m +0 +0 +0 +1 +–\n {2}n +1 +0 +0 +0 +\d+m?s/)
  expect(text.indexOf(waiting)).toBeLessThan(text.indexOf(dead))
  // What a client or a model says must not colour the terminal.
  expect(text).toContain('no\\u001b[31mred (MW_TEST)')
  expect(await run('ls', dir, '--model', 'm', '--state', 'waiting', 'done')).not.toContain(waiting)
  expect(await run('ls', dir, '--limit', '1')).toContain(`older ones: --after ${waiting}`)
  expect(await run('ls', dir, '--limit', '1', '--after', waiting)).toContain(dead)
})

test('ls --json', async () => {
  const id = await submit({ deadlineMs: 1_900_000_000_500 })
  const { queues, tasks } = JSON.parse(await run('ls', dir, '--json'))
  expect(queues).toEqual([{ model: 'm', waiting: 1, active: 0, delayed: 0, dead: 0, oldest_waiting_since: tasks[0].submitted_at }])
  expect(tasks).toMatchObject([{ id, model: 'm', state: 'waiting', deadline_at: '2030-03-17T17:46:40.500Z', failure: null }])
})

test('show: cause, stack, input shortened or whole, result', async () => {
  const id = await submit({ payload: JSON.stringify('x'.repeat(5000)), webhook: { url: 'http://user:pass@host/hook', secret: 'hidden' } })
  await queue.fail(await claim(), testFailure, { final: true })
  const text = await run('show', id, '--dir', dir)
  expect(text).toContain('it broke at 13 (MW_TEST)')
  expect(text).toContain('    at test')
  expect(text).toContain('4,402 characters more; --full shows them')
  expect(text).toContain('http://host/hook, signed')
  expect(text).not.toContain('hidden')
  expect(text).not.toContain('pass')
  expect(await run('show', id, '--dir', dir, '--full')).toContain('x'.repeat(5000))
  expect(JSON.parse(await run('show', id, '--dir', dir, '--json')).input).toBe('x'.repeat(5000))

  const done = await submit()
  await queue.complete(await claim(), '{"predictions":[5]}')
  expect(await run('show', done, '--dir', dir)).toContain('Result\n  {"predictions":[5]}')
  await expect(run('show', 'nobody', '--dir', dir)).rejects.toMatchObject({ code: 'MW_QUEUE_TASK_UNKNOWN' })
})

test('retry: by id, or all dead ones', async () => {
  const ids = [await submit(), await submit(), await submit({ queue: 'n' })]
  for (const name of ['m', 'm', 'n']) await queue.fail(await claim(name), testFailure, { final: true })
  const waiting = await submit()
  expect(await run('retry', ids[0]!, waiting, '-C', dir)).toBe('1 task will be tried again\n1 task of those named is not dead\n')
  expect(process.exitCode).toBe(1)
  process.exitCode = undefined
  expect(await run('retry', '--dead', '--model', 'm', '-C', dir)).toBe('1 task will be tried again\n')
  expect(await run('retry', '--dead', '-C', dir)).toBe('1 task will be tried again\n')
  await expect(run('retry', '-C', dir)).rejects.toMatchObject({ code: 'MW_USAGE' })
  await expect(run('retry', 'id', '--dead', '-C', dir)).rejects.toMatchObject({ code: 'MW_USAGE' })
  await expect(run('retry', 'id', '--model', 'm', '-C', dir)).rejects.toMatchObject({ code: 'MW_USAGE' })
})

test('purge: only what was named, and not without being sure', async () => {
  const id = await submit()
  await submit({ queue: 'n' })
  if (!process.stdin.isTTY) await expect(run('purge', '--state', 'waiting', '-C', dir)).rejects.toMatchObject({ code: 'MW_USAGE' })
  expect(await run('purge', '--state', 'waiting', 'dead', '--model', 'm', '--yes', '-C', dir)).toBe('deleted 1 task\n')
  expect(await queue.get(id)).toBeUndefined()
  expect(await queue.stats()).toMatchObject([{ queue: 'n', waiting: 1 }])
  await expect(run('purge', '--yes', '-C', dir)).rejects.toMatchObject({ code: 'commander.missingMandatoryOptionValue' })
  await expect(run('purge', '--state', 'active', '--yes', '-C', dir)).rejects.toMatchObject({ code: 'commander.invalidArgument' })
})

test('looking makes no queue', async () => {
  const other = await mkdtemp(join(tmpdir(), 'modelwatch-queue-'))
  await writeFile(join(other, 'modelwatch.yaml'), '')
  await expect(openFolderQueue(other)).rejects.toMatchObject({ code: 'MW_QUEUE_MISSING' })
  await rm(other, { recursive: true })
  await expect(openFolderQueue(other)).rejects.toMatchObject({ code: 'MW_CONFIG_INVALID' })
})

test.for([
  { why: 'y', typed: 'y\r', want: true },
  { why: 'yes', typed: 'yes\r', want: true },
  { why: 'no', typed: 'n\r', want: false },
  { why: 'return alone', typed: '\r', want: false },
  { why: 'Ctrl-C, which is no fault', typed: '\u0003', want: false },
  { why: 'Ctrl-D', typed: '\u0004', want: false },
  { why: 'a terminal that goes away', typed: undefined, want: false },
])('a question at the terminal is answered with $why', async ({ typed, want }) => {
  const [input, output] = [new PassThrough(), Object.assign(new PassThrough(), { isTTY: true })]
  const answer = askYesNo('Delete?', input, output)
  if (typed === undefined) input.end()
  else input.write(typed)
  expect(await answer).toBe(want)
})
