import { rmSync, writeFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { addScaler, ask, createServingProject, metricOf, type Role, type ServingProject } from '../support/serving.ts'
import { until } from '../support/until.ts'

let project: ServingProject
let gateway: Role
const row = { x: 10, mood: 'fine' }
const tasksAt = (path = '') => `${gateway.url}/v1/models/scaler/tasks${path}`
const submit = async (body: unknown, headers: Record<string, string> = {}) => ask(tasksAt(), { body, headers })
const submitted = async (body: unknown) => (await submit(body)).body.task_id as string
const ended = async (id: string) => (await ask(tasksAt(`/${id}?wait=30s`))).body
const predict = (body: unknown) => ask(`${gateway.url}/v1/models/scaler/predict`, { body })

beforeAll(async () => {
  // What a killed gateway had in hand is given to another when its lease is over: soon, here.
  project = createServingProject('queue:\n  attempts_max: 2\n  retry_delay: 50ms\n  lease: 3s\n')
  addScaler(project)
  gateway = await project.serve()
})
afterAll(() => project?.dispose())

test('a task from submission to result', async () => {
  const first = await submit({ rows: [row, { x: 20, mood: 'fine' }] }, { 'idempotency-key': 'order-17' })
  expect(first).toMatchObject({ status: 202, body: { model: 'scaler', revision: 'v1' } })
  const id: string = first.body.task_id
  expect(first.headers.get('location')).toBe(`/v1/models/scaler/tasks/${id}`)
  expect(await ended(id)).toMatchObject({
    task_id: id,
    state: 'done',
    rows: 2,
    attempts: 1,
    predictions: [{ outputs: { y: 10 } }, { outputs: { y: 20 } }],
  })

  const again = await submit({ rows: [row, { x: 20, mood: 'fine' }] }, { 'idempotency-key': 'order-17' })
  expect(again).toMatchObject({ status: 200, body: { task_id: id, state: 'done' } })
  expect(await submit(row, { 'idempotency-key': 'order-17' })).toMatchObject({ status: 409, body: { code: 'MW_IDEMPOTENCY_CONFLICT' } })
  expect(await ask(tasksAt(`/${id}`), { method: 'DELETE' })).toMatchObject({ status: 409, body: { code: 'MW_TASK_FINAL' } })
  expect((await ask(tasksAt('?limit=1'))).body.tasks).toMatchObject([{ task_id: id, state: 'done' }])
  expect(await ask(tasksAt('/nobody'))).toMatchObject({ status: 404, body: { code: 'MW_TASK_UNKNOWN' } })
  expect(await submit({ x: '10', mood: 'fine' })).toMatchObject({ status: 422, body: { detail: [{ field: 'x' }] } })
})

test('whoever follows a task sees each of its states, until it is cancelled', async () => {
  const id = await submitted({ x: 2000, mood: 'slow' })
  await until('it is under way', async () => (await ask(tasksAt(`/${id}`))).body.state === 'active')
  const events = await fetch(tasksAt(`/${id}/events`))
  expect(events.headers.get('content-type')).toBe('text/event-stream; charset=utf-8')
  const text = events.text() // Ends when the gateway ends it.
  expect((await ask(tasksAt(`/${id}`), { method: 'DELETE' })).status).toBe(200)
  const states = (await text).match(/(?<=^data: ).*$/gm)!.map((data) => JSON.parse(data).state)
  expect(states.at(-1)).toBe('cancelled')
  expect(states.slice(0, -1).every((state) => state === 'active')).toBe(true)
})

test('a dead task is found at the terminal, with its cause; mended, it is tried again', async () => {
  writeFileSync(project.path('broken'), '')
  const id = await submitted({ x: 5, mood: 'throws' })
  expect(await ended(id)).toMatchObject({ state: 'dead', attempts: 2, error: { message: expect.stringContaining('no answer for 5') } })

  expect((await project.run('queue', 'ls', '--state', 'dead')).stdout).toMatch(new RegExp(`${id} +scaler +dead +2 .*no answer for 5`))
  const { stdout } = await project.run('queue', 'show', id)
  expect(stdout).toMatch(/Cause\n.*no answer for 5.*\n.*predictor\.ts:\d+/s)
  expect(stdout).toContain('{"x":5,"mood":"throws"}')

  rmSync(project.path('broken'))
  expect(await project.run('queue', 'retry', id)).toMatchObject({ code: 0, stdout: '1 task will be tried again\n' })
  expect(await ended(id)).toMatchObject({ state: 'done', predictions: [{ outputs: { y: 5 } }] })
  expect(await project.run('queue', 'retry', id)).toMatchObject({
    code: 1,
    stdout: expect.stringContaining('1 task of those named is not dead'),
  })
  expect(await project.run('queue', 'purge', '--state', 'done')).toMatchObject({ code: 2, stderr: expect.stringContaining('--yes') })
  expect(await project.run('queue', 'purge', '--state', 'done', 'cancelled', '--yes')).toMatchObject({
    code: 0,
    stdout: 'deleted 3 tasks\n',
  })
  expect((await ask(tasksAt(`/${id}`))).status).toBeGreaterThan(400)
})

test('a task that ends its thread each time is buried, and others go on', async () => {
  const [deadly, ...others] = await Promise.all([
    submitted({ x: 1, mood: 'exits' }),
    ...Array.from({ length: 20 }, (_, x) => submitted({ x, mood: 'fine' })),
  ])
  expect(await ended(deadly!)).toMatchObject({ state: 'dead', attempts: 3, error: { code: 'MW_TASK_POISONED' } })
  const states = await Promise.all(others.map(ended))
  expect(states.map(({ state, predictions }) => [state, predictions?.[0].outputs.y])).toEqual(others.map((_, x) => ['done', x]))
})

test('asked to stop, the gateway answers what is under way, and no task is lost or run twice', async () => {
  const predictions = Array.from({ length: 4 }, () => predict({ x: 300, mood: 'slow' }))
  await until(
    'they are under way',
    async () => (await metricOf(gateway.url, 'modelwatch_requests_in_flight', 'model="scaler",revision="v1"')) === 4,
  )
  const accepted: string[] = []
  const refusals = new Set<number | undefined>()
  let isOver = false
  const clients = Array.from({ length: 4 }, async () => {
    while (!isOver) {
      const answer = await submit({ x: accepted.length, mood: 'fine' }).catch(() => undefined)
      if (answer?.status === 202) accepted.push(answer.body.task_id)
      else refusals.add(answer?.status)
    }
  })
  await until('tasks come', () => accepted.length > 50)
  const { code, signal } = await gateway.stop()
  isOver = true
  await Promise.all(clients)
  expect({ code, signal }).toEqual({ code: 0, signal: null })
  expect((await Promise.all(predictions)).map(({ status, body }) => [status, body.outputs?.y])).toEqual(Array(4).fill([200, 300]))
  // A connection that is refused is as good as a 503: what was not accepted was not lost.
  for (const status of refusals) expect([undefined, 503]).toContain(status)

  gateway = await project.serve()
  const tasks = await Promise.all(accepted.map(ended))
  expect(tasks.filter(({ state, attempts }) => state !== 'done' || attempts !== 1)).toEqual([])
})

test('killed, it loses no task that it has acknowledged', async () => {
  const accepted: string[] = []
  let isOver = false
  const clients = Array.from({ length: 4 }, async () => {
    while (!isOver) {
      const answer = await submit({ rows: [{ x: 2, mood: 'slow' }, row] }).catch(() => undefined)
      if (answer?.status === 202) accepted.push(answer.body.task_id)
    }
  })
  await until('tasks come', () => accepted.length > 50)
  await gateway.kill()
  isOver = true
  await Promise.all(clients)
  gateway = await project.serve()
  const tasks = await Promise.all(accepted.map(ended))
  expect(tasks.filter(({ state, predictions }) => state !== 'done' || predictions[0].outputs.y !== 2)).toEqual([])
  const { waiting, active, delayed } = JSON.parse((await project.run('queue', 'ls', '--json')).stdout).queues[0]
  expect({ waiting, active, delayed }).toEqual({ waiting: 0, active: 0, delayed: 0 })
})
