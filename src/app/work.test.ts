import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { pino } from 'pino'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { systemClock } from '../core/time.ts'
import { createTaskId, isFinal, openQueue, type Task, type TaskQueue, toQueueOptions } from '../sources/serving/queue/index.ts'
import { readModelwatchConfig } from './config.ts'
import type { RunningRole } from './running-role.ts'
import { startWorker } from './work.ts'

const log = pino({ level: 'silent' })
let dir = ''
let queue: TaskQueue
const roles: RunningRole[] = []

const schema = `name: demo
features:
  - { name: wind, type: number }
outputs:
  - { name: warmth, kind: regression }
`
/** Twice the wind; 13 ends the thread, 14 never ends. */
const predictor = `export default {
  predict({ columns }) {
    if (columns.wind.includes(13)) process.exit(1)
    while (columns.wind.includes(14));
    return { warmth: columns.wind.map((wind) => wind * 2) }
  },
}
`
const configuration = `queue: { retry_delay: 10ms, retry_delay_max: 50ms }
work: { listen: '127.0.0.1:0', threads_max: 2, scale_interval: 100ms }
`

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'work-'))
  const revisionDir = join(dir, 'models/demo/revisions/v1')
  await mkdir(revisionDir, { recursive: true })
  await writeFile(join(dir, 'models/demo/model.yaml'), schema)
  await writeFile(join(revisionDir, 'predictor.js'), predictor)
  await writeFile(join(revisionDir, 'revision.yaml'), 'runtime: { timeout: 500ms }\n')
  await writeFile(join(dir, 'modelwatch.yaml'), configuration)
  const { value } = await readModelwatchConfig(dir)
  queue = await openQueue(value.queue.url, dir, toQueueOptions(value.queue), { clock: systemClock })
})

afterEach(async () => {
  await Promise.all(roles.splice(0).map((role) => role.close()))
  await queue.close()
  await rm(dir, { recursive: true })
})

async function start(models?: readonly string[]): Promise<RunningRole> {
  const { value } = await readModelwatchConfig(dir)
  const role = await startWorker(value, dir, { log, models })
  roles.push(role)
  return role
}

async function submit(wind: number): Promise<string> {
  const nowMs = Date.now()
  const id = createTaskId(nowMs)
  await queue.submit({
    id,
    queue: 'demo',
    revision: 'v1',
    priority: 5,
    payload: JSON.stringify({ rows: [{ wind }] }),
    rows: 1,
    submittedMs: nowMs,
    deadlineMs: undefined,
    webhook: undefined,
    idempotency: undefined,
  })
  return id
}

const ended = (id: string): Promise<Task> =>
  expect
    .poll(() => queue.get(id), { timeout: 60_000, interval: 20 })
    .toSatisfy((task: Task | undefined) => task !== undefined && isFinal(task.state))
    .then(async () => (await queue.get(id))!)

test('a worker on its own: tasks done in threads, those that end or hang a thread are buried, and it tells how it is', {
  timeout: 120_000,
}, async () => {
  const role = await start()
  const ready = await fetch(`${role.url}/health/ready`)
  expect([ready.status, await ready.json()]).toEqual([
    200,
    { status: 'ready', models: [{ name: 'demo', revisions: [{ name: 'v1', threads: 1 }] }] },
  ])

  const ids = await Promise.all([1, 13, 2, 14, 3].map(submit))
  const [one, exits, two, hangs, three] = await Promise.all(ids.map(ended))
  const answers = [one, two, three].map((task) => JSON.parse(task!.result!).predictions[0].outputs)
  expect(answers).toEqual([{ warmth: 2 }, { warmth: 4 }, { warmth: 6 }])
  for (const task of [exits, hangs]) expect(task).toMatchObject({ state: 'dead', deaths: 3, failure: { code: 'MW_TASK_POISONED' } })
  expect((await ended(await submit(4))).state).toBe('done')

  const metrics = await (await fetch(`${role.url}/metrics`)).text()
  const deaths = /modelwatch_worker_executions_total\{model="demo",outcome="died"\} (\d+)/.exec(metrics)?.[1]
  expect(Number(deaths)).toBeGreaterThanOrEqual(6) // A neighbour may have shared a fatal call.
  expect(metrics).toMatch(/modelwatch_worker_threads\{model="demo",revision="v1"\} [12]\n/)
  expect(metrics).toContain('modelwatch_tasks_total{queue="demo",outcome="poisoned"} 2')
})

test('a model that is busy for longer than a stop may take holds neither its task nor the process', { timeout: 60_000 }, async () => {
  await writeFile(join(dir, 'models/demo/revisions/v1/revision.yaml'), 'runtime: { timeout: 10m }\n')
  await writeFile(join(dir, 'modelwatch.yaml'), "work: { listen: '127.0.0.1:0', stop_timeout: 100ms }\n")
  const main = fileURLToPath(new URL('../cli/main.ts', import.meta.url))
  const worker = spawn(process.execPath, [main, 'work', dir], { stdio: 'ignore' })
  try {
    const exited = once(worker, 'exit')
    const id = await submit(14)
    await expect.poll(async () => (await queue.get(id))?.state, { timeout: 30_000 }).toBe('active')
    worker.kill('SIGTERM')
    expect(await exited).toEqual([0, null])
    expect(await queue.get(id)).toMatchObject({ state: 'waiting', attempts: 0, deaths: 0 })
  } finally {
    worker.kill('SIGKILL')
  }
})

test('a worker for one model refuses a name that is none', async () => {
  await expect(start(['nobody'])).rejects.toThrow('nobody')
})
