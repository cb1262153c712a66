import { type AddressInfo, connect, type Socket } from 'node:net'
import fastify, { type FastifyInstance } from 'fastify'
import { afterEach, expect, test } from 'vitest'
import { Registry } from '../../../instrument/index.ts'
import { sendError } from './error-answers.ts'
import { boundUnread } from './unread.ts'

/** More than the system holds for a connection whose client does not read. */
const LARGE_BYTES = 16_000_000
const SMALL = 'x'.repeat(100)

let app: FastifyInstance
let registry: Registry
let sockets: Socket[] = []
afterEach(async () => {
  for (const socket of sockets) socket.destroy()
  sockets = []
  await app.close()
})

async function start({ stallMs, behindMax = 10 }: { stallMs: number; behindMax?: number }): Promise<void> {
  registry = new Registry()
  app = fastify({ forceCloseConnections: true })
  app.setErrorHandler((error: Error, _request, reply) => sendError(error, reply, () => {}))
  boundUnread(app, { stallMs, behindMax }, registry)
  const large = 'x'.repeat(LARGE_BYTES)
  app.get('/large', () => large)
  app.get('/small', () => SMALL)
  app.get('/slow', () => new Promise((resolve) => setTimeout(resolve, 4 * stallMs, SMALL)))
  await app.listen({ port: 0, host: '127.0.0.1' })
}

function dial(...paths: string[]) {
  const socket = connect((app.server.address() as AddressInfo).port, '127.0.0.1').pause()
  sockets.push(socket)
  let text = ''
  socket.on('error', () => {}) // It is cut off.
  socket.setEncoding('latin1').on('data', (part: string) => {
    text += part
  })
  socket.pause()
  socket.write(paths.map((path) => `GET ${path} HTTP/1.1\r\nhost: x\r\n\r\n`).join(''))
  return { socket, statuses: () => [...text.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => Number(status)) }
}

const connections = () => new Promise<number>((resolve) => app.server.getConnections((_, count) => resolve(count)))
const counted = (name: string) => Number(new RegExp(`^${name} (\\d+)`, 'm').exec(registry.render())?.[1])

test('a client that takes nothing of its answer is hung up on, and counted', async () => {
  await start({ stallMs: 100 })
  dial('/large')
  await expect.poll(() => counted('modelwatch_connections_stalled_total')).toBe(1)
  await expect.poll(connections).toBe(0)
})

test('a client that waits for an answer that takes its time is let be', async () => {
  await start({ stallMs: 50 })
  const { socket, statuses } = dial('/slow')
  socket.resume()
  await expect.poll(statuses).toEqual([200])
  expect(counted('modelwatch_connections_stalled_total')).toBe(0)
})

test('a connection on which nothing is under way is closed in the end, and nobody stalled', async () => {
  await start({ stallMs: 100 })
  dial()
  await expect.poll(connections).toBe(1)
  await expect.poll(connections).toBe(0)
  expect(counted('modelwatch_connections_stalled_total')).toBe(0)
})

test('only so many requests stand behind others: the rest is 503 at once; what is read or given up makes room', async () => {
  await start({ stallMs: 60_000, behindMax: 2 })
  const small = new Array<string>(5).fill('/small')
  const refused = () => counted('modelwatch_pipelined_requests_refused_total')
  const { socket, statuses } = dial('/large', ...small)
  await expect.poll(refused).toBe(3)
  socket.resume()
  await expect.poll(statuses).toEqual([200, 200, 200, 503, 503, 503])
  const gone = dial('/large', ...small)
  await expect.poll(refused).toBe(6)
  gone.socket.destroy()
  await expect.poll(connections).toBe(1)
  const next = dial('/large', '/small', '/small')
  next.socket.resume()
  await expect.poll(next.statuses).toEqual([200, 200, 200])
  expect(refused()).toBe(6)
})
