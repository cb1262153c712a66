import { Readable } from 'node:stream'
import { gunzipSync } from 'node:zlib'
import Fastify from 'fastify'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { acceptsGzip, compressAnswers } from './compress.ts'

test.for([
  { header: undefined, want: false },
  { header: '', want: false },
  { header: 'gzip', want: true },
  { header: 'deflate, GZIP ;q=0.5', want: true },
  { header: 'br;q=1, gzip;q=0', want: false },
  { header: '*', want: true },
  { header: '*;q=0, gzip', want: true },
  { header: 'identity', want: false },
])('accept-encoding $header: $want', ({ header, want }) => expect(acceptsGzip(header)).toBe(want))

const long = JSON.stringify(Array.from({ length: 1000 }, (_, i) => i))
const app = Fastify()
beforeAll(async () => {
  compressAnswers(app)
  app.get('/long', async (_, reply) => reply.type('application/json').send(long))
  app.get('/short', async (_, reply) => reply.type('application/json').send('{}'))
  app.get('/stream', async (_, reply) => reply.type('application/json').send(Readable.from([Buffer.from(long), Buffer.from(long)])))
  await app.ready()
})
afterAll(() => app.close())

test.for([
  { url: '/long', accept: 'gzip', packed: true, want: long },
  { url: '/long', accept: 'identity', packed: false, want: long },
  { url: '/short', accept: 'gzip', packed: false, want: '{}' },
  { url: '/stream', accept: 'gzip', packed: true, want: long + long },
  { url: '/stream', accept: 'br', packed: false, want: long + long },
])('$url for $accept', async ({ url, accept, packed, want }) => {
  const answer = await app.inject({ url, headers: { 'accept-encoding': accept } })
  expect(answer.headers['content-encoding']).toBe(packed ? 'gzip' : undefined)
  expect((packed ? gunzipSync(answer.rawPayload) : answer.rawPayload).toString()).toBe(want)
  expect(answer.headers.vary).toBe(want === '{}' ? undefined : 'accept-encoding')
})
