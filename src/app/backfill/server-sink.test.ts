import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { fromLabels, toLabels } from '../../core/labels.ts'
import { createMemoryStore } from '../../plane/store/index.ts'
import { readColumns } from '../../plane/store/testing.ts'
import { createTestApi } from '../../surfaces/api/testing.ts'
import type { BackfillSeries } from './contract.ts'
import { ServerSink, toWriteUrl } from './server-sink.ts'

const closing: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0)) await close()
})

const never = new AbortController().signal
const series = (labels: Record<string, string>): BackfillSeries => ({ labels: toLabels(labels), ref: 0 })

/** A server of ours over a store in memory. */
async function startPlane(outOfOrderWindowMs = 0) {
  const store = createMemoryStore({ outOfOrderWindowMs })
  const { app } = await createTestApi(store, { clock: { now: () => Date.now() }, remoteWrite: { enabled: true } })
  closing.push(() => app.close())
  return { store, url: await app.listen({ port: 0, host: '127.0.0.1' }) }
}

/** A server that answers as it is told, one answer after the other, the last one for ever. */
async function startScripted(...answers: { status: number; text?: string; retryAfter?: string }[]) {
  const bodies: Buffer[] = []
  const headers: NodeJS.Dict<string | string[]>[] = []
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const { status, text = '', retryAfter } = answers[Math.min(bodies.length, answers.length - 1)]!
      bodies.push(Buffer.concat(chunks))
      headers.push({ ...request.headers, path: request.url })
      response.writeHead(status, retryAfter === undefined ? {} : { 'retry-after': retryAfter }).end(text)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  closing.push(() => new Promise((resolve) => server.close(resolve)))
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, bodies, headers }
}

/** A sink that does not wait, but notes how long it would have. */
function sinkFor(url: string) {
  const pauses: number[] = []
  const sink = new ServerSink(toWriteUrl(url)!, never, { pause: async (ms) => void pauses.push(ms) })
  return { sink, pauses }
}

test('what is sent is what a server of ours keeps, whatever the values', async () => {
  const { store, url } = await startPlane()
  const { sink } = sinkFor(url)
  const values = [0, -0, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 5e-324, -1.7976931348623157e308]
  const [plain, long] = [series({ __name__: 'a' }), series({ __name__: 'b', é: 'x'.repeat(300) })]
  values.forEach((value, i) => {
    sink.add(plain, i * 1000, value)
    sink.add(long, 1_700_000_000_000 + i, -value)
  })
  await sink.flush()
  sink.add(plain, 1_700_000_000_000, 7) // The handle is good again after a flush.
  const outcome = await sink.close()
  expect(outcome).toMatchObject({ kind: 'server', requests: 2, retries: 0, refusedRequests: 0, firstRefusal: undefined })
  const kept = await readColumns(store, [{ name: '__name__', op: '=~', value: '.+' }])
  const byName = new Map(kept.map((one) => [fromLabels(one.labels).__name__, one]))
  expect([...byName.get('a')!.timesMs]).toEqual([...values.map((_, i) => i * 1000), 1_700_000_000_000])
  expect([...byName.get('a')!.values]).toEqual([...values, 7])
  expect([...byName.get('b')!.values]).toEqual(values.map((value) => -value))
  expect(fromLabels(byName.get('b')!.labels)).toEqual({ __name__: 'b', é: 'x'.repeat(300) })
})

test('times before 1970, and a request of many literals', async () => {
  const { store, url } = await startPlane(Number.MAX_SAFE_INTEGER)
  const { sink } = sinkFor(url)
  const a = series({ __name__: 'a' })
  for (let i = 0; i < 9000; i++) sink.add(a, i - 8000, i)
  await sink.close()
  const [kept] = await readColumns(store, [{ name: '__name__', op: '=', value: 'a' }])
  expect(kept!.timesMs.length).toBe(9000)
  expect([kept!.timesMs[0], kept!.values[8999]]).toEqual([-8000, 8999])
})

test('within a request a series goes in the order of time', async () => {
  const { store, url } = await startPlane() // It takes nothing out of order.
  const { sink } = sinkFor(url)
  const a = series({ __name__: 'a' })
  for (const timeMs of [3000, 1000, 2000]) sink.add(a, timeMs, timeMs)
  expect(await sink.close()).toMatchObject({ refusedRequests: 0 })
  expect([...(await readColumns(store, [{ name: '__name__', op: '=', value: 'a' }]))[0]!.timesMs]).toEqual([1000, 2000, 3000])
})

