import { afterAll, beforeAll, expect, test } from 'vitest'
import { needs } from '../support/needs.ts'
import { startRedis } from '../support/redis.ts'
import { addScaler, ask, createServingProject, metricOf, type Role, type ServingProject } from '../support/serving.ts'
import { until } from '../support/until.ts'

const config = 'work:\n  in_gateway: false\nqueue:\n  lease: 3s\n'
const tasksOf = (gateway: Role) => `${gateway.url}/v1/models/scaler/tasks`
const submit = async (gateway: Role, body: unknown) => {
  const { status, body: task } = await ask(tasksOf(gateway), { body })
  expect(status).toBe(202)
  return task.task_id as string
}
const ended = async (gateway: Role, id: string) => (await ask(`${tasksOf(gateway)}/${id}?wait=30s`)).body
const stateOf = async (gateway: Role, id: string) => (await ask(`${tasksOf(gateway)}/${id}`)).body.state

let project: ServingProject
let gateway: Role
beforeAll(async () => {
  project = createServingProject(config)
  addScaler(project)
  gateway = await project.serve()
})
afterAll(() => project?.dispose())

test('workers beside do the tasks of a gateway that does not', async () => {
  const ids = await Promise.all(Array.from({ length: 40 }, (_, x) => submit(gateway, { x, mood: 'fine' })))
  const waiting = () => metricOf(gateway.url, 'modelwatch_queue_tasks', 'queue="scaler",state="waiting"')
  await until('an autoscaler would see them', async () => (await waiting()) === ids.length)

  const workers = await Promise.all([project.work(), project.work('--models', 'scaler', '--threads-min', '2')])
  const tasks = await Promise.all(ids.map((id) => ended(gateway, id)))
  expect(tasks.map(({ state, attempts, predictions }) => [state, attempts, predictions?.[0].outputs.y])).toEqual(
    ids.map((_, x) => ['done', 1, x]),
  )
  const done = () =>
    Promise.all(workers.map(({ url }) => metricOf(url, 'modelwatch_worker_executions_total', 'model="scaler",outcome="done"')))
  await until('the workers say that they did them', async () => (await done()).reduce((sum, count) => sum! + count!, 0) === ids.length)
  expect((await ask(`${workers[1]!.url}/health/ready`)).body.models).toMatchObject([
    { name: 'scaler', revisions: [{ name: 'v1', threads: 2 }] },
  ])
  for (const worker of workers) expect(await worker.stop()).toMatchObject({ code: 0 })
})

test('a worker that is asked to stop finishes what it has in hand, and leaves the rest to another', async () => {
  const worker = await project.work('--threads-max', '1')
  const ids = [await submit(gateway, { x: 700, mood: 'slow' })]
  await until('it is under way', async () => (await stateOf(gateway, ids[0]!)) === 'active')
  for (let x = 0; x < 5; x++) ids.push(await submit(gateway, { x, mood: 'fine' }))
  expect(await worker.stop()).toMatchObject({ code: 0, signal: null })
  expect(await stateOf(gateway, ids[0]!)).toBe('done')

  const next = await project.work()
  const tasks = await Promise.all(ids.map((id) => ended(gateway, id)))
  expect(tasks.filter(({ state, attempts }) => state !== 'done' || attempts !== 1)).toEqual([])
  await next.stop()
})

test('what a killed worker had in hand is done by another', async () => {
  const [first, id] = [await project.work(), await submit(gateway, { x: 1500, mood: 'slow' })]
  await until('it is under way', async () => (await stateOf(gateway, id)) === 'active')
  await first.kill()
  const second = await project.work()
  const task = await ended(gateway, id)
  expect(task).toMatchObject({ state: 'done', attempts: 2, predictions: [{ outputs: { y: 1500 } }] })
  expect(task).not.toHaveProperty('error')
  await second.stop()
})

test('the same on Redis: tasks, revisions and traffic, without a file', async (context) => {
  const redis = await startRedis(needs(context, 'redis-server'))
  const onRedis = createServingProject(`${config}  url: ${redis.url}\n`)
  try {
    addScaler(onRedis)
    const [gateway, worker] = await Promise.all([onRedis.serve(), onRedis.work()])
    const id = await submit(gateway, { x: 4, mood: 'fine' })
    expect(await ended(gateway, id)).toMatchObject({ state: 'done', attempts: 1, predictions: [{ outputs: { y: 4 } }] })
    const tagged = await onRedis.run('traffic', 'scaler', '--set-tag', 'stable=v1')
    expect(tagged).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/The tag stable names v1\.\n.*2 processes have taken it over\.\n$/s),
    })
    expect((await ask(`${gateway.url}/v1/models/scaler/tags/stable/predict`, { body: { x: 4, mood: 'fine' } })).body.outputs.y).toBe(4)
    expect((await onRedis.run('queue', 'show', id)).stdout).toContain('state      done')
    for (const role of [worker, gateway]) expect(await role.stop()).toMatchObject({ code: 0 })
  } finally {
    onRedis.dispose()
    await redis.stop()
  }
})
