import { connect } from 'node:net'
import fastify, { type FastifyInstance } from 'fastify'
import { afterEach, expect, test } from 'vitest'
import { Registry } from '../../../../instrument/index.ts'
import type { ServedModel, ServedRevision } from '../../models/contract.ts'
import { routeModelRequests } from '../model-requests.ts'
import { createAdmission } from './admission.ts'
import { DelayController } from './delay-controller.ts'
import { parseRequestTimeout } from './request-timeout.ts'

let apps: FastifyInstance[] = []
afterEach(async () => {
  for (const app of apps) await app.close()
  apps = []
})

/** A model of one revision that holds nothing. */
function fakeModel(registry: Registry): ServedModel {
  const served = { schema: { name: 'demo' }, revision: 'v1', registry, enter() {}, leave() {} } as unknown as ServedRevision
  return { schema: served.schema, choose: () => served } as unknown as ServedModel
}

/** A server whose route waits until it is let go. */
async function start(config: { requests_max?: number; loop_delay_max?: string } = {}) {
  const registry = new Registry()
  const app = fastify()
  apps.push(app)
  routeModelRequests(app, createAdmission(app, { requests_max: 2, loop_delay_max: '100ms', ...config }, registry))
  const waiting: (() => void)[] = []
  let arrived: () => void = () => {}
  const bodies: unknown[] = []
  let closed: () => void = () => {}
  app.post('/predict', { config: { model: fakeModel(registry), api: 'predict' } }, async (request, reply) => {
    reply.raw.once('close', () => closed())
    bodies.push(request.body)
    arrived()
    await new Promise<void>((resolve) => waiting.push(resolve))
    return {}
  })
  app.get('/health/live', async () => ({}))
  return {
    app,
    bodies,
    url: await app.listen({ host: '127.0.0.1', port: 0 }),
    /** When the next request has reached its handler. */
    nextArrival: () => new Promise<void>((resolve) => (arrived = resolve)),
    /** When a response has closed. */
    nextClose: () => new Promise<void>((resolve) => (closed = resolve)),
    letGo: () => waiting.shift()?.(),
    letGoLast: () => waiting.pop()?.(),
    series: (line: string) =>
      registry
        .render()
        .split('\n')
        .find((candidate) => candidate.startsWith(line))
        ?.split(' ')
        .at(-1),
  }
}

const post = (url: string, signal?: AbortSignal) =>
  fetch(`${url}/predict`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"wind":1}', signal: signal ?? null })

test('beyond requests_max a request is refused before its body is read, and health still answers', async () => {
  const server = await start()
  const answers: Promise<Response>[] = []
  for (let i = 0; i < 2; i++) {
    const arrival = server.nextArrival()
    answers.push(post(server.url))
    await arrival
  }
  const refused = await post(server.url)
  expect(refused.status).toBe(500) // Without the gateway's error handler; there the kind `overloaded` is a 503.
  expect(await refused.json()).toMatchObject({ code: 'MW_GATEWAY_OVERLOADED' })
  expect((await fetch(`${server.url}/health/live`)).status).toBe(200)
  expect(server.series('modelwatch_requests_shed_total{model="demo",reason="in_flight"}')).toBe('1')
  expect(server.bodies.length).toBe(2)
  server.letGo()
  expect((await answers[0]!).status).toBe(200)
  const arrival = server.nextArrival()
  const third = post(server.url)
  await arrival // There is room again.
  server.letGo()
  server.letGo()
  expect((await third).status).toBe(200)
})

test('a client that goes away makes room', async () => {
  const server = await start({ requests_max: 1 })
  const gone = new AbortController()
  const [arrival, close] = [server.nextArrival(), server.nextClose()]
  const left = post(server.url, gone.signal).catch(() => 'gone')
  await arrival
  expect((await post(server.url)).status).toBe(500)
  gone.abort()
  expect(await left).toBe('gone')
  await close
  const second = server.nextArrival()
  const answer = post(server.url)
  await second
  server.letGo()
  server.letGo()
  expect((await answer).status).toBe(200)
})

