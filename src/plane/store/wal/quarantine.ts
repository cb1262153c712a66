import { type FileHandle, mkdir, open, rename, stat } from 'node:fs/promises'
import { join } from 'node:path'

const COPY_BYTES = 256 * 1024

/**
 * Copies a damaged stretch of a file to where somebody may look at it. Zeros at its end are not copied: they are what a file system leaves of
 * a file that was growing when power was lost.
 *
 * @param name - Of the copy, within `dir`; a copy of this name that is there already, whole, is left as it is.
 * @returns the path of the copy; undefined when there were only zeros.
 */
export async function quarantine(
  file: FileHandle,
  range: { offset: number; bytes: number },
  dir: string,
  name: string,
): Promise<string | undefined> {
  const buffer = Buffer.alloc(Math.min(COPY_BYTES, range.bytes))
  const size = await sizeWithoutZeros(file, range, buffer)
  if (size === 0) return undefined
  const path = join(dir, name)
  await mkdir(dir, { recursive: true })
  const present = await stat(path).catch(() => undefined)
  if (present?.size === size) return path
  // Under another name until it is whole, so that a copy that broke off is not taken for one.
  const copy = await open(`${path}.part`, 'w')
  try {
    for (let done = 0; done < size; ) {
      const { bytesRead } = await file.read(buffer, 0, Math.min(buffer.length, size - done), range.offset + done)
      if (bytesRead === 0) break
      await copy.appendFile(buffer.subarray(0, bytesRead))
      done += bytesRead
    }
    await copy.sync()
  } finally {
    await copy.close()
  }
  await rename(`${path}.part`, path)
  return path
}

async function sizeWithoutZeros(file: FileHandle, range: { offset: number; bytes: number }, buffer: Buffer): Promise<number> {
  const zeros = Buffer.alloc(buffer.length)
  let to = range.bytes
  while (to > 0) {
    const from = Math.max(0, to - buffer.length)
    const { bytesRead } = await file.read(buffer, 0, to - from, range.offset + from)
    const piece = buffer.subarray(0, bytesRead)
    if (!piece.equals(zeros.subarray(0, bytesRead))) {
      let last = bytesRead
      while (piece[last - 1] === 0) last--
      return from + last
    }
    to = from
  }
  return 0
}
