import { mkdir, readFile, unlink, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { messageOf } from '../../core/errors.ts'
import { walErrors } from './wal/errors.ts'

/** The right to write to a data folder. */
export interface FolderLock {
  /** Gives it back. A second call does nothing. */
  release(): Promise<void>
}

/**
 * SQLite's lock on this file is a lock of the operating system: it ends with the process that holds it, however that ends, and it also keeps out a
 * second store of the same process. No other code may open this file: on Unix, closing any descriptor of it would drop the lock.
 */
const LOCK_FILE = 'lock'
/** Who holds it, for messages alone: the number may be of a process long gone, and nothing is decided by it. */
const HOLDER_FILE = 'lock.pid'
const SQLITE_BUSY = 5

/**
 * Locks a data folder for this process, and makes it if it is not there.
 * @throws MW_STORE_FOLDER_LOCKED when another store uses it; MW_STORE_FOLDER_UNUSABLE when it cannot be made or written.
 */
export async function lockFolder(dir: string): Promise<FolderLock> {
  const folder = resolve(dir)
  const holderFile = join(folder, HOLDER_FILE)
  const database = await openLocked(folder, holderFile)
  // On a full disk this fails, and then only the message of the next one is poorer.
  await writeFile(holderFile, `${process.pid}\n`).catch(() => undefined)
  return {
    async release() {
      if (!database.isOpen) return
      await unlink(holderFile).catch(() => undefined)
      if (database.isOpen) database.close()
    },
  }
}

async function openLocked(folder: string, holderFile: string): Promise<DatabaseSync> {
  let database: DatabaseSync | undefined
  try {
    await mkdir(folder, { recursive: true })
    database = new DatabaseSync(join(folder, LOCK_FILE), { timeout: 0 })
    database.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE')
    return database
  } catch (error) {
    database?.close()
    if ((error as { errcode?: number }).errcode === SQLITE_BUSY) {
      throw walErrors.MW_STORE_FOLDER_LOCKED(`the data folder ${folder} is in use by ${await holderOf(holderFile)}`, { cause: error })
    }
    throw walErrors.MW_STORE_FOLDER_UNUSABLE(`the data folder ${folder} cannot be locked: ${messageOf(error)}`, { cause: error })
  }
}

async function holderOf(holderFile: string): Promise<string> {
  const pid = Number.parseInt(await readFile(holderFile, 'utf8').catch(() => ''), 10)
  if (pid === process.pid) return `another store of this process (pid ${pid})`
  return Number.isInteger(pid) ? `the process with pid ${pid}` : 'another process'
}
