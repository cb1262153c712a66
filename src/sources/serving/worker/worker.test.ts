import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Value } from 'typebox/value'
import { afterEach, expect, test } from 'vitest'

import { ModelwatchError } from '../../../core/errors.ts'
import { type Claim, isFinal, queueErrors, type Task, type TaskQueue } from '../queue/index.ts'
import { WebhooksConfig } from './config.ts'
import {
  createTestWorker,
  FunctionModel,
  openTestQueue,
  submitWinds,
  type TestQueue,
  type TestWorker,
  type TestWorkerOptions,
  twice,
} from './testing.ts'
import { signWebhook } from './webhooks/signature.ts'

const ends: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
})

async function open(options: Parameters<typeof openTestQueue>[0] = {}): Promise<TestQueue> {
  const opened = await openTestQueue(options)
  ends.push(opened.close)
  return opened
}

function start(queue: TaskQueue, models: Record<string, FunctionModel>, options: TestWorkerOptions = {}): TestWorker {
  const worker = createTestWorker(queue, models, options)
  ends.push(async () => {
    await worker.worker.close()
    await worker.host.close()
  })
  worker.worker.start()
  return worker
}

/** Waits for what the queue tells; a change without a look would be missed, so it looks first. */
async function until(queue: TaskQueue, id: string, wanted: (task: Task) => boolean = ({ state }) => isFinal(state)): Promise<Task> {
  let wake = () => {}
  const unwatch = queue.watch(id, () => wake())
  try {
    for (;;) {
      const changed = new Promise<void>((resolve) => {
        wake = resolve
      })
      const task = await queue.get(id)
      if (task !== undefined && wanted(task)) return task
      const timer = setTimeout(() => wake(), 200)
      await changed
      clearTimeout(timer)
    }
  } finally {
    unwatch()
  }
}

/** A queue that calls back before some of its methods; what the callback throws, the method throws. */
function intercept(queue: TaskQueue, before: { readonly [K in keyof TaskQueue]?: (...args: Parameters<TaskQueue[K]>) => void }): TaskQueue {
  return new Proxy(queue, {
    get(target, name: keyof TaskQueue) {
      const method = target[name].bind(target) as (...args: unknown[]) => unknown
      const call = before[name] as ((...args: unknown[]) => void) | undefined
      if (call === undefined) return method
      return async (...args: unknown[]) => {
        call(...args)
        return method(...args)
      }
    },
  })
}

const predictionsOf = (task: Task) =>
  (JSON.parse(task.result!) as { predictions: { prediction_id: string; outputs: { warmth: number } }[] }).predictions
const metric = (registry: TestWorker['registry'], series: string) =>
  Number(
    registry
      .render()
      .split('\n')
      .find((line) => line.startsWith(`${series} `))
      ?.split(' ')
      .at(-1),
  )

test('a task becomes its predictions, one for each row in their order, each with an id', async () => {
  const { queue } = await open()
  const model = new FunctionModel(twice)
  const { registry, worker } = start(queue, { demo: model })
  const task = await until(queue, await submitWinds(queue, [1, 2, 3]))
  expect(task).toMatchObject({ state: 'done', attempts: 1 })
  const predictions = predictionsOf(task)
  expect(predictions.map(({ outputs }) => outputs)).toEqual([{ warmth: 2 }, { warmth: 4 }, { warmth: 6 }])
  expect(new Set(predictions.map(({ prediction_id }) => prediction_id)).size).toBe(3)
  await worker.drain() // What the queue has stored the worker counts when it hears of it.
  expect(metric(registry, 'modelwatch_worker_executions_total{model="demo",outcome="done"}')).toBe(1)
  expect(metric(registry, 'modelwatch_task_duration_seconds_count{model="demo"}')).toBe(1)
})

test('tasks that wait share calls of the model, and each gets its own answer', async () => {
  const { queue } = await open()
  const ids = await Promise.all(Array.from({ length: 200 }, (_, i) => submitWinds(queue, [i % 60])))
  const model = new FunctionModel(twice)
  start(queue, { demo: model })
  const tasks = await Promise.all(ids.map((id) => until(queue, id)))
  expect(tasks.map((task) => predictionsOf(task)[0]!.outputs.warmth)).toEqual(ids.map((_, i) => (i % 60) * 2))
  expect(model.calls.length).toBeLessThan(100)
})

