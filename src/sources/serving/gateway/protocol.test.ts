import { once } from 'node:events'
import { request as httpRequest, type OutgoingHttpHeaders, type ServerResponse } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { join } from 'node:path/posix'
import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createTestGateway, type TestGateway } from './testing.ts'

let gateway: TestGateway
const row = '{"wind":3,"sky":"sun"}'

async function start(...args: Parameters<typeof createTestGateway>): Promise<void> {
  gateway = await createTestGateway(...args)
  await gateway.app.listen({ port: 0, host: '127.0.0.1' })
}
beforeEach(() => start())
afterEach(async () => {
  await gateway.app.close()
  expect(gateway.errors).toEqual([])
})

const port = () => (gateway.app.server.address() as AddressInfo).port

/** By way of a socket, for only there do headers stand twice. */
function send(
  path: string,
  headers: OutgoingHttpHeaders,
  body: string | Buffer = row,
): Promise<{ status: number; json: Record<string, unknown> }> {
  return new Promise((resolve, reject) => {
    const request = httpRequest(
      { host: '127.0.0.1', port: port(), path, method: 'POST', headers: { 'content-type': 'application/json', ...headers } },
      (response) => {
        let text = ''
        response.setEncoding('utf8').on('data', (part: string) => {
          text += part
        })
        response.on('end', () => resolve({ status: response.statusCode!, json: JSON.parse(text) as Record<string, unknown> }))
      },
    )
    request.on('error', reject).end(body)
  })
}

test.for(['Modelwatch-Key', 'Modelwatch-Tag', 'Modelwatch-Revision', 'Request-Timeout'])(
  '%s twice is refused by its name',
  async (name) => {
    const { status, json } = await send('/v1/models/demo/predict', { [name]: ['1', '2'] })
    expect([status, json.code, json.error]).toEqual([422, 'MW_HEADER_INVALID', `${name.toLowerCase()} must stand once, and stands 2 times`])
  },
)

test('one key with commas in it is one key', async () => {
  expect((await send('/v1/models/demo/predict', { 'Modelwatch-Key': 'a, b' })).status).toBe(200)
})

test.for([
  {
    path: 'revisions/v1',
    headers: { 'modelwatch-revision': 'v2' },
    error: 'revision v1 in the path and modelwatch-revision: v2 in the headers',
  },
  { path: 'revisions/v1', headers: { 'modelwatch-tag': 'next' }, error: 'revision v1 in the path and modelwatch-tag: next in the headers' },
  { path: 'tags/next', headers: { 'modelwatch-revision': 'v1' }, error: 'tag next in the path and modelwatch-revision: v1 in the headers' },
  { path: 'tags/next', headers: { 'modelwatch-tag': 'prev' }, error: 'tag next in the path and modelwatch-tag: prev in the headers' },
  {
    path: '',
    headers: { 'modelwatch-tag': 'next', 'modelwatch-revision': 'v1' },
    error: 'modelwatch-tag: next in the headers and modelwatch-revision: v1 in the headers',
  },
])('two names for where to go are refused: $error', async ({ path, headers, error }) => {
  const { status, json } = await send(join('/v1/models/demo', path, 'predict'), headers)
  expect([status, json.code, json.error]).toEqual([422, 'MW_HEADER_INVALID', `both were given: ${error}`])
})

test('a header that says what the path says, or keeps a session together, is none the worse', async () => {
  const { status, json } = await send('/v1/models/demo/revisions/v1/predict', { 'modelwatch-revision': 'v1', 'modelwatch-key': 'me' })
  expect([status, json.revision]).toEqual([200, 'v1'])
})

test.for([
  { why: 'gzip', headers: { 'content-encoding': 'gzip' }, body: gzipSync(row), error: 'content-encoding "gzip"' },
  { why: 'several encodings', headers: { 'content-encoding': 'identity, br' }, body: row, error: 'content-encoding "identity, br"' },
  { why: 'Latin-1', headers: { 'content-type': 'application/json; charset=ISO-8859-1' }, body: row, error: 'charset "iso-8859-1"' },
  { why: 'UTF-16 in quotes', headers: { 'content-type': 'Application/JSON;Charset="utf-16"' }, body: row, error: 'charset "utf-16"' },
])('a body in $why is refused by that name', async ({ headers, body, error }) => {
  const { status, json } = await send('/v1/models/demo/predict', headers, body)
  expect([status, json.code]).toEqual([415, 'MW_BODY_TYPE'])
  expect(json.error).toContain(error)
})

test.for<OutgoingHttpHeaders>([
  { 'content-encoding': 'identity' },
  { 'content-type': 'application/json; charset=utf-8' },
  { 'content-type': 'application/json;charset="UTF8"' },
  { 'content-type': 'application/json; profile=x' },
])('a body with %j is taken', async (headers) => {
  expect((await send('/v1/models/demo/predict', headers)).status).toBe(200)
})

