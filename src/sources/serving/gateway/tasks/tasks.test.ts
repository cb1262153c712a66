import { mkdtemp, rm } from 'node:fs/promises'
import { request as httpRequest } from 'node:http'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { FastifyInstance, InjectOptions } from 'fastify'
import { Value } from 'typebox/value'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { systemClock } from '../../../../core/time.ts'
import { Registry } from '../../../../instrument/index.ts'
import { parseModelSchema } from '../../../../watch/index.ts'
import type { ModelHost } from '../../models/contract.ts'
import { createTestHost } from '../../models/testing.ts'
import { createTaskId, openQueue, type QueueOptions, type TaskQueue } from '../../queue/index.ts'
import { testQueueOptions } from '../../queue/testing.ts'
import { ServingConfig } from '../config.ts'
import { createGateway } from '../gateway.ts'
import { TasksConfig } from './config.ts'

const pictures = parseModelSchema(
  `name: pictures
features:
  - { name: photo, type: image }
  - { name: size, type: number }
outputs:
  - { name: cut, kind: value, type: image }
`,
  { file: 'model.yaml' },
)

let dir = ''
let queue: TaskQueue
let app: FastifyInstance
let registry: Registry
let host: ModelHost
let faults: unknown[] = []

async function open(
  options: Partial<QueueOptions> = {},
  config: Partial<TasksConfig> = {},
  serving: Partial<ServingConfig> = {},
): Promise<void> {
  faults = []
  dir = await mkdtemp(join(tmpdir(), 'tasks-'))
  queue = await openQueue('sqlite:queue.db', dir, { ...testQueueOptions, ...options }, { clock: systemClock })
  registry = new Registry()
  const models = [
    createTestHost({ registry, clock: systemClock }),
    createTestHost({ registry, clock: systemClock, schema: pictures, reference: undefined }),
  ].flatMap(({ host }) => host.models)
  host = { models, get: (name) => models.find(({ schema }) => schema.name === name), close: async () => {} }
  const tasks = { ...(Value.Default(TasksConfig, {}) as TasksConfig), ...config }
  const full = { ...(Value.Default(ServingConfig, {}) as ServingConfig), ...serving, tasks }
  app = await createGateway(host, full, {
    registry,
    clock: systemClock,
    version: '0.0.0',
    onError: (error) => faults.push(error),
    tasks: {
      queue,
      resultsMs: { ...testQueueOptions, ...options }.resultsMs,
      webhookFault: (url) => (url.startsWith('https://') ? undefined : 'it is not https'),
    },
  })
}

beforeEach(() => open())
afterEach(async () => {
  expect(faults).toEqual([])
  await app.close()
  await queue.close()
  await rm(dir, { recursive: true })
})

async function reopen(...args: Parameters<typeof open>): Promise<void> {
  await app.close()
  await queue.close()
  await rm(dir, { recursive: true })
  await open(...args)
}

const row = { wind: 3.5, sky: 'sun' }
const submit = (options: Partial<InjectOptions> = {}) =>
  app.inject({ method: 'POST', url: '/v1/models/demo/tasks', payload: row, ...options })
const get = (url: string) => app.inject({ method: 'GET', url })

/** Ends a task as a worker would. */
async function finish(result = '{"predictions":[{"prediction_id":"p","outputs":{"warmth":7}}]}', name = 'demo'): Promise<void> {
  const [claim] = await queue.claim({ queues: [{ queue: name, tasksMax: 1, rowsMax: 1 }], worker: 'test' })
  expect(await queue.complete(claim!, result)).toBe('stored')
}

test('a submission is answered 202 with where to ask, and the rows are in the queue', async () => {
  const reply = await submit()
  const { task_id: id, ...rest } = reply.json<{ task_id: string }>()
  expect(reply.statusCode).toBe(202)
  expect(rest).toEqual({ model: 'demo', revision: 'v1', state: 'waiting', href: `/v1/models/demo/tasks/${id}` })
  expect(reply.headers.location).toBe(`/v1/models/demo/tasks/${id}`)
  expect(await queue.getWithPayload(id)).toMatchObject({
    queue: 'demo',
    revision: 'v1',
    rows: 1,
    priority: 5,
    payload: `{"rows":[${JSON.stringify(row)}]}`,
  })
})

test('its options are kept', async () => {
  const reply = await submit({
    url: '/v1/models/demo/tasks?priority=9&deadline=1h',
    payload: { rows: [row, row] },
    headers: { 'webhook-url': 'https://example.com/', 'webhook-secret': 's' },
  })
  const task = await queue.getWithPayload(reply.json().task_id)
  expect(task).toMatchObject({ rows: 2, priority: 9, webhook: { url: 'https://example.com/', secret: 's' } })
  expect(task!.deadlineMs! - task!.submittedMs).toBe(3_600_000)
})

