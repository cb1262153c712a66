import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createAddressPolicy } from './address-policy.ts'
import { createWebhookSender, type WebhookSender } from './sender.ts'
import { signWebhook } from './signature.ts'

const nowMs = 1_700_000_000_900
const clock = { now: () => nowMs }
let server: Server
let port = 0
let received: { url: string; headers: IncomingMessage['headers']; body: string }[] = []
let status = 200
const senders: WebhookSender[] = []

beforeEach(async () => {
  received = []
  status = 200
  server = createServer((request, response) => {
    let body = ''
    request.on('data', (chunk) => {
      body += chunk
    })
    request.on('end', () => {
      received.push({ url: request.url!, headers: request.headers, body })
      if (request.url === '/never') return
      if (request.url === '/slow') return void response.writeHead(200).write('and then nothing')
      response.writeHead(status, { location: '/elsewhere' }).end('x'.repeat(10))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  port = (server.address() as AddressInfo).port
})

afterEach(async () => {
  await Promise.all(senders.splice(0).map((sender) => sender.close()))
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
})

async function createSender(options: { allow?: string[]; secret?: string; timeoutMs?: number } = {}): Promise<WebhookSender> {
  const { allow = [`127.0.0.1:${port}`], secret, timeoutMs = 5000 } = options
  const sender = await createWebhookSender({ timeoutMs, secret, policy: createAddressPolicy({ to: 'public', allow }) }, { clock })
  senders.push(sender)
  return sender
}

const hook = (path: string, secret?: string, host = '127.0.0.1') => ({ url: `http://${host}:${port}${path}`, secret })

test('a webhook is a signed POST', async () => {
  const sender = await createSender()
  expect(await sender.send(hook('/hook?a=1', 'whsec_c2VjcmV0'), 'id-1', '{"state":"done"}')).toEqual({ kind: 'delivered' })
  const { url, headers, body } = received[0]!
  expect([url, body, headers['content-type']]).toEqual(['/hook?a=1', '{"state":"done"}', 'application/json; charset=utf-8'])
  expect([headers['webhook-id'], headers['webhook-timestamp']]).toEqual(['id-1', '1700000000'])
  expect(headers['webhook-signature']).toBe(signWebhook('whsec_c2VjcmV0', { id: 'id-1', timestampSeconds: 1_700_000_000, body }))
})

test('many to one host are under way at once: none waits for its time to run out behind others', async () => {
  const waiting: (() => void)[] = []
  server.removeAllListeners('request').on('request', (request, response) => {
    request.resume()
    waiting.push(() => response.end())
    if (waiting.length === 40) for (const answer of waiting) answer()
  })
  const sender = await createSender({ timeoutMs: 3000 })
  const sent = await Promise.all(Array.from({ length: 40 }, (_, i) => sender.send(hook('/'), `id-${i}`, 'body')))
  expect(sent).toEqual(sent.map(() => ({ kind: 'delivered' })))
})

test('without a secret of its own it is signed with the configured one, and without any not at all', async () => {
  await (await createSender({ secret: 'ours' })).send(hook('/'), 'id', 'body')
  await (await createSender()).send(hook('/'), 'id', 'body')
  expect(received[0]!.headers['webhook-signature']).toBe(signWebhook('ours', { id: 'id', timestampSeconds: 1_700_000_000, body: 'body' }))
  expect(received[1]!.headers['webhook-signature']).toBeUndefined()
})

test.for([
  { why: 'created', answer: 201, want: { kind: 'delivered' } },
  { why: 'never again', answer: 410, want: { kind: 'gone' } },
  { why: 'broken', answer: 500, want: { kind: 'failed', reason: 'it answered 500' } },
  { why: 'too much', answer: 429, want: { kind: 'failed', reason: 'it answered 429' } },
  {
    why: 'elsewhere, where nobody is asked',
    answer: 307,
    want: { kind: 'failed', reason: 'it answered 307, and redirects are not followed' },
  },
])('answered $answer: $why', async ({ answer, want }) => {
  status = answer
  expect(await (await createSender()).send(hook('/'), 'id', '{}')).toEqual(want)
  expect(received).toHaveLength(1)
})

test('a receiver that does not answer in time has failed; one that answers and never ends has not', async () => {
  const hasty = await createSender({ timeoutMs: 300 })
  expect(await hasty.send(hook('/never'), 'id', '{}')).toMatchObject({ kind: 'failed' })
  const sender = await createSender({ timeoutMs: 2000 })
  expect(await sender.send(hook('/slow'), 'id', '{}')).toEqual({ kind: 'delivered' })
})

test('a receiver that is not there has failed', async () => {
  const sender = await createSender()
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
  expect(await sender.send(hook('/'), 'id', '{}')).toMatchObject({ kind: 'failed', reason: expect.stringContaining('127.0.0.1') })
  server = createServer().listen(0)
})

test('an address that is not allowed is not asked, nor a name that resolves to one', async () => {
  const sender = await createSender({ allow: [] })
  expect(await sender.send(hook('/'), 'id', '{}')).toMatchObject({
    kind: 'refused',
    reason: expect.stringContaining('not a public address'),
  })
  expect(await sender.send(hook('/', undefined, 'localhost'), 'id', '{}')).toMatchObject({ kind: 'refused' })
  expect(received).toEqual([])
})

test('what a name resolves to is looked at while connecting, and is what is connected to', async () => {
  const answers = [[{ address: '10.0.0.1', family: 4 }], [{ address: '::1', family: 6 }], [{ address: '127.0.0.1', family: 4 }]]
  const policy = createAddressPolicy({ to: 'public', allow: [] })
  const sender = await createWebhookSender(
    { timeoutMs: 5000, secret: undefined, policy: { ...policy, mayConnect: (address) => address === '127.0.0.1' } },
    { clock, resolve: async () => answers.shift()! },
  )
  senders.push(sender)
  const named = hook('/', undefined, 'rebinds.example')
  const refused = { kind: 'refused', reason: 'rebinds.example is not asked: it has no public address' }
  expect([await sender.send(named, 'id', '{}'), await sender.send(named, 'id', '{}')]).toEqual([refused, refused])
  expect(await sender.send(named, 'id', '{}')).toEqual({ kind: 'delivered' })
  expect(answers).toEqual([])
})