/** A connection that is kept: what has come back so far, and when it was closed. */
function dial() {
  const socket = connect(port(), '127.0.0.1')
  socket.on('error', () => {}) // A reset behind the answer.
  const closed = new Promise((resolve) => socket.once('close', resolve))
  const seen = { text: '' }
  socket.setEncoding('utf8').on('data', (part: string) => {
    seen.text += part
  })
  return { socket, closed, statuses: () => [...seen.text.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => Number(status)), seen }
}

const head = (headers: string) => `POST /v1/models/demo/predict HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n${headers}\r\n\r\n`
const whole = `${head(`content-length: ${row.length}`)}${row}`

/** What comes back for these bytes, until the connection is closed. */
async function answerTo(bytes: string): Promise<{ status: number; headers: string; json: Record<string, unknown> }> {
  const socket = connect(port(), '127.0.0.1')
  socket.on('error', () => {}) // A reset behind the answer.
  const closed = new Promise((resolve) => socket.once('close', resolve))
  let text = ''
  socket.setEncoding('utf8').on('data', (part: string) => {
    text += part
  })
  socket.write(bytes)
  await closed
  const [headers, body] = text.split('\r\n\r\n') as [string, string]
  return { status: Number(headers.split(' ')[1]), headers: headers.toLowerCase(), json: JSON.parse(body) as Record<string, unknown> }
}

const chunked = 'POST /v1/models/demo/predict HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n'
test.for([
  {
    why: 'no HTTP',
    bytes: '\x16\x03\x01 hello\r\n\r\n',
    status: 400,
    code: 'MW_REQUEST_INVALID',
    error: 'no HTTP request',
    hint: 'Send HTTP/1.1',
  },
  {
    why: 'a chunk without a length',
    bytes: `${chunked}zz\r\n`,
    status: 400,
    code: 'MW_REQUEST_INVALID',
    error: 'no HTTP request',
    hint: 'Send HTTP/1.1',
  },
  {
    why: 'headers without end',
    bytes: `GET / HTTP/1.1\r\nhost: x\r\nx: ${'y'.repeat(20_000)}\r\n\r\n`,
    status: 431,
    code: 'MW_REQUEST_INVALID',
    error: 'the headers are larger than',
    hint: 'Send fewer headers',
  },
])('$why is answered in the form of every error, and the connection closed', async ({ bytes, status, code, error, hint }) => {
  const answer = await answerTo(bytes)
  expect([answer.status, answer.json.code]).toEqual([status, code])
  expect(answer.json).toEqual({ code, error: expect.stringContaining(error), hint: expect.stringContaining(hint), detail: [] })
  expect(answer.headers).toContain('connection: close')
  expect(answer.headers).toContain('content-type: application/json; charset=utf-8')
  expect((await send('/v1/models/demo/predict', {})).status).toBe(200)
})

test('a request that does not arrive in time is answered 408', async () => {
  await gateway.app.close()
  await start({ request_timeout: '200ms' })
  const answer = await answerTo(
    'POST /v1/models/demo/predict HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 10\r\n\r\n',
  )
  expect([answer.status, answer.json.code]).toEqual([408, 'MW_REQUEST_SLOW'])
})

test('what breaks behind a request that waits is not told as its answer', async () => {
  gateway.model.hold()
  const { socket, closed, seen } = dial()
  socket.write(whole)
  await expect.poll(() => gateway.model.calls).toEqual([1])
  socket.write('no HTTP\r\n\r\n')
  await closed
  expect(seen.text).toBe('')
  gateway.model.release()
})

test('what breaks behind a request whose answer has begun does not run into that answer', async () => {
  const { app } = gateway
  app.server.removeAllListeners('request') // An answer that stays half written stands for a stream of events.
  const begun = new Promise<void>((resolve) => {
    app.server.once('request', (_request, response) => {
      response.writeHead(200, { 'content-length': 5 })
      response.write('he', () => resolve())
    })
  })
  const socket = connect(port(), '127.0.0.1')
  socket.on('error', () => {})
  let text = ''
  socket.setEncoding('utf8').on('data', (part: string) => {
    text += part
  })
  const closed = new Promise((resolve) => socket.once('close', resolve))
  socket.write('GET /nowhere HTTP/1.1\r\nhost: x\r\n\r\n')
  await begun
  socket.write('no HTTP\r\n\r\n')
  await closed
  expect(text.endsWith('\r\n\r\nhe')).toBe(true)
})

test.for(['predict', 'labels'])('of %s, a body that is read and is no JSON costs its request, not the connection', async (api) => {
  const { socket, seen, statuses } = dial()
  socket.write(`${head('content-length: 8').replace('predict', api)}{"wind":${whole}`)
  await expect.poll(statuses).toEqual([422, 200])
  expect(seen.text.toLowerCase()).not.toContain('connection: close')
  socket.destroy()
})

test('a body refused before it arrived is passed over, and the connection goes on, where it is no larger than a body may be', async () => {
  const { socket, statuses } = dial()
  socket.write(head('content-encoding: gzip\r\ncontent-length: 100000'))
  await expect.poll(statuses).toEqual([415])
  socket.write('x'.repeat(100_000))
  socket.write(whole)
  await expect.poll(statuses).toEqual([415, 200])
  socket.destroy()
})