test('inputs are counted once, when they are accepted or refused', async () => {
  const windy = () =>
    Number(/modelwatch_value_bin_total\{model="demo",revision="v1",role="input",name="sky",bin="sun"\} (\d+)/.exec(registry.render())![1])
  const headers = { 'idempotency-key': 'k' }
  await submit({ headers })
  await submit({ headers })
  expect(windy()).toBe(1)
  await submit({ payload: { wind: 'x', sky: 'sun' } })
  expect(windy()).toBe(2)
})

test.for([
  {
    why: 'a wrong value',
    options: { payload: { wind: 'x', sky: 'sun' } },
    status: 422,
    code: 'MW_INPUT_INVALID',
    error: 'wind must be a number',
  },
  { why: 'no rows', options: { payload: { rows: [] } }, status: 422, code: 'MW_INPUT_INVALID', error: 'at least one row' },
  {
    why: 'no JSON',
    options: { payload: '{', headers: { 'content-type': 'application/json' } },
    status: 422,
    code: 'MW_BODY_INVALID',
    error: 'not JSON',
  },
  {
    why: 'an option misspelt',
    options: { url: '/v1/models/demo/tasks?prio=1' },
    status: 422,
    code: 'MW_TASK_OPTION_INVALID',
    error: 'known here: priority, deadline',
  },
  {
    why: 'a webhook that may not be',
    options: { headers: { 'webhook-url': 'http://x/' } },
    status: 422,
    code: 'MW_WEBHOOK_UNFIT',
    error: 'it is not https',
  },
  {
    why: 'a model that is not here',
    options: { url: '/v1/models/nobody/tasks' },
    status: 404,
    code: 'MW_MODEL_UNKNOWN',
    error: 'no model nobody',
  },
  {
    why: 'a form where no picture is wanted',
    options: { payload: 'x', headers: { 'content-type': 'multipart/form-data; boundary=b' } },
    status: 415,
    code: 'MW_BODY_TYPE',
    error: 'application/json',
  },
])('$why is refused and not queued', async ({ options, status, code, error }) => {
  const reply = await submit(options)
  expect([reply.statusCode, reply.json().code]).toEqual([status, code])
  expect(reply.json().error).toContain(error)
  expect(await queue.list({ limit: 10 })).toEqual([])
})

test('a key stands for one task: repeated, conflicting, and once its task is final', async () => {
  const headers = { 'idempotency-key': 'order-17' }
  const first = await submit({ headers })
  const spaced = `  ${JSON.stringify(row)}`
  const again = await submit({ headers: { ...headers, 'content-type': 'application/json' }, payload: spaced })
  expect([again.statusCode, again.headers['idempotency-replayed']]).toEqual([202, 'true'])
  expect(again.json()).toEqual(first.json())
  const other = await submit({ headers, payload: { wind: 4, sky: 'sun' } })
  expect([other.statusCode, other.json().code]).toEqual([409, 'MW_IDEMPOTENCY_CONFLICT'])
  await finish()
  const late = await submit({ headers })
  expect([late.statusCode, late.json()]).toEqual([200, { ...first.json(), state: 'done' }])
})

test('a full queue is answered 503 with Retry-After', async () => {
  await reopen({ tasksMax: 1 })
  expect((await submit()).statusCode).toBe(202)
  const reply = await submit()
  expect([reply.statusCode, reply.json().code, reply.headers['retry-after']]).toEqual([503, 'MW_QUEUE_FULL', '1'])
})

test('a task is told with its times, its predictions or its error', async () => {
  const href = (await submit()).json().href
  const waiting = (await get(href)).json()
  expect(waiting).toMatchObject({ state: 'waiting', rows: 1, attempts: 0, submitted_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/) })
  expect(waiting).not.toHaveProperty('predictions')
  await finish()
  const done = await get(href)
  expect(done.headers['content-type']).toContain('application/json')
  expect(done.json()).toMatchObject({ state: 'done', attempts: 1, predictions: [{ prediction_id: 'p', outputs: { warmth: 7 } }] })

  const bad = (await submit()).json().href
  const [claim] = await queue.claim({ queues: [{ queue: 'demo', tasksMax: 1, rowsMax: 1 }], worker: 'test' })
  await queue.fail(claim!, { code: 'MW_X', message: 'it broke', stack: 'secret place' }, { final: true })
  const dead = await get(bad)
  expect(dead.json()).toMatchObject({ state: 'dead', error: { code: 'MW_X', message: 'it broke' } })
  expect(dead.body).not.toContain('secret')
})