test('a bad row fails alone: tried again until its attempts are used up, its neighbours done', async () => {
  const { queue } = await open({ attemptsMax: 3 })
  const ids = await Promise.all([5, 13, 7].map((wind) => submitWinds(queue, [wind])))
  const { registry, worker } = start(queue, {
    demo: new FunctionModel((winds) => {
      if (winds.includes(13)) throw new Error('thirteen is too much')
      return twice(winds)
    }),
  })
  const [good, bad, other] = await Promise.all(ids.map((id) => until(queue, id)))
  expect([good!.state, other!.state]).toEqual(['done', 'done'])
  expect(bad).toMatchObject({
    state: 'dead',
    attempts: 3,
    failure: { code: 'MW_MODEL_FAILED', message: expect.stringContaining('thirteen') },
  })
  expect(bad!.failure!.stack).toContain('caused by Error: thirteen is too much')
  await worker.drain()
  expect(metric(registry, 'modelwatch_worker_executions_total{model="demo",outcome="failed"}')).toBe(3)
})

test('a task whose rows the model does not take any more is dead at once, in the words of the gateway', async () => {
  const { queue } = await open()
  const model = new FunctionModel(twice)
  start(queue, { demo: model })
  const id = await submitWinds(queue, [1], { payload: '{"rows":[{"wind":"much","sky":"sun"}]}' })
  expect(await until(queue, id)).toMatchObject({
    state: 'dead',
    attempts: 1,
    failure: { code: 'MW_INPUT_INVALID', message: expect.stringContaining('row 0, wind') },
  })
  const broken = await submitWinds(queue, [1], { payload: 'no JSON' })
  expect(await until(queue, broken)).toMatchObject({ state: 'dead', attempts: 1, failure: { code: 'MW_TASK_PAYLOAD' } })
  expect(model.calls).toEqual([])
})

test('a task that takes its thread along is poisoned after that many deaths; its neighbours are not', async () => {
  const { queue } = await open({ deathsMax: 3, attemptsMax: 10 })
  const model = new FunctionModel((winds) => {
    if (winds.includes(13))
      throw new ModelwatchError('MW_MODEL_DIED', { kind: 'internal', retryable: false, hint: '' }, 'the thread ran out of memory')
    return twice(winds)
  })
  const ids = await Promise.all([1, 13, 2, 3].map((wind) => submitWinds(queue, [wind])))
  start(queue, { demo: model })
  const [first, poison, ...others] = await Promise.all(ids.map((id) => until(queue, id)))
  expect([first, ...others].map((task) => task!.state)).toEqual(['done', 'done', 'done'])
  expect(poison).toMatchObject({ state: 'dead', deaths: 3, failure: { code: 'MW_TASK_POISONED' } })
  // From its second try on it goes alone.
  const withIt = model.calls.filter((winds) => winds.includes(13))
  expect(withIt.slice(-2)).toEqual([[13], [13]])
})

test('while the threads of a model start anew, its tasks wait in the queue, and use up none of their attempts', async () => {
  const { queue } = await open({ attemptsMax: 1, deathsMax: 1 })
  let downs = 0
  const model = new FunctionModel((winds) => {
    if (downs++ < 4) throw new ModelwatchError('MW_MODEL_DOWN', { kind: 'unavailable', retryable: true, hint: '' }, 'all threads are down')
    return twice(winds)
  })
  const { registry, worker } = start(queue, { demo: model })
  const id = await submitWinds(queue, [1])
  expect(await until(queue, id)).toMatchObject({ state: 'done', attempts: 1 })
  await worker.drain()
  expect(metric(registry, 'modelwatch_worker_executions_total{model="demo",outcome="released"}')).toBe(4)
})

