import { setTimeout as pause } from 'node:timers/promises'
import { afterEach, expect, test } from 'vitest'
import { double, doublingYaml, type Handler, type LoadedUpstream, loadUpstream, reply, startServer, type TestServer } from './testing.ts'

const closing: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

const doubles: Handler = (request, response) => reply(response, double(request))

async function serve(handler: Handler = doubles, options: { port?: number } = {}): Promise<TestServer> {
  const server = await startServer(handler, options)
  closing.push(server.close)
  return server
}

/** A model of `doubling` at that server; nothing is asked when it is loaded. */
async function load(url: string, yaml = '', base = doublingYaml): Promise<LoadedUpstream> {
  const loaded = await loadUpstream(`url: ${url}\nprobe: false\nstartup_wait: 0\n${base}${yaml}`)
  closing.push(() => loaded.model.unload())
  return loaded
}

/** Where nobody listens. */
async function freeUrl(): Promise<TestServer> {
  const server = await startServer(() => {})
  await server.close()
  return server
}

test('rows go in one request, with the time that is left, and come back as a column', async () => {
  const server = await serve()
  const { predict } = await load(`${server.url}/api/`, 'path: /predict\nmethod: PUT\nheaders: { x-team: wine }\ntimeout: 20s')
  expect(await predict([1, Number.NaN, 3], { deadlineMs: performance.now() + 5000 })).toEqual([2, 0, 6])
  const [{ method, path, body, headers }] = server.seen as [(typeof server.seen)[0]]
  expect({ method, path, body }).toEqual({ method: 'PUT', path: '/api/predict', body: '{"rows":[{"a":1},{"a":null},{"a":3}]}' })
  expect(headers).toMatchObject({ 'content-type': 'application/json', 'x-team': 'wine', 'user-agent': 'modelwatch' })
  expect(Number(headers['request-timeout'])).toBeGreaterThan(0)
  expect(Number(headers['request-timeout'])).toBeLessThanOrEqual(5000)
})

test('a server of one row a request gets rows side by side, never more than there are connections', async () => {
  let most = 0
  const held: (() => void)[] = []
  const server = await serve((request, response) => {
    most = Math.max(
      most,
      held.push(() => reply(response, { out: { y: `${(JSON.parse(request.body) as { a: number }).a * 2}` } })),
    )
    if (held.length === 3) for (const answer of held.splice(0)) answer() // Nine rows in three rounds.
  })
  const { predict, model } = await load(
    server.url,
    '',
    'protocol: json\nbatch: false\nconnections: 3\nnumbers_as_text: true\nrequest: $row\nresponse: { y: /out/y }\n',
  )
  const calls = [predict([1, 2, 3, 4, 5, 6, 7]), predict([10, 20])]
  expect(await Promise.all(calls)).toEqual([
    [2, 4, 6, 8, 10, 12, 14],
    [20, 40],
  ])
  expect(most).toBe(3)
  expect(model.concurrency).toBe(3)
})

test('a row that fails fails its call, and what is under way for its neighbours is given up', async () => {
  let hungUp = 0
  const server = await serve((request, response, socket) => {
    if (request.body.includes('13')) {
      reply(response, { detail: 'thirteen is no number' }, { status: 422 })
      return
    }
    socket.once('close', () => hungUp++) // Everything else is never answered.
  })
  const { predict } = await load(server.url, '', 'protocol: json\nbatch: false\nconnections: 4\nrequest: $row\nresponse: { y: /y }\n')
  await expect(predict([1, 2, 13, 4, 5, 6])).rejects.toMatchObject({
    code: 'MW_UPSTREAM_REFUSED',
    kind: 'invalid',
    message: `${server.url} answered 422: thirteen is no number`,
  })
  await expect.poll(() => server.seen.length - hungUp).toBe(1)
  expect(server.seen.length).toBeLessThanOrEqual(4)
})