test('an answer that stands behind another of its connection holds no place', async () => {
  const server = await start()
  const socket = connect(Number(new URL(server.url).port), '127.0.0.1')
  const text = 'POST /predict HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}'
  for (let i = 0; i < 2; i++) {
    const arrival = server.nextArrival()
    socket.write(text)
    await arrival
  }
  server.letGoLast()
  const arrival = server.nextArrival()
  const third = post(server.url)
  await arrival
  server.letGoLast()
  expect((await third).status).toBe(200)
  socket.destroy()
  server.letGo()
})

/**
 * A loop with a queue of work, in milliseconds: a request served costs one unit, one that is shed a part of it. Requests come `load`
 * times as fast as the loop could serve them. Each look comes a little later than the work that stood before it.
 */
function simulate(load: number, shedCost: number, looks: number) {
  const delay = new DelayController(100)
  const unitMs = 0.2
  let queueMs = 0
  let owed = 0
  let served = 0
  let timeMs = 0
  const delaysMs: number[] = []
  for (let look = 0; look < looks; look++) {
    const lengthMs = Math.max(20, queueMs)
    owed += (lengthMs / unitMs) * load
    let workMs = 0
    for (; owed >= 1; owed--) {
      const isShed = delay.takes()
      workMs += unitMs * (isShed ? shedCost : 1)
      if (!isShed && look > looks / 2) served++
    }
    queueMs = Math.max(0, queueMs + workMs - lengthMs)
    delay.observe(Math.max(0, queueMs - 20))
    if (look <= looks / 2) continue
    delaysMs.push(queueMs)
    timeMs += lengthMs
  }
  return { delaysMs, share: delay.share, goodput: (served * unitMs) / timeMs }
}

test.for([1.2, 1.5, 2, 3])('at %d times what the loop can serve, as many are shed as it takes, and the delay stays bounded', (load) => {
  const { delaysMs, goodput } = simulate(load, 0.1, 2000)
  // All its time, when g requests are served and load − g are shed: g + 0.1 · (load − g) = 1.
  expect(goodput).toBeGreaterThan(0.95 * ((1 - 0.1 * load) / 0.9))
  expect(Math.max(...delaysMs)).toBeLessThan(400)
})

test('a loop that keeps up sheds nothing, and nor does one that paused once', () => {
  expect(simulate(0.9, 0.1, 500).share).toBe(0)
  const delay = new DelayController(100)
  for (const delayMs of [0, 5, 800, 3, 0, 900, 0]) delay.observe(delayMs)
  expect(delay.share).toBe(0)
})

test('shedding ends when the delay has gone', () => {
  const delay = new DelayController(100)
  for (let look = 0; look < 50; look++) delay.observe(500)
  expect(delay.share).toBe(0.95)
  expect(Array.from({ length: 100 }, () => delay.takes()).filter((isShed) => isShed).length).toBeGreaterThan(93)
  for (let look = 0; look < 60; look++) delay.observe(0)
  expect(delay.share).toBe(0)
})

test.for([
  { text: '250ms', want: 250 },
  { text: '2s', want: 2000 },
  { text: '2', want: 2000 },
  { text: '0.5', want: 500 },
  { text: '1.5ms', want: 1.5 },
  { text: '86400', want: 86_400_000 },
])('Request-Timeout: $text', ({ text, want }) => {
  expect(parseRequestTimeout({ 'request-timeout': text })).toBe(want)
})

test('a client that does not say how long it waits', () => {
  expect(parseRequestTimeout({})).toBe(undefined)
})

test.for(['', '0', '0ms', '-1', '1e3', '2 s', '5m', 'Infinity', '86401', '1s, 2s', '999999999999', 'soon'.repeat(50)])(
  'Request-Timeout refused: %s',
  (text) => {
    expect(() => parseRequestTimeout({ 'request-timeout': text })).toThrow(
      expect.objectContaining({ code: 'MW_TIMEOUT_INVALID', kind: 'invalid' }),
    )
  },
)
