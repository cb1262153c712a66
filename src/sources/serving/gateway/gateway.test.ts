import { type AddressInfo, connect } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { createTestGateway, FAILING_WIND, NAN_WIND, type TestGateway } from './testing.ts'

let open: TestGateway[] = []
afterEach(async () => {
  for (const { app } of open) await app.close()
  open = []
})

async function start(...args: Parameters<typeof createTestGateway>): Promise<TestGateway> {
  const gateway = await createTestGateway(...args)
  open.push(gateway)
  return gateway
}

const post = ({ app }: TestGateway, body: unknown, api = 'predict', model = 'demo') =>
  app.inject({
    method: 'POST',
    url: `/v1/models/${model}/${api}`,
    headers: { 'content-type': 'application/json' },
    payload: typeof body === 'string' ? body : JSON.stringify(body),
  })

const series = ({ registry }: TestGateway, line: string) =>
  registry
    .render()
    .split('\n')
    .find((candidate) => candidate.startsWith(line))
    ?.split(' ')
    .at(-1)

test('one row is answered as one prediction', async () => {
  const reply = await post(await start(), { wind: 3, sky: 'sun' })
  expect(reply.statusCode).toBe(200)
  expect(reply.headers['content-type']).toBe('application/json; charset=utf-8')
  expect(reply.json()).toEqual({
    model: 'demo',
    revision: 'v1',
    prediction_id: expect.stringMatching(/^[0-9a-f-]{36}$/),
    outputs: { warmth: 6 },
  })
})

test('many rows are answered in their order, each with an id of its own', async () => {
  const reply = await post(await start(), {
    rows: [
      { wind: 1, sky: 'sun' },
      { wind: 2, sky: null },
    ],
  })
  const { predictions } = reply.json<{ predictions: { prediction_id: string; outputs: unknown }[] }>()
  expect(predictions.map(({ outputs }) => outputs)).toEqual([{ warmth: 2 }, { warmth: 4 }])
  expect(new Set(predictions.map(({ prediction_id }) => prediction_id)).size).toBe(2)
})

test('no rows are answered with no predictions, and the model is not asked', async () => {
  const gateway = await start()
  expect((await post(gateway, { rows: [] })).json()).toMatchObject({ predictions: [] })
})

test.for([
  { why: 'null', body: { wind: null, sky: 'sun' }, status: 422, loc: ['body', 'wind'], msg: 'must not be null' },
  {
    why: 'text for a number',
    body: { wind: '1', sky: 'sun' },
    status: 422,
    loc: ['body', 'wind'],
    msg: 'must be a number, got the string "1"',
  },
  { why: 'NaN, which is not JSON', body: '{"wind":NaN,"sky":"sun"}', status: 422, loc: ['body', 'wind'], msg: 'must be a finite number' },
  { why: '-Infinity', body: '{"wind":-Infinity,"sky":"sun"}', status: 422, loc: ['body', 'wind'], msg: 'must be a finite number' },
  {
    why: 'a missing field in the second row',
    body: { rows: [{ wind: 1, sky: 'sun' }, { sky: 'sun' }] },
    status: 422,
    loc: ['body', 'rows', 1, 'wind'],
    msg: 'is missing',
  },
  {
    why: 'an unknown field',
    body: { wind: 1, sky: 'sun', gust: 2 },
    status: 422,
    loc: ['body', 'gust'],
    msg: 'is not a feature of the model',
  },
  { why: 'a row that is a list', body: { rows: [[1, 'sun']] }, status: 422, loc: ['body', 'rows', 0], msg: 'must be an object' },
])('$why is refused with row, field and reason', async ({ body, status, loc, msg }) => {
  const gateway = await start()
  const reply = await post(gateway, body)
  expect(reply.statusCode).toBe(status)
  expect(reply.json()).toMatchObject({ code: 'MW_INPUT_INVALID', detail: [{ loc, msg: expect.stringContaining(msg) }] })
  expect(gateway.model.calls).toEqual([])
})

