import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { gzipSync } from 'node:zlib'
import { afterAll, expect, test } from 'vitest'
import { openInput } from './input.ts'

const dir = await mkdtemp(join(tmpdir(), 'backfill-input-'))
afterAll(() => rm(dir, { recursive: true }))

const stdin = (...chunks: Buffer[]) => Readable.from(chunks)
const write = async (name: string, content: string | Uint8Array) => {
  await writeFile(join(dir, name), content)
  return join(dir, name)
}
const readText = async (path: string, from = stdin()) => {
  let text = ''
  for await (const piece of (await openInput(path, from)).text()) text += piece
  return text
}

const long = 'é€😀 and the like\n'.repeat(50_000) // Longer than a chunk, and no chunk ends between characters alone.

test.for([
  { why: 'plain', name: 'plain.om', content: long },
  { why: 'gzip', name: 'packed.om.gz', content: gzipSync(long) },
  { why: 'gzip that does not say so', name: 'packed.om', content: gzipSync(long) },
  {
    why: 'two gzip members, as when files are put together',
    name: 'two.gz',
    content: Buffer.concat([gzipSync(long.slice(0, 100)), gzipSync(long.slice(100))]),
  },
  { why: 'plain that says it were gzip', name: 'plain.gz', content: long },
])('text is read: $why', async ({ name, content }) => {
  expect(await readText(await write(name, content))).toBe(long)
})

test('an empty file is an empty text', async () => {
  expect(await readText(await write('empty', ''))).toBe('')
})

test('standard input is read, byte by byte if it comes so', async () => {
  const bytes = gzipSync('a 1 1\n# EOF\n')
  expect(await readText('-', stdin(...Array.from(bytes, (byte) => Buffer.of(byte))))).toBe('a 1 1\n# EOF\n')
})

test('how much of a file is read is told in bytes of the file', async () => {
  const content = gzipSync(long)
  const input = await openInput(await write('sized.gz', content), stdin())
  expect(input.sizeBytes).toBe(content.length)
  for await (const _ of input.bytes());
  expect(input.readBytes()).toBe(content.length)
})

test.for([
  { why: 'no such file', name: 'none.om', message: 'cannot be read: there is no such file' },
  { why: 'a folder', name: '.', message: 'is a folder, not a file' },
  {
    why: 'half a gzip file',
    name: 'half.gz',
    content: gzipSync(long).subarray(0, 60),
    message: 'is no whole gzip file: unexpected end of file',
  },
  { why: 'gzip with a flipped byte', name: 'flipped.gz', content: flipped(gzipSync(long), 40), message: 'is no whole gzip file' },
  { why: 'Latin-1', name: 'latin.om', content: Buffer.from('a{b="\xe9"} 1 1\n', 'latin1'), message: 'is not UTF-8 text, near byte 0' },
  { why: 'a character cut in two', name: 'cut.om', content: Buffer.from('é').subarray(0, 1), message: 'is not UTF-8 text, near byte 1' },
])('$why is refused', async ({ name, content, message }) => {
  const path = content === undefined ? join(dir, name) : await write(name, content)
  await expect(readText(path)).rejects.toThrow(
    expect.objectContaining({ code: 'MW_BACKFILL_UNREADABLE', message: expect.stringContaining(message) }),
  )
})

test('a reader that stops early lets go of the file', async () => {
  const input = await openInput(await write('early.om', long), stdin())
  for await (const _ of input.text()) break
  expect(input.readBytes()).toBeLessThan(Buffer.byteLength(long))
})

function flipped(bytes: Buffer, at: number): Buffer {
  bytes[at] = bytes[at]! ^ 0xff
  return bytes
}