test('a model that hangs holds up its own lane for as long as a task may take, and no other', async () => {
  const { queue } = await open({ deathsMax: 1 })
  const never = new FunctionModel(() => new Promise(() => {}))
  // The worker's host is not closed at the end: a model that never answers never unloads.
  const { worker } = createTestWorker(queue, { stuck: never, demo: new FunctionModel(twice) }, { config: { task_timeout: '1s' } })
  ends.push(() => worker.close())
  worker.start()
  const stuck = await submitWinds(queue, [1], { queue: 'stuck' })
  await until(queue, stuck, ({ state }) => state === 'active')
  const ids = await Promise.all([1, 2, 3].map((wind) => submitWinds(queue, [wind])))
  const done = await Promise.all(ids.map((id) => until(queue, id)))
  expect(done.map(({ state }) => state)).toEqual(['done', 'done', 'done'])
  const dead = await until(queue, stuck)
  expect(dead).toMatchObject({ state: 'dead', failure: { code: 'MW_TASK_POISONED', message: expect.stringContaining('for 1 s') } })
})

test('what is in hand has a heart-beat three times in a lease', async () => {
  const { queue } = await open()
  const beats: string[][] = []
  const thrice = Promise.withResolvers<void>()
  const heard = intercept(queue, {
    heartbeat: (claims: readonly Claim[]) => {
      beats.push(claims.map(({ task }) => task.id))
      if (beats.length === 3) thrice.resolve()
    },
  })
  const gate = Promise.withResolvers<void>()
  const model = new FunctionModel(async (winds) => {
    await gate.promise
    return twice(winds)
  })
  const { worker } = start(heard, { demo: model }, { leaseMs: 90 })
  const id = await submitWinds(queue, [1])
  await thrice.promise
  expect(beats.slice(0, 3)).toEqual([[id], [id], [id]])
  gate.resolve()
  expect(await until(queue, id)).toMatchObject({ state: 'done', attempts: 1, deaths: 0 })
  await worker.drain()
  const count = beats.length
  await worker.close()
  expect(beats.length).toBe(count) // Nothing in hand, nothing to say.
})

test('a claim that was lost is let go: a cancelled task has no result, and is not waited for', async () => {
  const { queue } = await open()
  const gate = Promise.withResolvers<void>()
  const model = new FunctionModel(async (winds) => {
    await gate.promise
    return twice(winds)
  })
  const { registry, worker } = start(queue, { demo: model }, { leaseMs: 90 })
  const id = await submitWinds(queue, [1])
  await until(queue, id, ({ state }) => state === 'active')
  expect(await queue.cancel(id)).toBe('cancelled')
  await expect.poll(() => metric(registry, 'modelwatch_worker_tasks_in_hand'), { timeout: 10_000 }).toBe(0)
  gate.resolve()
  await worker.drain()
  expect(await queue.get(id)).toMatchObject({ state: 'cancelled', result: undefined })
  expect(metric(registry, 'modelwatch_worker_executions_total{model="demo",outcome="lost"}')).toBe(1)
})

test('a drain finishes what is in hand, and takes no more', async () => {
  const { queue } = await open()
  const gate = Promise.withResolvers<void>()
  const model = new FunctionModel(async (winds) => {
    await gate.promise
    return twice(winds)
  })
  const { worker } = start(queue, { demo: model })
  const first = await submitWinds(queue, [1])
  await until(queue, first, ({ state }) => state === 'active')
  const drained = worker.drain()
  const second = await submitWinds(queue, [2])
  gate.resolve()
  await drained
  expect((await queue.get(first))!.state).toBe('done')
  expect(await queue.get(second)).toMatchObject({ state: 'waiting', attempts: 0 })
})

test('what a drain cannot finish in time goes back to the queue as if never claimed, and another worker does it', async () => {
  const { queue, another } = await open()
  const never = new FunctionModel(() => new Promise(() => {}))
  const { worker, errors, registry } = createTestWorker(queue, { demo: never }, { config: { stop_timeout: '100ms' } })
  worker.start()
  const id = await submitWinds(queue, [1])
  await until(queue, id, ({ state }) => state === 'active')
  await worker.close()
  expect(await queue.get(id)).toMatchObject({ state: 'waiting', attempts: 0 })
  expect(metric(registry, 'modelwatch_worker_executions_total{model="demo",outcome="released"}')).toBe(1)
  expect(String(errors.at(-1)?.error)).toContain('1 tasks were not done within 0.1 s')
  const next = await another()
  start(next, { demo: new FunctionModel(twice) })
  expect((await until(queue, id)).state).toBe('done')
})