test('what the server refuses is counted and named, and the rest goes on', async () => {
  const { url } = await startPlane()
  const { sink } = sinkFor(url)
  const a = series({ __name__: 'a', job: 'j' })
  for (const timeMs of [10_000, 5000, 20_000]) {
    sink.add(a, timeMs, 1)
    await sink.flush()
  }
  const outcome = await sink.close()
  expect(outcome).toMatchObject({ requests: 3, refusedRequests: 1, refusedSamplesMax: 1 })
  expect(outcome).toHaveProperty('firstRefusal', expect.stringMatching(/^400 .*a\{job="j"\} at 1970-01-01T00:00:05/))
})

test('a server that refuses everything is not asked for ever', async () => {
  const { url, bodies } = await startScripted({ status: 400, text: 'too old sample' })
  const { sink } = sinkFor(url)
  const a = series({ __name__: 'a' })
  const sending = (async () => {
    for (let i = 0; i < 100; i++) {
      sink.add(a, i, 1)
      await sink.flush()
    }
  })()
  await expect(sending).rejects.toThrow(
    expect.objectContaining({ code: 'MW_BACKFILL_REFUSED', message: expect.stringContaining('too old sample') }),
  )
  expect(bodies.length).toBe(10)
  await sink.close()
})

test('a server that is busy is asked again, later each time, or when it says', async () => {
  const answers = [{ status: 503 }, { status: 429, retryAfter: '3' }, { status: 500 }, { status: 204 }]
  const { url, bodies, headers } = await startScripted(...answers)
  const { sink, pauses } = sinkFor(`${url}/`)
  sink.add(series({ __name__: 'a' }), 1, 1)
  expect(await sink.close()).toMatchObject({ requests: 1, retries: 3, refusedRequests: 0 })
  expect(pauses).toEqual([250, 3000, 1000])
  expect(bodies.every((body) => body.equals(bodies[0]!))).toBe(true)
  expect(headers[0]).toMatchObject({
    path: '/api/v1/write',
    'content-type': 'application/x-protobuf',
    'content-encoding': 'snappy',
    'x-prometheus-remote-write-version': '0.1.0',
  })
})

test.for([
  { why: 'is busy for ever', status: 503, message: /did not take the samples in 10 attempts: 503 hm$/ },
  { why: 'has no such route', status: 404, message: /takes no remote write: 404 hm$/ },
  { why: 'wants a password', status: 401, message: /takes no remote write: 401 hm$/ },
])('a server that $why is an error', async ({ status, message }) => {
  const { url } = await startScripted({ status, text: 'hm' })
  const { sink } = sinkFor(url)
  sink.add(series({ __name__: 'a' }), 1, 1)
  await expect(sink.flush()).rejects.toThrow(
    expect.objectContaining({ code: 'MW_BACKFILL_SERVER', message: expect.stringMatching(message) }),
  )
  await sink.close()
})

test('interrupted while it waits for a server, it does not wait on', async () => {
  const { url } = await startScripted({ status: 503, retryAfter: '3600' })
  const stop = new AbortController()
  const sink = new ServerSink(toWriteUrl(url)!, stop.signal)
  sink.add(series({ __name__: 'a' }), 1, 1)
  const flushing = sink.flush()
  setTimeout(() => stop.abort(), 20)
  await expect(flushing).rejects.toThrow(expect.objectContaining({ name: 'AbortError' }))
  expect(await sink.close()).toMatchObject({ requests: 1 })
})

test('a server that is not there is an error', async () => {
  const { url } = await startScripted({ status: 204 })
  await closing.pop()!()
  const { sink } = sinkFor(url)
  sink.add(series({ __name__: 'a' }), 1, 1)
  await expect(sink.close()).rejects.toThrow(/in 10 attempts: .*ECONNREFUSED/)
})

test.for([
  ['http://h:1', 'http://h:1/api/v1/write'],
  ['https://h/', 'https://h/api/v1/write'],
  ['http://h/api/v1/push', 'http://h/api/v1/push'],
  ['http://u:p@h/x?y=z', 'http://u:p@h/x?y=z'],
  ['ftp://h', undefined],
  ['h:9090', undefined],
  ['', undefined],
] as const)('%s writes to %s', ([text, want]) => {
  expect(toWriteUrl(text)?.href).toBe(want)
})

test('the password in an address is sent as one', async () => {
  const { url, headers } = await startScripted({ status: 204 })
  const { sink } = sinkFor(`${url.replace('//', '//me:a%20b@')}/w`)
  sink.add(series({ __name__: 'a' }), 1, 1)
  expect(await sink.close()).toMatchObject({ url: `${url}/w` }) // Nobody is told the password.
  expect(headers[0]).toMatchObject({ path: '/w', authorization: `Basic ${Buffer.from('me:a b').toString('base64')}` })
})
