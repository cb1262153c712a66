import { constants, createReadStream } from 'node:fs'
import { access, stat } from 'node:fs/promises'
import { pipeline, Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { messageOf } from '../../core/errors.ts'
import { backfillErrors } from './errors.ts'

/** The name that stands for standard input. */
export const STANDARD_INPUT = '-'
/** Bytes of text that one step reads: some milliseconds of work. */
const CHUNK_BYTES = 64 * 1024

/** A file that is read once, from its beginning to its end. */
export interface BackfillInput {
  /** For messages. */
  readonly name: string
  /** Of the file on disk; undefined when nobody knows. */
  readonly sizeBytes: number | undefined
  /** How much of that has been read. */
  readBytes(): number
  /** Unpacked bytes. @throws MW_BACKFILL_UNREADABLE */
  bytes(): AsyncIterable<Buffer>
  /** The same as text. @throws MW_BACKFILL_UNREADABLE also when it is not UTF-8. */
  text(): AsyncIterable<string>
}

/**
 * Opens a file, or standard input for `-`. What begins as gzip does is unpacked, whatever it is called.
 * @param stdin - What `-` reads.
 * @throws MW_BACKFILL_UNREADABLE when there is no such file, or it is a folder.
 */
export async function openInput(path: string, stdin: Readable): Promise<BackfillInput> {
  if (path === STANDARD_INPUT) return inputOf('standard input', undefined, () => stdin)
  try {
    const found = await stat(path)
    if (found.isDirectory()) throw backfillErrors.MW_BACKFILL_UNREADABLE(`${path} is a folder, not a file`)
    // Of a pipe (/dev/fd/3) the size says nothing.
    await access(path, constants.R_OK)
    return inputOf(path, found.isFile() ? found.size : undefined, () => createReadStream(path, { highWaterMark: CHUNK_BYTES }))
  } catch (error) {
    throw toUnreadable(path, error)
  }
}

function inputOf(name: string, sizeBytes: number | undefined, open: () => Readable): BackfillInput {
  let read = 0
  async function* counted(): AsyncIterable<Buffer> {
    try {
      for await (const chunk of open() as AsyncIterable<Buffer>) {
        read += chunk.length
        yield chunk
      }
    } catch (error) {
      throw toUnreadable(name, error)
    }
  }
  return {
    name,
    sizeBytes,
    readBytes: () => read,
    bytes: () => unpacked(name, counted()),
    text: () => decoded(name, unpacked(name, counted())),
  }
}

/** The bytes themselves, or, if they begin with gzip's two, what they unpack to. */
async function* unpacked(name: string, source: AsyncIterable<Buffer>): AsyncIterable<Buffer> {
  const chunks = source[Symbol.asyncIterator]()
  let head = Buffer.alloc(0)
  while (head.length < 2) {
    const { done, value } = await chunks.next()
    if (done === true) break
    head = Buffer.concat([head, value])
  }
  const whole = resumed(head, chunks)
  if (!(head[0] === 0x1f && head[1] === 0x8b)) {
    yield* whole
    return
  }
  // The callback hears of an error first, and the loop below throws it.
  const gunzip = pipeline(Readable.from(whole), createGunzip({ chunkSize: CHUNK_BYTES }), () => {})
  try {
    for await (const chunk of gunzip as AsyncIterable<Buffer>) yield chunk
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code?.startsWith('Z_') !== true) throw error
    throw backfillErrors.MW_BACKFILL_UNREADABLE(`${name} is no whole gzip file: ${messageOf(error)}`, { cause: error })
  }
}

async function* resumed(head: Buffer, rest: AsyncIterator<Buffer>): AsyncIterable<Buffer> {
  try {
    if (head.length > 0) yield head
    for (let next = await rest.next(); next.done !== true; next = await rest.next()) yield next.value
  } finally {
    await rest.return?.()
  }
}

async function* decoded(name: string, source: AsyncIterable<Buffer>): AsyncIterable<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true })
  let at = 0
  const decode = (chunk?: Buffer) => {
    try {
      return chunk === undefined ? decoder.decode() : decoder.decode(chunk, { stream: true })
    } catch (error) {
      throw backfillErrors.MW_BACKFILL_UNREADABLE(`${name} is not UTF-8 text, near byte ${at}`, { cause: error })
    }
  }
  for await (const chunk of source) {
    const text = decode(chunk)
    at += chunk.length
    if (text !== '') yield text
  }
  const rest = decode()
  if (rest !== '') yield rest
}

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  ENOTDIR: 'a file stands where a folder must',
  EACCES: 'permission is denied',
  EPERM: 'permission is denied',
}

function toUnreadable(name: string, error: unknown): unknown {
  const { code, syscall } = error as NodeJS.ErrnoException
  if (code === undefined || syscall === undefined) return error
  return backfillErrors.MW_BACKFILL_UNREADABLE(`${name} cannot be read: ${reasons[code] ?? messageOf(error)}`, { cause: error })
}