test('two workers share what there is, and nothing is done twice', async () => {
  const { queue, another } = await open()
  const models = [new FunctionModel(slowly), new FunctionModel(slowly)]
  async function slowly(winds: readonly number[]) {
    await new Promise((resolve) => setTimeout(resolve, 5 * winds.length))
    return twice(winds)
  }
  const other = await another()
  start(queue, { demo: models[0]! })
  start(other, { demo: models[1]! })
  const ids = await Promise.all(Array.from({ length: 60 }, (_, i) => submitWinds(queue, [i])))
  const tasks = await Promise.all(ids.map((id) => until(queue, id)))
  expect(tasks.every(({ state, attempts }) => state === 'done' && attempts === 1)).toBe(true)
  const rows = models.map(({ calls }) => calls.flat().length)
  expect(rows[0]! + rows[1]!).toBe(60)
  // 5 ms a row and 50 ms in hand: neither takes so much that the other has nothing.
  expect(Math.min(...rows)).toBeGreaterThan(5)
})

test('a queue that cannot be reached is asked again, the fault is told once, and results are not lost', async () => {
  const { queue } = await open()
  let outage = 3
  const fail = () => {
    if (outage-- > 0) throw queueErrors.MW_QUEUE_UNAVAILABLE('the disk is full')
  }
  const flaky = intercept(queue, { claim: fail, complete: fail })
  const { errors, registry } = start(flaky, { demo: new FunctionModel(twice) })
  const id = await submitWinds(queue, [1])
  expect((await until(queue, id)).state).toBe('done')
  outage = 2 // Now while the result is stored.
  const later = await submitWinds(queue, [2])
  expect(await until(queue, later)).toMatchObject({ state: 'done', attempts: 1 })
  expect(errors.length).toBeLessThanOrEqual(2)
  expect(metric(registry, 'modelwatch_worker_queue_errors_total{operation="claim"}')).toBeGreaterThanOrEqual(3)
})

test('a webhook is delivered when its task is final, signed, as the task is told; a receiver that fails is asked again', async () => {
  const { queue } = await open({ webhookDelayMs: 5 })
  const received: { headers: IncomingHttpHeaders; body: string }[] = []
  const answers = [500, 200, 410]
  const both = Promise.withResolvers<void>()
  const receiver = createServer((request, response) => {
    let body = ''
    request.on('data', (chunk) => {
      body += chunk
    })
    request.on('end', () => {
      received.push({ headers: request.headers, body })
      response.writeHead(answers.shift()!).end()
      if (answers.length === 0) both.resolve()
    })
  })
  await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve))
  ends.push(() => new Promise((resolve) => receiver.close(resolve)))
  const { port } = receiver.address() as AddressInfo
  const webhooks = { ...(Value.Default(WebhooksConfig, {}) as WebhooksConfig), allow: [`127.0.0.1:${port}`] }
  const { registry, worker } = start(queue, { demo: new FunctionModel(twice) }, { config: { webhooks } })
  const webhook = { url: `http://127.0.0.1:${port}/done`, secret: 'whsec_c2VjcmV0' }
  const first = await submitWinds(queue, [1], { webhook })
  await expect.poll(() => received.length, { timeout: 10_000 }).toBe(2)
  const [failed, delivered] = received
  expect(JSON.parse(delivered!.body)).toEqual({ id: first, state: 'done' })
  expect(delivered!.headers['webhook-id']).toBe(failed!.headers['webhook-id'])
  const timestampSeconds = Number(delivered!.headers['webhook-timestamp'])
  const signature = signWebhook(webhook.secret, { id: delivered!.headers['webhook-id'] as string, timestampSeconds, body: delivered!.body })
  expect(delivered!.headers['webhook-signature']).toBe(signature)

  await submitWinds(queue, [2], { webhook }) // Answered 410: nobody is asked again.
  await both.promise
  await submitWinds(queue, [3], { webhook: { url: 'http://127.0.0.1:1/', secret: undefined } }) // Not allowed: nobody is asked at all.
  const outcomes = () =>
    ['delivered', 'failed', 'gone', 'refused'].map((outcome) => metric(registry, `modelwatch_webhooks_total{outcome="${outcome}"}`))
  await expect.poll(outcomes, { timeout: 10_000 }).toEqual([1, 1, 1, 1])
  await worker.close()
  expect(await queue.claimDeliveries(10)).toEqual([])
  expect(received).toHaveLength(3)
})