test.for([
  { why: 'broken JSON', body: '{"wind":', status: 422, code: 'MW_BODY_INVALID' },
  { why: 'the word NaN inside a string stays text', body: '{"wind":"NaN","sky":"sun"}', status: 422, code: 'MW_INPUT_INVALID' },
  { why: 'an empty body', body: '', status: 422, code: 'MW_BODY_INVALID', error: 'the body must be an object, got nothing' },
  { why: 'a list', body: '[1]', status: 422, code: 'MW_BODY_INVALID' },
  { why: 'rows beside features', body: { rows: [], wind: 1 }, status: 422, code: 'MW_BODY_INVALID' },
  { why: 'rows that are no list', body: { rows: 3 }, status: 422, code: 'MW_BODY_INVALID' },
  { why: 'too many rows', body: { rows: new Array(11).fill({ wind: 1, sky: 'sun' }) }, status: 422, code: 'MW_BODY_INVALID' },
  { why: 'a body too large', body: `{"wind":1,"sky":"${'x'.repeat(3000)}"}`, status: 413, code: 'MW_BODY_TOO_LARGE' },
  { why: 'a prototype in disguise', body: '{"wind":1,"sky":"sun","__proto__":{"a":1}}', status: 422, code: 'MW_INPUT_INVALID' },
])('$why: $code', async ({ body, status, code, error = '' }) => {
  const reply = await post(await start({ rows_max: 10, body_bytes_max: 2048 }), body)
  expect([reply.statusCode, reply.json().code]).toEqual([status, code])
  expect(reply.json().error).toContain(error)
  expect(reply.json().hint).not.toBe('')
})

test('another content type, another model and another address are named', async () => {
  const gateway = await start()
  const text = await gateway.app.inject({
    method: 'POST',
    url: '/v1/models/demo/predict',
    headers: { 'content-type': 'text/plain' },
    payload: 'x',
  })
  expect([text.statusCode, text.json().code]).toEqual([415, 'MW_BODY_TYPE'])
  const other = await post(gateway, {}, 'predict', 'dmo')
  expect([other.statusCode, other.json().error]).toEqual([404, 'no model dmo is served here; there is demo'])
  expect((await gateway.app.inject('/v1/nothing')).json().code).toBe('MW_ROUTE_UNKNOWN')
})

test('requests that wait together share a call, and each gets its own rows', async () => {
  const gateway = await start()
  gateway.model.hold()
  const first = post(gateway, { wind: 1, sky: 'sun' })
  await expect.poll(() => gateway.model.calls).toEqual([1])
  const more = [2, 3, 4].map((wind) =>
    post(gateway, {
      rows: [
        { wind, sky: 'sun' },
        { wind: wind + 20, sky: 'rain' },
      ],
    }),
  )
  await expect.poll(() => series(gateway, 'modelwatch_rows_waiting')).toBe('6')
  gateway.model.release()
  expect((await first).json().outputs).toEqual({ warmth: 2 })
  const answers = (await Promise.all(more)).map((reply) =>
    reply.json<{ predictions: { outputs: { warmth: number } }[] }>().predictions.map(({ outputs }) => outputs.warmth),
  )
  expect(answers).toEqual([
    [4, 44],
    [6, 46],
    [8, 48],
  ])
})

test('a row on which the model fails does not fail its neighbours', async () => {
  const gateway = await start()
  gateway.model.hold()
  const first = post(gateway, { wind: 1, sky: 'sun' })
  await expect.poll(() => gateway.model.calls).toEqual([1])
  const replies = [2, FAILING_WIND, 4].map((wind) => post(gateway, { wind, sky: 'sun' }))
  await expect.poll(() => series(gateway, 'modelwatch_rows_waiting')).toBe('3')
  gateway.model.release()
  await first
  const [two, failed, four] = await Promise.all(replies)
  expect([two!.statusCode, failed!.statusCode, four!.statusCode]).toEqual([200, 500, 200])
  expect(failed!.json()).toMatchObject({ code: 'MW_MODEL_FAILED', error: 'the model failed on this input: scripted failure' })
  expect(gateway.errors).toHaveLength(1)
  expect(series(gateway, 'modelwatch_batches_total{model="demo",revision="v1",reason="retried"}')).toBe('3')
})