test('unknown, of another model, gone', async () => {
  const { task_id: id } = (await submit()).json()
  const statuses = async (url: string) => {
    const reply = await get(url)
    return [reply.statusCode, reply.json().code]
  }
  expect(await statuses(`/v1/models/pictures/tasks/${id}`)).toEqual([404, 'MW_TASK_UNKNOWN'])
  expect(await statuses(`/v1/models/demo/tasks/${createTaskId(Date.now())}`)).toEqual([404, 'MW_TASK_UNKNOWN'])
  expect(await statuses('/v1/models/demo/tasks/no-uuid')).toEqual([404, 'MW_TASK_UNKNOWN'])
  const old = createTaskId(Date.now() - testQueueOptions.resultsMs - 60_000)
  expect(await statuses(`/v1/models/demo/tasks/${old}`)).toEqual([410, 'MW_TASK_GONE'])
  expect((await app.inject({ method: 'DELETE', url: `/v1/models/demo/tasks/${old}` })).statusCode).toBe(410)
  expect(await statuses(`/v1/models/demo/tasks/${old}/events`)).toEqual([410, 'MW_TASK_GONE'])
})

test('a long poll ends with the task', async () => {
  const href = (await submit()).json().href
  const polled = get(`${href}?wait=30s`)
  await expect.poll(() => registry.render()).toContain('modelwatch_task_waiters{kind="poll"} 1')
  await finish()
  expect((await polled).json()).toMatchObject({ state: 'done', predictions: [{ outputs: { warmth: 7 } }] })
  expect(registry.render()).toContain('modelwatch_task_waiters{kind="poll"} 0')
})

test('those who wait for one task share one look at it and one answer', async () => {
  const href = (await submit()).json().href
  const looks = vi.spyOn(queue, 'get')
  const watches = vi.spyOn(queue, 'watch')
  const polled = Array.from({ length: 50 }, () => get(`${href}?wait=30s`))
  await expect.poll(() => registry.render()).toContain('modelwatch_task_waiters{kind="poll"} 50')
  await finish()
  for (const reply of await Promise.all(polled))
    expect(reply.json()).toMatchObject({ state: 'done', predictions: [{ outputs: { warmth: 7 } }] })
  expect(watches).toHaveBeenCalledTimes(1)
  expect(looks.mock.calls.length).toBeLessThan(50 + 10) // Each asked once when it came; the rest is the one that looks on for all.
})

test('a long poll whose time is over tells how the task stands; a wait that is none is refused', async () => {
  const href = (await submit()).json().href
  expect((await get(`${href}?wait=20ms`)).json().state).toBe('waiting')
  expect((await get(`${href}?wait=soon`)).json().code).toBe('MW_TASK_OPTION_INVALID')
})

test('no more wait than may; a client that leaves makes room', async () => {
  await reopen({}, { waiting_max: 1 })
  const url = new URL(await app.listen({ port: 0, host: '127.0.0.1' }))
  const href = (await submit()).json().href
  const client = httpRequest(`${url.origin}${href}?wait=60s`).on('error', () => {})
  client.end()
  await expect.poll(() => registry.render()).toContain('modelwatch_task_waiters{kind="poll"} 1')
  const refused = await get(`${href}?wait=60s`)
  expect([refused.statusCode, refused.json().code]).toEqual([503, 'MW_TASK_WAITERS_FULL'])
  expect((await get(href)).statusCode).toBe(200) // Who does not wait needs no place.
  client.destroy()
  await expect.poll(() => registry.render()).toContain('modelwatch_task_waiters{kind="poll"} 0')
  expect(registry.render()).toContain('modelwatch_task_waiters_refused_total 1')
})

test('when the gateway stops, who waits is answered', async () => {
  const url = new URL(await app.listen({ port: 0, host: '127.0.0.1' }))
  const href = (await submit()).json().href
  const reply = fetch(`${url.origin}${href}?wait=60s`)
  await expect.poll(() => registry.render()).toContain('modelwatch_task_waiters{kind="poll"} 1')
  await app.close()
  expect(await (await reply).json()).toMatchObject({ state: 'waiting' })
})

