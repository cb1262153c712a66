import { connect } from 'node:net'
import { expect, test } from 'vitest'
import { type TaskGateway, useTaskGateway } from './testing.ts'

let { app, queue, registry, submit } = {} as TaskGateway
const reopen = useTaskGateway((gateway) => {
  ;({ app, queue, registry, submit } = gateway)
})

const png = Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex')
function toForm(parts: Record<string, string | Blob>): FormData {
  const data = new FormData()
  for (const [name, value] of Object.entries(parts)) data.append(name, value)
  return data
}

async function sendForm(parts: Record<string, string | Blob>): Promise<Response> {
  if (!app.server.listening) await app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = app.server.address() as { port: number }
  return fetch(`http://127.0.0.1:${port}/v1/models/pictures/tasks`, { method: 'POST', body: toForm(parts) })
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

test.for([
  { why: 'as its head says', length: 'content-length: 9000000000', body: '' },
  { why: 'as is seen while it comes', length: 'transfer-encoding: chunked', body: `ffffff\r\n--b\r\n${'x'.repeat(20_000)}` },
  {
    why: 'in the middle of a file',
    length: 'transfer-encoding: chunked',
    body: `ffffff\r\n--b\r\ncontent-disposition: form-data; name="photo"; filename="p"\r\n\r\n${'x'.repeat(20_000)}`,
  },
])('a form that is too large, $why, is refused there and then, and its connection closed', async ({ length, body }) => {
  await reopen({}, {}, { body_bytes_max: 10_000 })
  await app.listen({ port: 0, host: '127.0.0.1' })
  const socket = connect((app.server.address() as { port: number }).port, '127.0.0.1')
  let text = ''
  socket.setEncoding('utf8').on('data', (part: string) => {
    text += part
  })
  const closed = new Promise((resolve) => socket.once('close', resolve))
  const head = `host: x\r\ncontent-type: multipart/form-data; boundary=b\r\n${length}`
  socket.write(`POST /v1/models/pictures/tasks HTTP/1.1\r\n${head}\r\n\r\n${body}`)
  await closed // The form has not ended, and never does.
  expect(text).toMatch(/^HTTP\/1\.1 413 /)
  expect(text).toContain('the form has more than 10000 bytes')
  await expect.poll(() => registry.render()).toContain('modelwatch_requests_total{model="pictures",revision="v1",api="tasks",code="413"} 1')
})

test('what is left of a form that is refused in its middle is passed over, and the connection goes on', async () => {
  await app.listen({ port: 0, host: '127.0.0.1' })
  const socket = connect((app.server.address() as { port: number }).port, '127.0.0.1')
  let text = ''
  socket.setEncoding('utf8').on('data', (part: string) => {
    text += part
  })
  const field = '--b\r\ncontent-disposition: form-data; name="size"\r\n\r\n2\r\n'
  const file = `--b\r\ncontent-disposition: form-data; name="photo"; filename="p"\r\n\r\n${'x'.repeat(500_000)}\r\n--b--\r\n`
  const length = 2 * field.length + file.length
  const head = `host: x\r\ncontent-type: multipart/form-data; boundary=b\r\ncontent-length: ${length}`
  socket.write(`POST /v1/models/pictures/tasks HTTP/1.1\r\n${head}\r\n\r\n${field}${field}`)
  socket.write(`${file}GET /health/live HTTP/1.1\r\nhost: x\r\n\r\n`)
  await expect.poll(() => [...text.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => status)).toEqual(['422', '200'])
  socket.destroy()
})

test('a form is one however its type is written', async () => {
  const payload = ['--b', 'content-disposition: form-data; name="size"', '', '2', '--b--', ''].join('\r\n')
  const reply = await submit({
    url: '/v1/models/pictures/tasks',
    headers: { 'content-type': 'Multipart/Form-Data; boundary=b' },
    payload,
  })
  expect([reply.statusCode, reply.json().error]).toEqual([422, 'photo is missing'])
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
