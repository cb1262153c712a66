import { mkdir, open, realpath, rename, rm, stat, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { defineErrors, messageOf } from '../core/errors.ts'

export const writeErrors = defineErrors({
  MW_WRITE_FAILED: {
    kind: 'config',
    retryable: false,
    hint: 'Name a place with --out, in a folder that is there, may be written to, and has room.',
  },
})

/** A place for a file, found to be writable. */
export interface WholeFile {
  /** As it was named. */
  readonly path: string
  /**
   * A reader sees the old file or the new one, never half of it; a failure leaves nothing behind.
   * @throws MW_WRITE_FAILED
   */
  write(text: string): Promise<void>
}

/**
 * Makes sure that a file can be written, before the work whose result it will hold. A link is followed: the file behind it is replaced.
 * @throws MW_WRITE_FAILED when the folder is not there or may not be written to, or something other than a file stands at the path.
 */
export async function prepareFile(path: string): Promise<WholeFile> {
  const target = await realpath(path).catch(() => path) // What is not there yet has no other path.
  const temporary = `${target}.tmp-${process.pid}`
  try {
    const found = await stat(target).catch(() => undefined) // Not there yet, or not to be seen: the attempt below tells.
    if (found !== undefined && !found.isFile())
      throw writeErrors.MW_WRITE_FAILED(`${path} is ${found.isDirectory() ? 'a folder' : 'not a file'}`)
    // An attempt, for permissions alone do not say it: a file system may be read-only, or another's.
    await (await open(temporary, 'w')).close()
  } catch (error) {
    throw toWriteError(path, error)
  } finally {
    await rm(temporary, { force: true }).catch(() => {}) // It was never there, or the error already tells why.
  }
  return {
    path,
    async write(text) {
      try {
        await writeFile(temporary, text)
        await rename(temporary, target)
      } catch (error) {
        await rm(temporary, { force: true }).catch(() => {}) // The first error says what is wrong.
        throw toWriteError(path, error)
      }
    },
  }
}

/** Makes a folder and those above it, as needed. @throws MW_WRITE_FAILED */
export async function prepareFolder(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true })
  } catch (error) {
    throw toWriteError(path, error)
  }
}

function toWriteError(path: string, error: unknown): unknown {
  const { code } = error as NodeJS.ErrnoException
  if (code?.startsWith('MW_') === true) return error
  const reasons: Readonly<Record<string, string>> = {
    ENOENT: `the folder ${dirname(path)} is not there`,
    ENOTDIR: 'a file stands where a folder must',
    EEXIST: 'a file stands where a folder must',
    EACCES: 'permission is denied',
    EPERM: 'permission is denied',
    EROFS: 'the file system is read-only',
    ENOSPC: 'the disk is full',
  }
  return writeErrors.MW_WRITE_FAILED(`${path} cannot be written: ${reasons[code ?? ''] ?? messageOf(error)}`, { cause: error })
}