test('events tell each state, and end with the last', async () => {
  const url = new URL(await app.listen({ port: 0, host: '127.0.0.1' }))
  const href = (await submit()).json().href
  const reply = await fetch(`${url.origin}${href}/events`)
  expect(reply.headers.get('content-type')).toBe('text/event-stream; charset=utf-8')
  const reader = reply.body!.pipeThrough(new TextDecoderStream()).getReader()
  let text = ''
  const readUntil = async (wanted: string) => {
    while (!text.includes(wanted)) {
      const { value, done } = await reader.read()
      if (done) break
      text += value
    }
  }
  await readUntil('id: waiting-0-0\n')
  const [claim] = await queue.claim({ queues: [{ queue: 'demo', tasksMax: 1, rowsMax: 1 }], worker: 'test' })
  await readUntil('id: active-1-0\n')
  await queue.complete(claim!, '{"predictions":[1]}')
  await readUntil('never')
  const events = text.split('\n\n').filter((event) => event.startsWith('event: state'))
  expect(events.map((event) => JSON.parse(/^data: (.*)$/m.exec(event)![1]!).state)).toEqual(['waiting', 'active', 'done'])
  expect(events.at(-1)).toContain('"predictions":[1]')
  expect(text.startsWith('retry: 2000\n\n')).toBe(true)
  await expect.poll(() => registry.render()).toContain('modelwatch_task_waiters{kind="events"} 0')
})

test('a follower of a task on which nothing happens hears that the connection lives, and makes room when it leaves', async () => {
  await reopen({}, { heartbeat: '20ms' })
  const url = new URL(await app.listen({ port: 0, host: '127.0.0.1' }))
  const href = (await submit()).json().href
  const leave = new AbortController()
  const reply = await fetch(`${url.origin}${href}/events`, { signal: leave.signal })
  const reader = reply.body!.pipeThrough(new TextDecoderStream()).getReader()
  let text = ''
  while (text.split(': alive\n\n').length < 3) text += (await reader.read()).value ?? expect.unreachable('it ended')
  expect(text.split('event: state').length).toBe(2)
  leave.abort()
  await expect.poll(() => registry.render()).toContain('modelwatch_task_waiters{kind="events"} 0')
})

test('cancel: once, again, and too late', async () => {
  const cancel = (url: string) => app.inject({ method: 'DELETE', url })
  const href = (await submit()).json().href
  for (const _ of [1, 2]) expect([(await cancel(href)).statusCode, (await cancel(href)).json().state]).toEqual([200, 'cancelled'])
  const done = (await submit()).json().href
  await finish()
  const late = await cancel(done)
  expect([late.statusCode, late.json().code]).toEqual([409, 'MW_TASK_FINAL'])
})

test('two keys, two webhooks: no task', async () => {
  const url = new URL(await app.listen({ port: 0, host: '127.0.0.1' }))
  for (const name of ['Idempotency-Key', 'Webhook-Url', 'Webhook-Secret']) {
    const headers = { 'content-type': 'application/json', 'webhook-url': 'https://x/', [name]: ['https://a/', 'https://b/'] }
    const text = await new Promise<string>((resolve, reject) => {
      const options = { host: url.hostname, port: url.port, path: '/v1/models/demo/tasks', method: 'POST', headers }
      const request = httpRequest(options, async (response) => resolve(Buffer.concat(await response.toArray()).toString()))
      request.on('error', reject).end(JSON.stringify(row))
    })
    expect(JSON.parse(text), name).toMatchObject({
      code: 'MW_HEADER_INVALID',
      error: `${name.toLowerCase()} must stand once, and stands 2 times`,
    })
  }
  expect(await queue.list({ limit: 10 })).toEqual([])
})

test('the list is newest first, by state, in pages', async () => {
  const ids: string[] = []
  for (let i = 0; i < 5; i++) ids.push((await submit()).json().task_id)
  await finish()
  const list = async (query: string) =>
    (await get(`/v1/models/demo/tasks${query}`)).json<{ tasks: { task_id: string; state: string }[]; next?: string }>()
  const pages = [await list('?limit=2')]
  while (pages.at(-1)!.next !== undefined) pages.push(await list(`?limit=2&after=${pages.at(-1)!.next}`))
  expect(pages.map(({ tasks }) => tasks.map(({ task_id }) => task_id))).toEqual([
    ids.slice(3).reverse(),
    ids.slice(1, 3).reverse(),
    ids.slice(0, 1),
  ])
  expect((await list('?state=done')).tasks.map(({ task_id }) => task_id)).toEqual([ids[0]])
  expect((await list('?state=done,waiting')).tasks).toHaveLength(5)
  expect((await list('?state=done')).tasks[0]).not.toHaveProperty('predictions')
  for (const query of ['?state=ready', '?limit=0', '?limit=1001', '?limit=x', '?after=x', '?page=2'])
    expect((await get(`/v1/models/demo/tasks${query}`)).statusCode, query).toBe(422)
  expect((await get('/v1/models/nobody/tasks')).statusCode).toBe(404)
})

