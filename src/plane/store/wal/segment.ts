import { type FileHandle, open, readdir, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { walErrors } from './errors.ts'

/**
 * A segment is one file of the log: `00000012.wal`. Its head, little-endian:
 *
 * ```text
 * offset  bytes
 *      0      4  "MWAL"
 *      4      2  version
 *      6      2  0
 *      8      4  number of the segment
 *     12      4  CRC-32 of the twelve bytes before
 *     16         records
 * ```
 */
export const SEGMENT_HEAD_BYTES = 16
export const SEGMENT_VERSION = 1
const MAGIC = Buffer.from('MWAL')

export const segmentStem = (number: number) => String(number).padStart(8, '0')
export const segmentName = (number: number) => `${segmentStem(number)}.wal`

export function segmentHead(number: number, version = SEGMENT_VERSION): Uint8Array {
  const head = Buffer.alloc(SEGMENT_HEAD_BYTES)
  MAGIC.copy(head)
  head.writeUInt16LE(version, 4)
  head.writeUInt32LE(number, 8)
  head.writeUInt32LE(crc32(head.subarray(0, 12)), 12)
  return head
}

/**
 * Whether a segment begins as it should.
 * @param head - Its first bytes; fewer than `SEGMENT_HEAD_BYTES` when the file is shorter.
 * @returns what is wrong, in words, or undefined.
 * @throws MW_WAL_VERSION when the head is whole and its version is not ours.
 */
export function headFault(path: string, head: Uint8Array, number: number): string | undefined {
  if (head.length < SEGMENT_HEAD_BYTES) return 'the head of the segment is cut off'
  const bytes = Buffer.from(head.buffer, head.byteOffset, head.length)
  if (!bytes.subarray(0, 4).equals(MAGIC)) return 'the head of the segment is not that of a log'
  if (bytes.readUInt32LE(12) !== crc32(bytes.subarray(0, 12))) return 'the checksum of the head of the segment does not match'
  const version = bytes.readUInt16LE(4)
  if (version !== SEGMENT_VERSION)
    throw walErrors.MW_WAL_VERSION(`${path} has version ${version}; this modelwatch reads ${SEGMENT_VERSION}`)
  const written = bytes.readUInt32LE(8)
  return written === number ? undefined : `the head of the segment names another one, ${segmentName(written)}`
}

/** Numbers of the segments in a folder, rising. Other files are none of ours. */
export async function listSegments(dir: string): Promise<number[]> {
  const names = await readdir(dir)
  return names
    .filter((name) => /^\d{8,}\.wal$/.test(name))
    .map((name) => Number.parseInt(name, 10))
    .sort((a, b) => a - b)
}

/** How files are opened: `open` of node:fs/promises, or in tests one that fails on demand. */
export type OpenFile = (path: string, flags: string) => Promise<FileHandle>

/** A new, empty segment whose name will be there after a loss of power. A failure leaves nothing behind. */
export async function createSegment(dir: string, number: number, openFile: OpenFile = open): Promise<FileHandle> {
  const path = join(dir, segmentName(number))
  // 'w', not 'wx': the number is above all others, so what may stand there is left from an attempt that failed.
  const file = await openFile(path, 'w')
  try {
    const head = segmentHead(number)
    const { bytesWritten } = await file.write(head, 0, head.length, 0)
    if (bytesWritten < head.length) throw Object.assign(new Error(`wrote ${bytesWritten} of ${head.length} bytes`), { code: 'ENOSPC' })
    await syncFolder(dir)
    return file
  } catch (error) {
    // The failure itself is what the caller must hear of; a file left behind is written anew by the next attempt.
    await file.close().catch(() => undefined)
    await unlink(path).catch(() => undefined)
    throw error
  }
}

/** Makes names of files durable. Systems that cannot sync a folder (Windows) do it by themselves. */
export async function syncFolder(dir: string): Promise<void> {
  let handle: FileHandle
  try {
    handle = await open(dir, 'r')
  } catch (error) {
    if (['EISDIR', 'EPERM', 'EACCES'].includes((error as NodeJS.ErrnoException).code ?? '')) return
    throw error
  }
  try {
    await handle.sync()
  } catch (error) {
    if (!['EINVAL', 'EPERM', 'ENOTSUP'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error
  } finally {
    await handle.close()
  }
}
