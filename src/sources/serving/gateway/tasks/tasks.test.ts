import { request as httpRequest } from 'node:http'
import { expect, test, vi } from 'vitest'
import { createTaskId } from '../../queue/index.ts'
import { testQueueOptions } from '../../queue/testing.ts'
import { type TaskGateway, testRow, useTaskGateway } from './testing.ts'

let { app, queue, registry, submit, get } = {} as TaskGateway
const reopen = useTaskGateway((gateway) => {
  ;({ app, queue, registry, submit, get } = gateway)
})

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
    payload: `{"rows":[${JSON.stringify(testRow)}]}`,
  })
})

test('its options are kept', async () => {
  const reply = await submit({
    url: '/v1/models/demo/tasks?priority=9&deadline=1h',
    payload: { rows: [testRow, testRow] },
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
  const spaced = `  ${JSON.stringify(testRow)}`
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

test('a browser that connects again behind the last event is told to stop', async () => {
  const href = (await submit()).json().href
  const again = (id: string) => app.inject({ url: `${href}/events`, headers: { 'last-event-id': id } })
  await finish()
  const whole = await again('waiting-0-0')
  expect(whole.body).toContain('id: done-1-0')
  const end = await again('done-1-0')
  expect([end.statusCode, end.body]).toEqual([204, ''])
})

test('requests about tasks are counted by what they ask and how they are answered, and a name that is no model is no label', async () => {
  const counts = () =>
    [...registry.render().matchAll(/modelwatch_task_requests_total\{model="demo",api="(\w+)",code="(\d+)"\} (\d+)/g)]
      .map(([, ...parts]) => parts.join(' '))
      .sort()
  expect(counts()).toEqual(['get 200 0'])
  const url = new URL(await app.listen({ port: 0, host: '127.0.0.1' }))
  const ask = async (path: string, method = 'GET') => (await fetch(`${url.origin}${path}`, { method })).text()
  const href = (await submit()).json().href
  await ask(href)
  await ask('/v1/models/demo/tasks/none')
  await ask(href, 'DELETE')
  await ask(`${href}/events`)
  await ask('/v1/models/demo/tasks?limit=x')
  await ask('/v1/models/nobody/tasks/none')
  await expect.poll(counts).toEqual(['cancel 200 1', 'events 200 1', 'get 200 1', 'get 404 1', 'list 422 1'])
  expect(registry.render()).not.toContain('model="nobody"')
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

test('cancel: once, again, and too late; a client that says a type without a body is understood', async () => {
  const cancel = (url: string) => app.inject({ method: 'DELETE', url, headers: { 'content-type': 'application/json' } })
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
      request.on('error', reject).end(JSON.stringify(testRow))
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

test('the API page describes the routes', async () => {
  await app.ready()
  const { paths } = app.swagger() as unknown as { paths: Record<string, Record<string, { requestBody?: { content: object } }>> }
  expect(Object.keys(paths['/v1/models/{model}/tasks/{id}']!).sort()).toEqual(['delete', 'get'])
  expect(Object.keys(paths['/v1/models/pictures/tasks']!.post!.requestBody!.content)).toEqual(['application/json', 'multipart/form-data'])
  expect(Object.keys(paths['/v1/models/demo/tasks']!.post!.requestBody!.content)).toEqual(['application/json'])
})