const png = Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex')
function form(parts: Record<string, string | Blob>): { payload: FormData } {
  const data = new FormData()
  for (const [name, value] of Object.entries(parts)) data.append(name, value)
  return { payload: data }
}

async function sendForm(parts: Record<string, string | Blob>): Promise<Response> {
  if (!app.server.listening) await app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = app.server.address() as { port: number }
  return fetch(`http://127.0.0.1:${port}/v1/models/pictures/tasks`, { method: 'POST', body: form(parts).payload })
}

test('a picture comes as a file of a form, or as base64 in JSON, and is the same task', async () => {
  const reply = await sendForm({ photo: new Blob([png], { type: 'image/png' }), size: '2.5' })
  expect(reply.status).toBe(202)
  const asForm = await queue.getWithPayload(((await reply.json()) as { task_id: string }).task_id)
  expect(JSON.parse(asForm!.payload)).toEqual({ rows: [{ photo: png.toString('base64'), size: 2.5 }] })
  const json = await submit({ url: '/v1/models/pictures/tasks', payload: { photo: png.toString('base64'), size: 2.5 } })
  expect((await queue.getWithPayload(json.json().task_id))!.payload).toBe(asForm!.payload)
})

test.for([
  { why: 'no picture', parts: { photo: new Blob(['hello']), size: '1' }, status: 422, error: 'photo must be a picture' },
  { why: 'no number', parts: { photo: new Blob([png]), size: 'big' }, status: 422, error: 'size must be a number' },
  { why: 'a part missing', parts: { size: '1' }, status: 422, error: 'photo is missing' },
  { why: 'a part too many', parts: { photo: new Blob([png]), size: '1', colour: 'red' }, status: 422, error: 'colour is not a feature' },
  {
    why: 'very many parts',
    parts: Object.fromEntries(Array.from({ length: 30 }, (_, i) => [`p${i}`, 'x'])),
    status: 422,
    error: 'more parts than',
  },
])('a form with $why is refused', async ({ parts, status, error }) => {
  const reply = await sendForm(parts)
  expect([reply.status, ((await reply.json()) as { error: string }).error]).toEqual([status, expect.stringContaining(error)])
})

test('a file that is too large is refused, and the gateway goes on', async () => {
  await reopen({}, {}, { body_bytes_max: 10_000 })
  const reply = await sendForm({ photo: new Blob([png, new Uint8Array(1_000_000)]), size: '1' })
  expect([reply.status, ((await reply.json()) as { code: string }).code]).toEqual([413, 'MW_BODY_TOO_LARGE'])
  expect((await sendForm({ photo: new Blob([png]), size: '1' })).status).toBe(202)
})

test('a form cut off in the middle is refused', async () => {
  const reply = await submit({
    url: '/v1/models/pictures/tasks',
    headers: { 'content-type': 'multipart/form-data; boundary=b' },
    payload: '--b\r\ncontent-disposition: form-data; name="size"\r\n\r\n2',
  })
  expect([reply.statusCode, reply.json().code]).toEqual([422, 'MW_BODY_INVALID'])
})

test('a client that goes away in the middle of a form is no fault of the gateway', async () => {
  await app.listen({ port: 0, host: '127.0.0.1' })
  const socket = connect((app.server.address() as { port: number }).port, '127.0.0.1')
  const head = 'host: x\r\ncontent-type: multipart/form-data; boundary=b\r\ncontent-length: 1000'
  const arrived = new Promise((resolve) => app.server.once('request', resolve))
  socket.write(`POST /v1/models/pictures/tasks HTTP/1.1\r\n${head}\r\n\r\n--b\r\ncontent-disposition: form-data; name="size"\r\n\r\n2`)
  await arrived
  socket.destroy()
  await expect.poll(() => registry.render()).toContain('modelwatch_requests_total{model="pictures",revision="v1",api="tasks",code="499"} 1')
  await new Promise((resolve) => setImmediate(resolve)) // A fault would be told, and found after the test, by now.
})

test('the API page describes the routes', async () => {
  await app.ready()
  const { paths } = app.swagger() as unknown as { paths: Record<string, Record<string, { requestBody?: { content: object } }>> }
  expect(Object.keys(paths['/v1/models/{model}/tasks/{id}']!).sort()).toEqual(['delete', 'get'])
  expect(Object.keys(paths['/v1/models/pictures/tasks']!.post!.requestBody!.content)).toEqual(['application/json', 'multipart/form-data'])
  expect(Object.keys(paths['/v1/models/demo/tasks']!.post!.requestBody!.content)).toEqual(['application/json'])
})
