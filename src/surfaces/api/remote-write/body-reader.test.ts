import type { IncomingMessage } from 'node:http'
import { PassThrough, Readable } from 'node:stream'
import { expect, test } from 'vitest'
import { BodyReader } from './body-reader.ts'

const message = (pieces: Iterable<Buffer>, length?: number) =>
  Object.assign(Readable.from(pieces), {
    headers: length === undefined ? {} : { 'content-length': String(length) },
  }) as unknown as IncomingMessage

test.for([
  { why: 'nothing', pieces: [] },
  { why: 'one piece', pieces: ['abc'] },
  { why: 'pieces past the first buffer', pieces: ['a'.repeat(50_000), 'b'.repeat(50_000), 'c'.repeat(300_000)] },
])('$why is read, with and without a length told', async ({ pieces }) => {
  const reader = new BodyReader({ bytesMax: 1 << 20, msMax: 60_000 })
  const want = pieces.join('')
  for (const length of [undefined, want.length]) {
    const body = await reader.read(
      message(
        pieces.map((piece) => Buffer.from(piece)),
        length,
      ),
    )
    expect(body.toString()).toBe(want)
    reader.release(body)
  }
})

test('bodies that are read at the same time do not share memory, and those read one after the other do', async () => {
  const reader = new BodyReader({ bytesMax: 1 << 20, msMax: 60_000 })
  const [a, b] = await Promise.all(['a', 'b'].map((letter) => reader.read(message([Buffer.from(letter.repeat(1000))]))))
  expect([a!.toString(), b!.toString()]).toEqual(['a'.repeat(1000), 'b'.repeat(1000)])
  reader.release(a!)
  const c = await reader.read(message([Buffer.from('c')]))
  expect(c.buffer).toBe(a!.buffer)
  expect(b!.toString()).toBe('b'.repeat(1000))
})

test('a body that is too large, or breaks off, is an error', async () => {
  const reader = new BodyReader({ bytesMax: 1000, msMax: 60_000 })
  await expect(reader.read(message([Buffer.alloc(600), Buffer.alloc(600)]))).rejects.toMatchObject({ code: 'MW_REMOTE_WRITE_TOO_LARGE' })
  const broken = message(
    (function* () {
      yield Buffer.alloc(5)
      throw new Error('broken off')
    })(),
  )
  await expect(reader.read(broken)).rejects.toThrow('broken off')
})

test('a body that does not end in time is given up, and its memory is free again', async () => {
  const reader = new BodyReader({ bytesMax: 1000, msMax: 5 })
  const slow = new PassThrough()
  slow.write('abc')
  const reading = reader.read(Object.assign(slow, { headers: {} }) as unknown as IncomingMessage)
  await expect(reading).rejects.toMatchObject({
    code: 'MW_REMOTE_WRITE_SLOW',
    message: '3 bytes came in 5 ms, and not the end of the request',
  })
  slow.end('more')
  slow.destroy(new Error('late'))
})