test.for([
  { why: 'larger than a body may be', headers: 'content-length: 9000000000' },
  { why: 'of a length that nobody told', headers: 'transfer-encoding: chunked' },
])('a body refused before it arrived, $why, costs the connection at once', async ({ headers }) => {
  const { closed, socket, seen, statuses } = dial()
  socket.write(head(`content-encoding: gzip\r\n${headers}`))
  await closed
  expect(statuses()).toEqual([415])
  expect(seen.text.toLowerCase()).toContain('connection: close')
})

test('a refused body that never comes is not waited for longer than a request, and its request not answered twice', async () => {
  await gateway.app.close()
  await start({ request_timeout: '200ms' })
  const { closed, socket, statuses } = dial()
  socket.write(head('content-encoding: gzip\r\ncontent-length: 1000'))
  await closed
  expect(statuses()).toEqual([415])
})

test('an address that is none is told, whatever the body', async () => {
  const { status, json } = await send('/v1/models/dmo/predict', {}, '{')
  expect([status, json.code]).toEqual([404, 'MW_MODEL_UNKNOWN'])
})

test('an answer that stands behind another of its connection holds no revision', async () => {
  gateway.model.hold()
  const inFlight = () => /modelwatch_requests_in_flight\{.*\} (\d+)/.exec(gateway.registry.render())?.[1]
  const { socket, statuses } = dial()
  socket.write(whole)
  await expect.poll(() => gateway.model.calls).toEqual([1])
  const arrived = once(gateway.app.server, 'request') as Promise<[unknown, ServerResponse]>
  socket.write(`${head('content-length: 1')}{`)
  const [, second] = await arrived
  await expect.poll(() => second.writableEnded).toBe(true)
  expect([inFlight(), statuses()]).toEqual(['1', []])
  gateway.model.release()
  await expect.poll(statuses).toEqual([200, 422])
  socket.destroy()
})

test('a fault of ours says where its cause stands', async () => {
  const { errors } = gateway
  const fault = new Error('a bug')
  gateway.served.choose = () => {
    throw fault
  }
  const { status, json } = await send('/v1/models/demo/predict', {})
  expect([status, json]).toEqual([
    500,
    { code: 'MW_INTERNAL', error: expect.stringContaining('wrote the cause to its log'), hint: expect.stringMatching(/.+/), detail: [] },
  ])
  expect(errors.splice(0)).toEqual([fault])
})

test('a client that still sends when its body is refused is told why, however it sends', async () => {
  await gateway.app.close()
  await start({ body_bytes_max: 10_000 })
  const body = new Uint8Array(3_000_000)
  for (const stream of [false, true]) {
    const reply = await fetch(`http://127.0.0.1:${port()}/v1/models/demo/predict`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      ...(stream ? { body: new Blob([body]).stream(), duplex: 'half' as const } : { body }),
    })
    expect([reply.status, ((await reply.json()) as { code: string }).code]).toEqual([413, 'MW_BODY_TOO_LARGE'])
  }
})

test('a client that goes on sending behind its refusal is cut off', async () => {
  const socket = connect({ port: port(), host: '127.0.0.1', allowHalfOpen: true })
  socket.on('error', () => {})
  const closed = new Promise((resolve) => socket.once('close', resolve))
  const chunk = Buffer.from(`10000\r\n${'x'.repeat(0x10000)}\r\n`)
  const send = () => {
    while (socket.writable && socket.write(chunk));
  }
  socket.resume().on('drain', send)
  socket.write(head('content-encoding: gzip\r\ntransfer-encoding: chunked'))
  send()
  await closed
})

test('a client that neither sends nor closes behind its refusal is closed', async () => {
  const socket = connect({ port: port(), host: '127.0.0.1', allowHalfOpen: true })
  socket.on('error', () => {})
  const ended = once(socket.resume(), 'end')
  socket.write(head('content-encoding: gzip\r\ntransfer-encoding: chunked'))
  await ended
  await expect
    .poll(() => new Promise((resolve) => gateway.app.server.getConnections((_, count) => resolve(count))), { timeout: 5000 })
    .toBe(0)
  socket.destroy()
})

test('what comes when the stop has begun is turned away in the form of every error; what was under way is answered', async () => {
  gateway.model.hold()
  const { socket, seen, closed, statuses } = dial()
  socket.write(whole)
  await expect.poll(() => gateway.model.calls).toEqual([1])
  const closing = gateway.app.close()
  const arrived = once(gateway.app.server, 'request') as Promise<[unknown, ServerResponse]>
  socket.write(whole)
  const [, second] = await arrived
  await expect.poll(() => second.writableEnded).toBe(true)
  gateway.model.release()
  await Promise.all([closed, closing])
  expect(statuses()).toEqual([200, 503])
  expect(seen.text).toContain('"code":"MW_GATEWAY_STOPPING"')
  expect(seen.text).toContain('retry-after: 1')
})