test.for<{ why: string; handler: Handler; yaml?: string; code: string; message: RegExp; attempts: number }>([
  {
    why: 'its own failure, in its own words',
    handler: (_, response) => reply(response, 'Traceback: division by zero', { status: 500 }),
    code: 'MW_UPSTREAM_FAILED',
    message: /answered 500: Traceback: division by zero$/,
    attempts: 1,
  },
  {
    why: 'words without end are cut',
    handler: (_, response) => reply(response, 'x'.repeat(5000), { status: 500 }),
    code: 'MW_UPSTREAM_FAILED',
    message: /answered 500: x{200}…$/,
    attempts: 1,
  },
  {
    why: 'a way that is not there is not the client’s fault',
    handler: (_, response) => reply(response, { detail: 'Not Found' }, { status: 404 }),
    code: 'MW_UPSTREAM_FAILED',
    message: /answered 404: Not Found$/,
    attempts: 1,
  },
  {
    why: 'it sends elsewhere',
    handler: (_, response) => reply(response, '', { status: 307, headers: { location: 'https://elsewhere.test/' } }),
    code: 'MW_UPSTREAM_FAILED',
    message: /answered 307 to https:\/\/elsewhere\.test\/$/,
    attempts: 1,
  },
  {
    why: 'it does not like the input',
    handler: (_, response) => reply(response, { detail: [{ loc: ['body', 'a'], msg: 'too large' }] }, { status: 422 }),
    code: 'MW_UPSTREAM_REFUSED',
    message: /answered 422: \{"detail":\[\{"loc":\["body","a"\],"msg":"too large"\}\]\}$/,
    attempts: 1,
  },
  {
    why: 'away, however often one asks',
    handler: (_, response) => reply(response, 'no healthy upstream', { status: 503 }),
    code: 'MW_UPSTREAM_UNAVAILABLE',
    message: /answered 503: no healthy upstream \(3 attempts\)$/,
    attempts: 3,
  },
  {
    why: 'away, and must not be asked twice',
    handler: (_, response) => reply(response, '', { status: 503 }),
    yaml: 'retry: false',
    code: 'MW_UPSTREAM_UNAVAILABLE',
    message: /answered 503$/,
    attempts: 1,
  },
  {
    why: 'busy for longer than one may wait',
    handler: (_, response) => reply(response, '', { status: 429, headers: { 'retry-after': '60' } }),
    code: 'MW_UPSTREAM_BUSY',
    message: /answered 429$/,
    attempts: 1,
  },
  {
    why: 'it hangs up before any answer',
    handler: (_request, _response, socket) => socket.destroy(),
    code: 'MW_UPSTREAM_UNAVAILABLE',
    message: /cannot be reached: .*(closed|ECONNRESET).* \(3 attempts\)$/,
    attempts: 3,
  },
  {
    why: 'it hangs up in the middle of its answer',
    handler: (_request, response, socket) => {
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': '1000' })
      response.write('{"y": [', () => socket.destroy())
    },
    code: 'MW_UPSTREAM_ANSWER',
    message: /its answer ends before it is whole/,
    attempts: 1,
  },
  {
    why: 'it speaks no HTTP',
    handler: (_request, _response, socket) => socket.end('220 mail.test ESMTP\r\n'),
    code: 'MW_UPSTREAM_ANSWER',
    message: /cannot be used: .*(Parse Error|Expected HTTP)/,
    attempts: 1,
  },
  {
    why: 'a page',
    handler: (_, response) => reply(response, '<html>\n  <h1>Welcome</h1></html>', { headers: { 'content-type': 'text/html' } }),
    code: 'MW_UPSTREAM_ANSWER',
    message: /it is text\/html, and not JSON; it answered: <html> <h1>Welcome<\/h1><\/html>$/,
    attempts: 1,
  },
  {
    why: 'what calls itself JSON and is none',
    handler: (_, response) => reply(response, '{"y": [1'),
    code: 'MW_UPSTREAM_ANSWER',
    message: /it is not JSON \(.*\); it answered: \{"y": \[1$/,
    attempts: 1,
  },
  {
    why: 'packed without being asked',
    handler: (_, response) => reply(response, 'xyz', { headers: { 'content-encoding': 'gzip' } }),
    code: 'MW_UPSTREAM_ANSWER',
    message: /it is encoded as gzip, which was not asked for$/,
    attempts: 1,
  },
  {
    why: 'more than is read',
    handler: (_, response) => reply(response, JSON.stringify({ y: [1], pad: 'x'.repeat(5000) })),
    yaml: 'response_bytes_max: 4000',
    code: 'MW_UPSTREAM_ANSWER',
    message: /its answer is longer than 4000 bytes$/,
    attempts: 1,
  },
  {
    why: 'an output that is not there',
    handler: (_, response) => reply(response, { z: [1] }),
    code: 'MW_UPSTREAM_ANSWER',
    message: /y: the answer has no \/y; it answered: \{"z":\[1\]\}$/,
    attempts: 1,
  },
  {
    why: 'an output of one row',
    handler: (_, response) => reply(response, { y: 1 }),
    code: 'MW_UPSTREAM_ANSWER',
    message: /y: \/y is no list; it answered/,
    attempts: 1,
  },
  {
    why: 'answers for other rows',
    handler: (_, response) => reply(response, { y: [1, 2] }),
    code: 'MW_UPSTREAM_ANSWER',
    message: /y: \/y is a list of 2 for 1 rows; it answered/,
    attempts: 1,
  },
  {
    why: 'no number',
    handler: (_, response) => reply(response, { y: ['1'] }),
    code: 'MW_UPSTREAM_ANSWER',
    message: /y of row 0: "1" is no number; it answered/,
    attempts: 1,
  },
])('what the server does is told with its address: $why', async ({ handler, yaml = '', code, message, attempts }) => {
  const server = await serve(handler)
  const { predict } = await load(server.url, `backoff: 1ms\n${yaml}`)
  const call = predict([1])
  await expect(call).rejects.toMatchObject({ code, message: expect.stringMatching(message) as string })
  await expect(call).rejects.toThrow(server.url)
  expect(server.seen.length).toBe(attempts)
  server.handler = doubles
  expect(await predict([4])).toEqual([8]) // Nothing of it is left behind.
})

test('nobody listens: told with address and reason', async () => {
  const { url } = await freeUrl()
  const { predict } = await load(url, 'backoff: 1ms')
  await expect(predict([1])).rejects.toMatchObject({
    code: 'MW_UPSTREAM_UNAVAILABLE',
    retryable: true,
    message: expect.stringMatching(`^${url} cannot be reached: connect ECONNREFUSED .* \\(3 attempts\\)$`) as string,
  })
})

test('a request that nobody has seen is sent again even where none may be sent twice', async () => {
  const { url } = await freeUrl()
  const { predict } = await load(url, 'backoff: 1ms\nretry: false')
  await expect(predict([1])).rejects.toThrow('(3 attempts)')
})

test('a server that recovers is not noticed', async () => {
  let requests = 0
  const server = await serve((request, response, socket) => {
    requests++
    if (requests === 1) socket.destroy()
    else if (requests === 2) reply(response, '', { status: 429, headers: { 'retry-after': '0' } })
    else doubles(request, response, socket)
  })
  const { predict } = await load(server.url, 'backoff: 1ms')
  expect(await predict([21])).toEqual([42])
  expect(requests).toBe(3)
})

test('the time that a server asks for is waited', async () => {
  const times: number[] = []
  const server = await serve((request, response, socket) => {
    times.push(performance.now())
    if (times.length === 1) reply(response, '', { status: 503, headers: { 'retry-after': '0.3' } })
    else doubles(request, response, socket)
  })
  const { predict } = await load(server.url, 'backoff: 1ms')
  expect(await predict([1])).toEqual([2])
  expect(times[1]! - times[0]!).toBeGreaterThan(290)
})

test.for([
  { status: 429, asked: '60', retryAfterMs: 60_000 },
  { status: 503, asked: '60', retryAfterMs: 60_000 },
  { status: 503, asked: '99999999999999999999999', retryAfterMs: 3_600_000 },
  { status: 503, asked: 'soon', retryAfterMs: undefined },
])('a client is told when to come back: $status, $asked', async ({ status, asked, retryAfterMs }) => {
  const server = await serve((_, response) => reply(response, '', { status, headers: { 'retry-after': asked } }))
  const { predict } = await load(server.url, 'attempts_max: 1')
  const error = (await predict([1]).catch((error: unknown) => error)) as { code: string; retryAfterMs?: number }
  expect([error.code, error.retryAfterMs]).toEqual([status === 429 ? 'MW_UPSTREAM_BUSY' : 'MW_UPSTREAM_UNAVAILABLE', retryAfterMs])
})

test('a server that is slow: its time, or that of the caller', async () => {
  const server = await serve(() => {})
  const { predict } = await load(server.url, 'timeout: 60ms')
  await expect(predict([1])).rejects.toMatchObject({
    code: 'MW_MODEL_TIMEOUT',
    kind: 'timeout',
    message: expect.stringContaining(server.url) as string,
  })
  const patient = await load(server.url, 'timeout: 1h')
  await expect(patient.predict([1], { deadlineMs: performance.now() + 60 })).rejects.toMatchObject({ code: 'MW_MODEL_TIMEOUT' })
  expect(server.seen.length).toBeLessThanOrEqual(2) // Nothing that took too long once is asked again.
})

test('who waits for a connection until the deadline was never sent', async () => {
  let answer = () => {}
  const server = await serve((request, response, socket) => {
    answer = () => doubles(request, response, socket)
  })
  const { predict } = await load(server.url, 'timeout: 1m\nconnections: 1')
  const first = predict([1])
  await expect.poll(() => server.seen.length).toBe(1)
  const second = predict([2], { deadlineMs: performance.now() + 50 })
  await expect(second).rejects.toMatchObject({
    code: 'MW_DEADLINE_PASSED',
    message: expect.stringContaining('all 1 connections') as string,
  })
  answer()
  expect(await first).toEqual([2])
  expect(server.seen.length).toBe(1)
})

test('a server that flaps is left alone, tried again, and taken back', async () => {
  const server = await serve((_, response) => reply(response, '', { status: 503 }))
  const { predict, events } = await load(
    server.url,
    'attempts_max: 1\nbreaker: { requests_min: 4, failure_ratio: 0.5, window: 1m, open: 500ms, trials: 2 }',
  )
  for (let i = 0; i < 4; i++) await expect(predict([1])).rejects.toThrow('answered 503')
  const shut = predict([1])
  await expect(shut).rejects.toMatchObject({ code: 'MW_UPSTREAM_UNAVAILABLE', retryable: true })
  await expect(shut).rejects.toThrow(/fails, and is left alone for now; it is tried again in \d+ms$/)
  const { retryAfterMs } = (await shut.catch((error: unknown) => error)) as { retryAfterMs?: number }
  expect(retryAfterMs).toBeGreaterThan(0)
  expect(retryAfterMs).toBeLessThanOrEqual(500)
  expect(server.seen.length).toBe(4)
  await pause(510)
  await expect(predict([1])).rejects.toThrow('answered 503')
  await expect(predict([1])).rejects.toThrow('left alone')
  server.handler = doubles
  await pause(510)
  expect(await predict([1])).toEqual([2])
  expect(await predict([2])).toEqual([4])
  expect(events.map((event) => (event.kind === 'circuit' ? event.state : event.kind))).toEqual([
    'open',
    'half_open',
    'open',
    'half_open',
    'closed',
  ])
  expect(events[0]).toMatchObject({
    message: expect.stringMatching(`^${server.url}: 4 of the last 4 requests failed, the last one: answered 503`) as string,
  })
})

test('a server of one row a request is taken back by a call of many rows', async () => {
  const server = await serve((_, response) => reply(response, '', { status: 503 }))
  const base = 'protocol: json\nbatch: false\nattempts_max: 1\nrequest: $row\nresponse: { y: /y }\n'
  const { predict, events } = await load(server.url, 'breaker: { requests_min: 4, open: 300ms, trials: 2 }', base)
  while (events.length === 0) await expect(predict([1, 2, 3, 4, 5, 6, 7, 8])).rejects.toMatchObject({ code: 'MW_UPSTREAM_UNAVAILABLE' })
  server.handler = (_, response) => reply(response, { y: 1 })
  await pause(310)
  expect(await predict([1, 2, 3, 4, 5, 6, 7, 8])).toEqual([1, 1, 1, 1, 1, 1, 1, 1])
  expect(events.map((event) => (event.kind === 'circuit' ? event.state : event.kind))).toEqual(['open', 'half_open', 'closed'])
})

test('rows that a model cannot take do not shut out the others', async () => {
  const server = await serve((request, response, socket) => {
    if (request.body.includes('13')) reply(response, 'ValueError', { status: 500 })
    else doubles(request, response, socket)
  })
  const { predict, events } = await load(server.url, 'breaker: { requests_min: 2 }')
  for (let i = 0; i < 20; i++) await expect(predict([13])).rejects.toMatchObject({ code: 'MW_UPSTREAM_FAILED' })
  expect(await predict([1])).toEqual([2])
  expect(events).toEqual([])
})

test('callers in a hurry do not shut out the others; a server that is slow to all of them does', async () => {
  const server = await serve(() => {})
  const { predict, events } = await load(server.url, 'timeout: 200ms\nbreaker: { requests_min: 2 }')
  await Promise.all(
    [1, 2, 3].map(() => expect(predict([1], { deadlineMs: performance.now() + 20 })).rejects.toMatchObject({ kind: 'timeout' })),
  )
  expect(events).toEqual([])
  await Promise.all([1, 2].map(() => expect(predict([1])).rejects.toMatchObject({ kind: 'timeout' })))
  expect(events).toMatchObject([{ state: 'open', message: expect.stringContaining('no answer in time') as string }])
})

test('a connection that the server has closed meanwhile is no failure', async () => {
  const server = await serve((request, response) => {
    response.once('finish', () => setImmediate(() => request.body && response.socket?.destroy()))
    reply(response, double(request))
  })
  const { predict } = await load(server.url, 'connections: 1\nbackoff: 1ms')
  for (let i = 0; i < 10; i++) expect(await predict([i])).toEqual([2 * i])
})

test('many calls leave no connection, timer or listener behind', async () => {
  const server = await serve()
  const { predict, model } = await load(server.url, 'connections: 4')
  await Promise.all(Array.from({ length: 500 }, (_, i) => predict([i], { deadlineMs: performance.now() + 60_000 })))
  await model.unload()
  const left = process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout')
  expect(left.length).toBeLessThan(10)
})
