import { copyFile, link, mkdir, open, readdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { ModelwatchError, messageOf } from '../../../core/errors.ts'
import { blockErrors } from './errors.ts'

/** Ends of the names of folders that are not blocks yet, and of those that are blocks no more. Both go when the set is opened. */
export const UNFINISHED = '.tmp'
export const DELETED = '.deleted'

/** Writes a file and waits until the disk has it. */
export async function writeDurably(path: string, parts: readonly Uint8Array[]): Promise<void> {
  const file = await open(path, 'wx')
  try {
    // Unlike writev, this repeats a write that stopped half-way, so that a full disk says so.
    for (const part of parts) await file.writeFile(part)
    await file.sync()
  } finally {
    await file.close()
  }
}

/** Makes names that were created, renamed or deleted in a folder outlive a loss of power. */
export async function syncFolder(dir: string): Promise<void> {
  const folder = await open(dir, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

/** Takes a folder out of service at once, then deletes it: a crash in between leaves nothing that looks like a block. */
export async function removeFolder(dir: string): Promise<void> {
  const gone = `${dir}${DELETED}`
  await rm(gone, { recursive: true, force: true })
  await rename(dir, gone)
  await rm(gone, { recursive: true, force: true })
}

/** Makes a second name for every file of a folder, or a copy where links cannot be made. `to` appears at once, complete. */
export async function linkFolder(from: string, to: string): Promise<void> {
  const unfinished = `${to}${UNFINISHED}`
  await rm(unfinished, { recursive: true, force: true })
  await mkdir(unfinished, { recursive: true })
  for (const name of await readdir(from)) {
    if (name.endsWith(UNFINISHED)) continue
    try {
      await link(join(from, name), join(unfinished, name))
    } catch (error) {
      if (!linkCodes.has(codeOf(error))) throw error
      await copyFile(join(from, name), join(unfinished, name))
    }
  }
  await syncFolder(unfinished)
  await rename(unfinished, to)
}

/** Another disk, a file system without links, or one that allows no more of them. */
const linkCodes = new Set(['EXDEV', 'EPERM', 'ENOTSUP', 'EMLINK', 'ENOSYS'])
const fullCodes = new Set(['ENOSPC', 'EDQUOT', 'EFBIG'])

/** @returns What to throw where writing failed: MW_STORE_DISK_FULL, MW_STORE_BLOCK_IO; what is no error of the file system stays as it is. */
export function writeError(error: unknown, what: string): unknown {
  const code = codeOf(error)
  if (error instanceof ModelwatchError || code === '') return error
  if (fullCodes.has(code)) return blockErrors.MW_STORE_DISK_FULL(`no room to write ${what}: ${messageOf(error)}`, { cause: error })
  return blockErrors.MW_STORE_BLOCK_IO(`cannot write ${what}: ${messageOf(error)}`, { cause: error })
}

/** The process may open no more files, has no memory, or not the rights: nothing is wrong with the file. */
const passingCodes = new Set(['EMFILE', 'ENFILE', 'ENOMEM', 'EAGAIN', 'EACCES', 'EPERM', 'EINTR'])

/** @returns MW_STORE_BLOCK_IO when a file that cannot be read may be whole all the same; undefined when it is damaged or gone. */
export function passingReadError(error: unknown, path: string): Error | undefined {
  if (!passingCodes.has(codeOf(error))) return undefined
  return blockErrors.MW_STORE_BLOCK_IO(`cannot read ${path}: ${messageOf(error)}`, { cause: error })
}

/** The code of an error of the file system (`ENOENT`), '' when it is none. */
export function codeOf(error: unknown): string {
  const { code, syscall } = (error ?? {}) as { code?: unknown; syscall?: unknown }
  return typeof code === 'string' && typeof syscall === 'string' ? code : ''
}
