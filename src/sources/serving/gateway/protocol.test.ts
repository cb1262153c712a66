import { request as httpRequest, type OutgoingHttpHeaders } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
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
])('a path and a header that go different ways are refused: $error', async ({ path, headers, error }) => {
  const { status, json } = await send(`/v1/models/demo/${path}/predict`, headers)
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
  { why: 'no HTTP', bytes: '\x16\x03\x01 hello\r\n\r\n', status: 400, code: 'MW_REQUEST_INVALID', error: 'no HTTP request' },
  { why: 'a chunk without a length', bytes: `${chunked}zz\r\n`, status: 400, code: 'MW_REQUEST_INVALID', error: 'no HTTP request' },
  {
    why: 'headers without end',
    bytes: `GET / HTTP/1.1\r\nhost: x\r\nx: ${'y'.repeat(20_000)}\r\n\r\n`,
    status: 431,
    code: 'MW_REQUEST_INVALID',
    error: 'the headers are larger than',
  },
])('$why is answered in the form of every error, and the connection closed', async ({ bytes, status, code, error }) => {
  const answer = await answerTo(bytes)
  expect([answer.status, answer.json.code]).toEqual([status, code])
  expect(answer.json).toEqual({ code, error: expect.stringContaining(error), hint: expect.stringMatching(/.+/), detail: [] })
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
