import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { connect } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { createMemoryStore } from '../../plane/store/index.ts'
import { createTestApi } from './testing.ts'

/** Writes a whole request before it reads, as a sender does that does not look at the answer while it sends. @returns the answer. */
async function send(port: number, path: string, type: string, bytes: number): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  let answer = ''
  socket.setEncoding('utf8').pause()
  socket.write(`POST ${path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: ${type}\r\ncontent-length: ${bytes}\r\n\r\n`)
  const piece = Buffer.alloc(1 << 20, 'a')
  for (let sent = 0; sent < bytes; sent += piece.length) {
    if (!socket.write(piece.subarray(0, Math.min(piece.length, bytes - sent)))) await once(socket, 'drain')
  }
  socket.on('data', (text: string) => (answer += text)).resume()
  await once(socket, 'close')
  return answer
}

test.for([
  { path: '/api/v1/query', type: 'application/x-www-form-urlencoded', says: /^HTTP\/1\.1 413 .*too large/s },
  { path: '/api/v1/write', type: 'application/x-protobuf', says: /^HTTP\/1\.1 413 .*the request has 41943040 bytes, more than 33554432/s },
  { path: '/api/v1/write', type: 'application/json', says: /^HTTP\/1\.1 415 .*expected application\/x-protobuf/s },
])('a client that writes 40 MiB to $path as $type before it reads sees the answer', async ({ path, type, says }) => {
  const { app } = await createTestApi(createMemoryStore(), { clock: { now: () => 0 }, remoteWrite: { enabled: true } })
  onTestFinished(() => app.close())
  await app.listen({ host: '127.0.0.1', port: 0 })
  expect(await send((app.server.address() as AddressInfo).port, path, type, 40 << 20)).toMatch(says)
})
