import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gzipSync } from 'node:zlib'
import { afterEach, expect, test } from 'vitest'
import { createFetcher, type Fetcher } from './fetch.ts'

const never = new AbortController().signal
const servers: Server[] = []
const fetchers: Fetcher[] = []
afterEach(async () => {
  await Promise.all(fetchers.splice(0).map((fetcher) => fetcher.close()))
  for (const server of servers.splice(0)) {
    server.closeAllConnections()
    server.close()
  }
})

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener)
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

function fetcherOf(base: string, options: { timeoutMs?: number; bodyBytesMax?: number } = {}): Fetcher {
  const fetcher = createFetcher({ url: new URL('/metrics?x=1', base), timeoutMs: 5000, bodyBytesMax: 1_000_000, ...options })
  fetchers.push(fetcher)
  return fetcher
}

const text = { 'content-type': 'text/plain; version=0.0.4' }

test('asks as Prometheus does, over one connection', async () => {
  const seen: unknown[] = []
  const ports = new Set<unknown>()
  const base = await serve((request, response) => {
    seen.push([request.url, request.headers['accept-encoding'], request.headers['x-prometheus-scrape-timeout-seconds']])
    ports.add(request.socket.remotePort)
    response.writeHead(200, text).end('a 1\n')
  })
  const fetcher = fetcherOf(base)
  expect(await fetcher.fetch(never)).toEqual({ format: 'text', text: 'a 1\n' })
  await fetcher.fetch(never)
  expect(seen).toEqual(Array(2).fill(['/metrics?x=1', 'gzip', '5']))
  expect(ports.size).toBe(1)
})

test('gzip and OpenMetrics', async () => {
  const base = await serve((_, response) =>
    response
      .writeHead(200, { 'content-type': 'application/openmetrics-text; version=1.0.0; charset=utf-8', 'content-encoding': 'gzip' })
      .end(gzipSync('ü 1\n# EOF\n')),
  )
  expect(await fetcherOf(base).fetch(never)).toEqual({ format: 'openmetrics', text: 'ü 1\n# EOF\n' })
})

test('redirects are followed, to another server too', async () => {
  const there = await serve((request, response) => response.writeHead(200, text).end(`path{p="${request.url}"} 1\n`))
  const base = await serve((request, response) =>
    request.url === '/metrics?x=1'
      ? response.writeHead(302, { location: '/next' }).end()
      : response.writeHead(307, { location: `${there}/last` }).end(),
  )
  expect((await fetcherOf(base).fetch(never)).text).toBe('path{p="/last"} 1\n')
})

const status: RequestListener = (_, response) => response.writeHead(503, text).end('a 1\n')
const html: RequestListener = (_, response) => response.writeHead(200, { 'content-type': 'text/html' }).end('<p>')
const untyped: RequestListener = (_, response) => response.writeHead(200).end('a 1\n')
const long: RequestListener = (_, response) => response.writeHead(200, text).end('a 1\n'.repeat(300))
const bomb: RequestListener = (_, response) =>
  response.writeHead(200, { ...text, 'content-encoding': 'gzip' }).end(gzipSync('a 1\n'.repeat(100_000)))
const torn: RequestListener = (_, response) => response.writeHead(200, { ...text, 'content-encoding': 'gzip' }).end('no gzip')
const latin: RequestListener = (_, response) => response.writeHead(200, text).end(Buffer.from([0x61, 0xff, 0x20, 0x31, 0x0a]))
const silent: RequestListener = () => {}
const slow: RequestListener = (_, response) => void response.writeHead(200, text).write('a 1\n')
const loop: RequestListener = (request, response) => response.writeHead(302, { location: request.url! }).end()
const broken: RequestListener = (request) => void request.socket.destroy()

test.for([
  { why: 'another status', listener: status, code: 'MW_SCRAPE_HTTP', message: 'server returned HTTP status 503' },
  { why: 'another content type', listener: html, code: 'MW_SCRAPE_HTTP', message: 'unsupported Content-Type "text/html"' },
  { why: 'no content type', listener: untyped, code: 'MW_SCRAPE_HTTP', message: 'no Content-Type' },
  { why: 'a body too long', listener: long, code: 'MW_SCRAPE_BODY_LIMIT', message: 'body size limit exceeded' },
  { why: 'a body too long once unpacked', listener: bomb, code: 'MW_SCRAPE_BODY_LIMIT', message: 'body size limit exceeded' },
  { why: 'gzip that is none', listener: torn, code: 'MW_SCRAPE_HTTP', message: 'does not unpack as gzip' },
  { why: 'bytes that are no UTF-8', listener: latin, code: 'MW_EXPOSITION_SYNTAX', message: 'not valid UTF-8' },
  { why: 'no answer', listener: silent, code: 'MW_SCRAPE_TIMEOUT', message: 'no whole answer within 200ms' },
  { why: 'an answer that does not end', listener: slow, code: 'MW_SCRAPE_TIMEOUT', message: 'no whole answer within 200ms' },
  { why: 'redirects without end', listener: loop, code: 'MW_SCRAPE_HTTP', message: 'redirected more than 10 times' },
  { why: 'a connection cut', listener: broken, code: 'MW_SCRAPE_HTTP', message: 'other side closed' },
])('$why is an error', async ({ listener, code, message }) => {
  // Those that time out do so soon; the others have all the time a busy machine may need.
  const timeoutMs = code === 'MW_SCRAPE_TIMEOUT' ? 200 : 5000
  const fetcher = fetcherOf(await serve(listener), { timeoutMs, bodyBytesMax: 1000 })
  await expect(fetcher.fetch(never)).rejects.toMatchObject({ code, message: expect.stringContaining(message) })
})

test('nobody listening is an error that says so', async () => {
  const base = await serve(status)
  await new Promise((resolve) => servers.pop()!.close(resolve))
  await expect(fetcherOf(base).fetch(never)).rejects.toMatchObject({
    code: 'MW_SCRAPE_HTTP',
    message: expect.stringContaining('ECONNREFUSED'),
  })
})

test('a connection that was closed while idle costs no scrape', async () => {
  let requests = 0
  const base = await serve((request, response) => {
    requests++
    // The second request finds the connection of the first one dying.
    if (requests === 2) request.socket.destroy()
    else response.writeHead(200, text).end('a 1\n')
  })
  const fetcher = fetcherOf(base)
  await fetcher.fetch(never)
  expect(await fetcher.fetch(never)).toEqual({ format: 'text', text: 'a 1\n' })
  expect(requests).toBe(3)
})

test('stopping ends a fetch at once', async () => {
  const stop = new AbortController()
  const fetching = fetcherOf(await serve(silent)).fetch(stop.signal)
  stop.abort()
  await expect(fetching).rejects.toMatchObject({ code: 'MW_SCRAPE_HTTP' })
})
