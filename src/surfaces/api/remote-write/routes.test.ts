import { request as httpRequest } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { defineErrors } from '../../../core/errors.ts'
import { createMemoryStore, type SeriesStore } from '../../../plane/store/index.ts'
import { readColumns } from '../../../plane/store/testing.ts'
import { createTestApi } from '../testing.ts'
import type { RemoteWriteLimits } from './limits.ts'
import { encodeWriteRequest, snappyCompress } from './testing.ts'

const nowMs = Date.parse('2026-11-20T12:00:00Z')
const one = snappyCompress(encodeWriteRequest([{ labels: [['__name__', 'a']], samples: [[nowMs, 1]] }]))

async function start(limits: Partial<RemoteWriteLimits> & { enabled?: boolean } = {}, store: SeriesStore = createMemoryStore()) {
  const { app, api } = await createTestApi(store, { clock: { now: () => nowMs }, remoteWrite: { enabled: true, ...limits } })
  onTestFinished(() => app.close())
  const post = async (payload: Buffer, headers: Record<string, string> = {}) => {
    const { statusCode, payload: text, headers: got } = await app.inject({ method: 'POST', url: '/api/v1/write', payload, headers })
    return { status: statusCode, text, retryAfter: got['retry-after'], type: got['content-type'] }
  }
  return { app, api, post, store }
}

const usual = { 'content-type': 'application/x-protobuf', 'content-encoding': 'snappy', 'x-prometheus-remote-write-version': '0.1.0' }

test.for<{ why: string; headers: Record<string, string>; status: number; text: string }>([
  { why: 'the usual headers', headers: usual, status: 204, text: '' },
  {
    why: 'the message named',
    headers: { ...usual, 'content-type': 'application/x-protobuf;proto=prometheus.WriteRequest' },
    status: 204,
    text: '',
  },
  { why: 'no headers', headers: {}, status: 204, text: '' },
  {
    why: 'remote write 2.0',
    headers: { ...usual, 'content-type': 'application/x-protobuf;proto=io.prometheus.write.v2.Request' },
    status: 415,
    text: 'remote write 2.0 is not supported yet; send prometheus.WriteRequest\n',
  },
  {
    why: 'another message',
    headers: { ...usual, 'content-type': 'application/x-protobuf; proto=foo' },
    status: 415,
    text: 'unknown remote write protobuf message foo, supported: prometheus.WriteRequest\n',
  },
  {
    why: 'JSON',
    headers: { 'content-type': 'application/json' },
    status: 415,
    text: 'expected application/x-protobuf as the first (media) part, got application/json content-type\n',
  },
  {
    why: 'gzip',
    headers: { ...usual, 'content-encoding': 'gzip' },
    status: 415,
    text: 'gzip encoding (compression) is not accepted by this server; only snappy is acceptable\n',
  },
])('$why: $status', async ({ headers, status, text }) => {
  const { post, store } = await start()
  const answer = await post(one, headers)
  expect(answer).toMatchObject({ status, text: expect.stringContaining(text) })
  expect(await readColumns(store, [{ name: '__name__', op: '=', value: 'a' }])).toHaveLength(status === 204 ? 1 : 0)
})

test('where it is not enabled, 404 says how to enable it', async () => {
  const { post } = await start({ enabled: false })
  expect(await post(one, usual)).toMatchObject({
    status: 404,
    text: 'remote write receiver needs to be enabled with --web.enable-remote-write-receiver\n',
    type: 'text/plain; charset=utf-8',
  })
})

test('what cannot be read is 400, and what is too large 413, however it is packed', async () => {
  const { post } = await start({ bodyBytesMax: 5000, decodedBytesMax: 10_000 })
  expect(await post(Buffer.from('x'), usual)).toMatchObject({ status: 400, text: expect.stringContaining('no snappy block') })
  expect(await post(snappyCompress(Buffer.from([0x0a, 0xff])), usual)).toMatchObject({
    status: 400,
    text: expect.stringContaining('no prometheus.WriteRequest'),
  })
  expect(await post(Buffer.alloc(5001), usual)).toMatchObject({ status: 413 })
  expect(await post(snappyCompress(Buffer.alloc(20_000)), usual)).toMatchObject({
    status: 413,
    text: expect.stringContaining('unpacks to 20000 bytes'),
  })
})

test('samples that are refused are 400 by name', async () => {
  const { post, api } = await start()
  const late = snappyCompress(encodeWriteRequest([{ labels: [['__name__', 'a']], samples: [[nowMs - 1, 1]] }]))
  expect((await post(one, usual)).status).toBe(204)
  expect(await post(late, usual)).toMatchObject({
    status: 400,
    text: expect.stringMatching(/^out of order sample: a at 2026-11-20T11:59:59\.999Z/),
  })
  expect(api.stats().remoteWrite).toMatchObject({
    samples: 1,
    refused: { outOfOrder: 1 },
    requests: new Map([
      [204, 1],
      [400, 1],
    ]),
  })
})

test('a store that takes nothing asks the sender to wait', async () => {
  const errors = defineErrors({ MW_STORE_READ_ONLY: { kind: 'unavailable', retryable: true, hint: 'Make room.' } })
  const memory = createMemoryStore()
  const appender = () => ({
    append: () => 1,
    appendColumns: () => 1,
    appendStale() {},
    rollback() {},
    commit: () => Promise.reject(errors.MW_STORE_READ_ONLY('the disk is full')),
  })
  const { post } = await start({}, Object.assign(Object.create(memory) as SeriesStore, { appender }))
  expect(await post(one, usual)).toMatchObject({ status: 503, text: 'the disk is full\n', retryAfter: '5' })
})

test('no more is read at once than there is room for', async () => {
  const { app, api } = await start({ inFlightMax: 1 })
  await app.listen({ host: '127.0.0.1', port: 0 })
  const { port } = app.server.address() as AddressInfo
  const url = `http://127.0.0.1:${port}/api/v1/write`
  // A request whose body does not end holds its place.
  const slow = httpRequest(url, { method: 'POST', headers: { ...usual, 'content-length': one.length } })
  slow.on('error', () => {}) // It is cut off below.
  slow.write(one.subarray(0, 1))
  await expect.poll(() => api.stats().remoteWrite?.inFlight).toBe(1)
  const refused = await fetch(url, { method: 'POST', headers: usual, body: new Uint8Array(one) })
  expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '5'])
  slow.destroy()
  await expect.poll(() => api.stats().remoteWrite?.inFlight).toBe(0)
  expect((await fetch(url, { method: 'POST', headers: usual, body: new Uint8Array(one) })).status).toBe(204)
})