test('too many waiting rows are turned away at once, and told when to come back', async () => {
  const gateway = await start({ rows_waiting_max: 2 })
  gateway.model.hold()
  const running = post(gateway, { wind: 1, sky: 'sun' })
  await expect.poll(() => gateway.model.calls).toEqual([1])
  const waiting = post(gateway, {
    rows: [
      { wind: 1, sky: 'sun' },
      { wind: 2, sky: 'sun' },
    ],
  })
  await expect.poll(() => series(gateway, 'modelwatch_rows_waiting')).toBe('2')
  const refused = await post(gateway, { wind: 3, sky: 'sun' })
  expect([refused.statusCode, refused.headers['retry-after'], refused.json().code]).toEqual([503, '1', 'MW_GATEWAY_BUSY'])
  gateway.model.release()
  expect((await running).statusCode).toBe(200)
  expect((await waiting).statusCode).toBe(200)
})

test('a request larger than a batch is run in pieces', async () => {
  const gateway = await start({ batch_rows_max: 4 })
  const reply = await post(gateway, { rows: Array.from({ length: 10 }, (_, i) => ({ wind: i, sky: 'sun' })) })
  expect(gateway.model.calls).toEqual([4, 4, 2])
  expect(reply.json<{ predictions: { outputs: { warmth: number } }[] }>().predictions.map(({ outputs }) => outputs.warmth)).toEqual(
    Array.from({ length: 10 }, (_, i) => i * 2),
  )
})

test('an output that is not a number is null on the wire and counted', async () => {
  const gateway = await start()
  expect((await post(gateway, { wind: NAN_WIND, sky: 'sun' })).json().outputs).toEqual({ warmth: null })
  expect(series(gateway, 'modelwatch_value_bin_total{model="demo",revision="v1",role="output",name="warmth",bin="nan"}')).toBe('1')
})

test('every request is counted by its code, and refused values by their bin and rule', async () => {
  const gateway = await start()
  const url = await gateway.app.listen({ port: 0, host: '127.0.0.1' })
  for (const wind of [3, '3']) {
    const body = JSON.stringify({ wind, sky: 'sun' })
    await fetch(`${url}/v1/models/demo/predict`, { method: 'POST', headers: { 'content-type': 'application/json' }, body })
  }
  await expect.poll(() => series(gateway, 'modelwatch_requests_total{model="demo",revision="v1",api="predict",code="422"}')).toBe('1')
  expect(series(gateway, 'modelwatch_requests_total{model="demo",revision="v1",api="predict",code="200"}')).toBe('1')
  expect(series(gateway, 'modelwatch_request_duration_seconds_count{model="demo",revision="v1",api="predict"}')).toBe('2')
  expect(series(gateway, 'modelwatch_requests_in_flight{model="demo",revision="v1"}')).toBe('0')
  expect(series(gateway, 'modelwatch_value_bin_total{model="demo",revision="v1",role="input",name="wind",bin="invalid"}')).toBe('1')
  expect(series(gateway, 'modelwatch_violations_total{model="demo",revision="v1",name="wind",rule="type"}')).toBe('1')
})

test('labels are joined to their predictions, one or many, and the answer says what became of each', async () => {
  const gateway = await start()
  const { prediction_id } = (await post(gateway, { wind: 3, sky: 'sun' })).json<{ prediction_id: string }>()
  gateway.nowMs += 5000
  const label = { prediction_id, actual: { warmth: 7 } }
  expect((await post(gateway, label, 'labels')).json()).toEqual({
    model: 'demo',
    outcomes: { matched: 1 },
    results: [{ prediction_id, outcome: 'matched' }],
  })
  const again = await post(gateway, { labels: [label, { prediction_id: 'nobody', actual: { warmth: 1 } }] }, 'labels')
  expect(again.json().outcomes).toEqual({ duplicate: 1, orphan: 1 })
  expect(series(gateway, 'modelwatch_error_abs_total')).toBe('1')
})