/** A receiver of webhooks that answers none until it is told to. */
async function startWaitingReceiver() {
  const waiting: ServerResponse[] = []
  let mayAnswer = false
  const receiver = createServer((request, response) => {
    request.resume()
    if (mayAnswer) response.end()
    else waiting.push(response)
  })
  await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve))
  ends.push(() => new Promise((resolve) => receiver.close(resolve).closeAllConnections()))
  const { port } = receiver.address() as AddressInfo
  const answer = () => {
    mayAnswer = true
    for (const response of waiting.splice(0)) response.end()
  }
  const webhooks = { ...(Value.Default(WebhooksConfig, {}) as WebhooksConfig), allow: [`127.0.0.1:${port}`] }
  return { waiting, answer, webhooks, webhook: { url: `http://127.0.0.1:${port}/`, secret: undefined } }
}

test('a receiver that takes longer than a lease is asked once', async () => {
  const leaseMs = 300
  const { queue } = await open({ leaseMs })
  const { waiting, answer, webhooks, webhook } = await startWaitingReceiver()
  const { registry } = start(queue, { demo: new FunctionModel(twice) }, { config: { webhooks }, leaseMs })
  await submitWinds(queue, [1], { webhook })
  await expect.poll(() => waiting.length, { timeout: 10_000 }).toBe(1)
  await new Promise((resolve) => setTimeout(resolve, 3 * leaseMs)) // In which it would be handed out again.
  expect(waiting).toHaveLength(1)
  answer()
  await expect.poll(() => metric(registry, 'modelwatch_webhooks_total{outcome="delivered"}'), { timeout: 10_000 }).toBe(1)
  expect(await queue.claimDeliveries(1)).toEqual([])
})

test('large results are not held in memory by the dozen while their receiver is slow', async () => {
  const { queue } = await open()
  const { waiting, answer, webhooks, webhook } = await startWaitingReceiver()
  const result = JSON.stringify('x'.repeat(15_000_000))
  for (let i = 0; i < 5; i++) {
    await submitWinds(queue, [1], { webhook })
    const [claim] = await queue.claim({ queues: [{ queue: 'demo', tasksMax: 1, rowsMax: 1 }], worker: 'test' })
    await queue.complete(claim!, result)
  }
  const { registry, worker } = start(queue, {}, { config: { webhooks } })
  await expect.poll(() => waiting.length, { timeout: 10_000 }).toBe(3) // 45 MB are above 32 MiB.
  await new Promise((resolve) => setTimeout(resolve, 1000)) // In which it looks for more.
  expect(waiting).toHaveLength(3)
  answer()
  await expect.poll(() => metric(registry, 'modelwatch_webhooks_total{outcome="delivered"}'), { timeout: 10_000 }).toBe(5)
  await worker.close()
})

test('threads follow the depth of the queue, shared out by traffic, and one that cannot start is told and tried again', async () => {
  const { queue } = await open()
  const gate = Promise.withResolvers<void>()
  const model = new FunctionModel(async (winds) => {
    await gate.promise
    return twice(winds)
  })
  const resized: number[] = []
  const threads = {
    count: 1,
    async resize(count: number) {
      resized.push(count)
      if (resized.length === 1) throw new Error('no memory for another thread')
      threads.count = count
    },
  }
  model.threads = threads
  const ids = await Promise.all(Array.from({ length: 25 }, (_, i) => submitWinds(queue, [i])))
  const config = { scale_interval: '20ms', threads_max: 4, tasks_per_thread: 10, scale_down_window: '0s' }
  const { registry, errors } = start(queue, { demo: model }, { config })
  await expect.poll(() => threads.count, { timeout: 10_000 }).toBe(3) // ceil(25 / 10)
  expect(String(errors[0]?.error)).toContain('no memory')
  expect(metric(registry, 'modelwatch_worker_threads_desired{model="demo"}')).toBe(3)
  await expect.poll(() => metric(registry, 'modelwatch_worker_threads{model="demo",revision="v1"}')).toBe(3)
  gate.resolve()
  await Promise.all(ids.map((id) => until(queue, id)))
  await expect.poll(() => threads.count, { timeout: 10_000 }).toBe(1)
})