const actual = { warmth: 7 }
test.for([
  {
    why: 'text for a number',
    body: { prediction_id: 'a', actual: { warmth: '7' } },
    loc: ['body', 'actual', 'warmth'],
    msg: 'must be a finite number',
  },
  { why: 'NaN', body: '{"prediction_id":"a","actual":{"warmth":NaN}}', loc: ['body', 'actual', 'warmth'], msg: 'must be a finite number' },
  {
    why: 'an outcome that is no measurement',
    body: { prediction_id: 'a', actual: { warmth: 1e200 } },
    loc: ['body', 'actual', 'warmth'],
    msg: 'must lie between',
  },
  {
    why: 'an output the model lacks',
    body: { prediction_id: 'a', actual: { wrmth: 7 } },
    loc: ['body', 'actual', 'wrmth'],
    msg: 'those are warmth',
  },
  { why: 'no outcome', body: { prediction_id: 'a', actual: {} }, loc: ['body', 'actual'], msg: 'holds no outcome' },
  { why: 'no id', body: { actual }, loc: ['body', 'prediction_id'], msg: 'is missing' },
  { why: 'an unknown key', body: { prediction_id: 'a', actual, note: 'x' }, loc: ['body', 'note'], msg: 'is not a field of a label' },
  {
    why: 'one of many',
    body: {
      labels: [
        { prediction_id: 'a', actual },
        { prediction_id: 'b', actual: { warmth: null } },
      ],
    },
    loc: ['body', 'labels', 1, 'actual', 'warmth'],
    msg: 'finite',
  },
])('a label with $why is refused by place and reason, and nothing is joined', async ({ body, loc, msg }) => {
  const gateway = await start()
  const reply = await post(gateway, body, 'labels')
  expect([reply.statusCode, reply.json().code]).toEqual([422, 'MW_INPUT_INVALID'])
  expect(reply.json().detail[0]).toMatchObject({ loc, msg: expect.stringContaining(msg) })
  expect(series(gateway, 'modelwatch_labels_total{model="demo",revision="v1",outcome="orphan"}')).toBe('0')
})

test.for(['[]', '3', '{"labels":{}}'])('%s is no labels request', async (body) => {
  const reply = await post(await start(), body, 'labels')
  expect([reply.statusCode, reply.json().code]).toEqual([422, 'MW_BODY_INVALID'])
})

test('health, models, metrics and the API page answer', async () => {
  const { app } = await start()
  expect((await app.inject('/health/live')).json()).toEqual({ status: 'live' })
  expect((await app.inject('/health/ready')).json()).toEqual({ status: 'ready', models: [{ name: 'demo', revisions: ['v1'] }] })
  expect((await app.inject('/v1/models')).json().models[0]).toMatchObject({
    name: 'demo',
    revisions: [{ name: 'v1', percent: 100, tags: [], watched: true }],
  })
  expect((await app.inject('/metrics')).headers['content-type']).toContain('text/plain; version=0.0.4')
  expect((await app.inject('/docs/')).statusCode).toBe(200)
  const { paths } = (await app.inject('/docs/json')).json<{ paths: Record<string, unknown> }>()
  expect(Object.keys(paths).sort()).toEqual([
    '/health/live',
    '/health/ready',
    '/metrics',
    '/v1/models',
    '/v1/models/demo',
    '/v1/models/demo/labels',
    '/v1/models/demo/predict',
    '/v2/',
    '/v2/health/live',
    '/v2/health/ready',
    '/v2/models/demo',
    '/v2/models/demo/infer',
    '/v2/models/demo/ready',
    '/v2/repository/index',
  ])
  expect(JSON.stringify(paths)).toContain('"example":{"wind":30,"sky":"sun"}')
  expect(JSON.stringify(paths)).toContain('"wind":{"type":"number","minimum":0,"maximum":60,"description":"Unit: m/s."}')
})

test.for([
  { why: 'in the middle of its body', head: 'content-length: 100', body: '{"wind":' },
  { why: 'while its answer is made', head: 'content-length: 22', body: '{"wind":3,"sky":"sun"}' },
])('a client that goes away $why leaves nothing in flight', async ({ head, body }) => {
  const gateway = await start()
  gateway.model.hold()
  const url = new URL(await gateway.app.listen({ port: 0, host: '127.0.0.1' }))
  const socket = connect(Number(url.port), url.hostname)
  socket.write(`POST /v1/models/demo/predict HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n${head}\r\n\r\n${body}`)
  await expect.poll(() => series(gateway, 'modelwatch_requests_in_flight')).toBe('1')
  socket.destroy()
  gateway.model.release()
  await expect.poll(() => series(gateway, 'modelwatch_requests_in_flight')).toBe('0')
})

test('what is under way when the models are closed is answered first', async () => {
  const gateway = await start()
  gateway.model.hold()
  const running = post(gateway, { wind: 1, sky: 'sun' })
  await expect.poll(() => gateway.model.calls).toEqual([1])
  const waiting = post(gateway, { wind: 2, sky: 'sun' })
  await expect.poll(() => series(gateway, 'modelwatch_rows_waiting')).toBe('1')
  let closed = false
  const closing = gateway.host.close().then(() => {
    closed = true
  })
  gateway.model.release()
  expect([(await running).statusCode, (await waiting).statusCode]).toEqual([200, 200])
  await closing
  expect(closed).toBe(true)
})

const slowRequest =
  'POST /v1/models/demo/predict HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{"wind":'

async function dial(gateway: TestGateway) {
  const address = gateway.app.server.address() as AddressInfo | null
  const port = address?.port ?? Number(new URL(await gateway.app.listen({ port: 0, host: '127.0.0.1' })).port)
  const socket = connect(port, '127.0.0.1')
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()))
  socket.resume() // What the gateway says last is read, or the socket would never be seen to end.
  socket.on('error', () => {}) // A connection that is cut off is what these tests are about.
  return { socket, closed }
}

test('a client that never finishes its request is cut off', async () => {
  const gateway = await start({ request_timeout: '300ms' })
  const { socket, closed } = await dial(gateway)
  socket.write(slowRequest)
  await closed
  await expect.poll(() => series(gateway, 'modelwatch_requests_in_flight')).toBe('0')
})

test('a client that never finishes its request does not hold up the stop', async () => {
  const gateway = await start({ stop_timeout: '200ms' })
  const { socket, closed } = await dial(gateway)
  socket.write(slowRequest)
  await expect.poll(() => series(gateway, 'modelwatch_requests_in_flight')).toBe('1')
  await gateway.app.close()
  await closed
})

test('a connection that its client would keep does not hold up the stop once its request is answered', async () => {
  const gateway = await start({ stop_timeout: '1h' })
  gateway.model.hold()
  const { socket, closed } = await dial(gateway)
  let answer = ''
  socket.on('data', (data) => {
    answer += String(data)
  })
  socket.write(slowRequest.replace('100', '22').replace('{"wind":', '{"wind":1,"sky":"sun"}'))
  await expect.poll(() => gateway.model.calls).toEqual([1])
  const closing = gateway.app.close()
  gateway.model.release()
  await closing
  await closed
  expect(answer).toMatch(/^HTTP\/1\.1 200 /)
})

test('connections past the limit are closed, and counted', async () => {
  const gateway = await start({ connections_max: 1 })
  const first = await dial(gateway)
  await new Promise((resolve) => first.socket.once('connect', resolve))
  const second = await dial(gateway)
  await second.closed
  expect(series(gateway, 'modelwatch_connections_refused_total')).toBe('1')
  first.socket.destroy()
})

test.for(['/v1/models/demo/predict%zz', `/v2/models/demo/versions/${'v'.repeat(129)}`])(
  'the malformed address %s is answered in the form of every error',
  async (url) => {
    const reply = await (await start()).app.inject(url)
    expect([reply.statusCode, reply.json().code]).toEqual([404, 'MW_ROUTE_UNKNOWN'])
  },
)

test.for([
  ['predict', '{"rows":[],"KEY":1}'],
  ['labels', '{"KEY":1}'],
] as const)('%s does not send a long name back', async ([route, body]) => {
  const { app } = await start()
  const payload = body.replace('KEY', 'k'.repeat(100_000))
  const reply = await app.inject({
    method: 'POST',
    url: `/v1/models/demo/${route}`,
    headers: { 'content-type': 'application/json' },
    payload,
  })
  expect(reply.statusCode).toBe(422)
  expect(reply.body.length).toBeLessThan(1500)
})

test('nesting, however deep, is refused by its kind', async () => {
  const reply = await post(await start(), `{"wind":${'['.repeat(100_000)}${']'.repeat(100_000)},"sky":"sun"}`)
  expect([reply.statusCode, reply.json().error]).toEqual([422, 'wind must be a number, got a list of 1'])
})

test('a body made of unknown fields is refused without reading them all', async () => {
  const fields = Array.from({ length: 50_000 }, (_, i) => `"f${i}":1`).join(',')
  const reply = await post(await start(), `{"wind":1,"sky":"sun",${fields}}`)
  expect(reply.statusCode).toBe(422)
  expect(reply.json().detail).toHaveLength(100)
})
