import { createHash, randomBytes } from 'node:crypto'
import { copyFile, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname, join, relative, sep } from 'node:path'
import { ModelwatchError, messageOf } from '../../core/errors.ts'
import { digestOf } from '../../sources/serving/models/index.ts'
import { rolloutErrors } from './errors.ts'

/**
 * Every file of a folder and of those below it, as paths with slashes, sorted. Links are followed; names that begin with a dot are left out, as
 * they are where models are served.
 */
export async function listFiles(dir: string): Promise<string[]> {
  const paths: string[] = []
  const visit = async (folder: string): Promise<void> => {
    for (const entry of await readdir(folder, { withFileTypes: true })) {
      if (entry.name.startsWith('.')) continue
      const path = join(folder, entry.name)
      if (entry.isDirectory() || (entry.isSymbolicLink() && (await leadsToFolder(path)))) await visit(path)
      else paths.push(relative(dir, path).split(sep).join('/'))
    }
  }
  await visit(dir)
  return paths.sort()
}

/** A link that leads nowhere is taken for a file: reading it says what is wrong. */
async function leadsToFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  )
}

/** The digest of a folder: of the names and bytes of its files. Times and owners do not count. */
export async function digestOfFolder(dir: string): Promise<string> {
  const hash = createHash('sha256')
  for (const path of await listFiles(dir)) hash.update(`${JSON.stringify(path)} ${await digestOf(join(dir, path))}\n`)
  return `sha256:${hash.digest('hex')}`
}

/** Copies that a killed deployment left behind are swept away by a later one when they are this old. */
const ABANDONED_MS = 86_400_000
const temporaryName = /^\..+\.copy-[0-9a-f]{8}$/

export interface CopyOptions {
  /** Of the folder as it was proven (`digestOfFolder`). */
  readonly digest: string
  /** To know what an earlier copy that was killed has left. */
  readonly nowMs: number
  /** The last thing before the copy stands under its name. */
  beforeItStands(): Promise<void>
}

/**
 * Copies a revision's folder to its place: whole, on disk, and under its name only then. Nothing is left behind when that fails.
 * @returns 'taken' when there is a folder of that name already.
 * @throws MW_DEPLOY_COPY_FAILED, also when the source is not any more what was proven; and what `beforeItStands` throws.
 */
export async function copyRevision(source: string, target: string, options: CopyOptions): Promise<'copied' | 'taken'> {
  const folder = dirname(target)
  const temporary = join(folder, `.${basename(target)}.copy-${randomBytes(4).toString('hex')}`)
  try {
    await mkdir(folder, { recursive: true })
    await sweep(folder, options.nowMs)
    for (const path of await listFiles(source)) await copyToDisk(join(source, path), join(temporary, path))
    if ((await digestOfFolder(temporary)) !== options.digest) throw new Error(`${source} was changed meanwhile`)
    for (const path of await listFolders(temporary)) await sync(path)
    if (await exists(target)) return 'taken'
    await options.beforeItStands()
    const moved = await moveInto(temporary, target)
    await sync(folder)
    return moved
  } catch (error) {
    if (error instanceof ModelwatchError) throw error
    const { code } = error as NodeJS.ErrnoException
    const reasons: Readonly<Record<string, string>> = {
      EEXIST: `${folder} is no folder`,
      ENOTDIR: 'a file stands where a folder must',
      ENOSPC: 'the disk is full',
      EDQUOT: 'the quota is used up',
      EACCES: 'permission is denied',
      EPERM: 'permission is denied',
      EROFS: 'the file system is read-only',
    }
    throw rolloutErrors.MW_DEPLOY_COPY_FAILED(`${source} cannot be copied to ${target}: ${reasons[code ?? ''] ?? messageOf(error)}`, {
      cause: error,
    })
  } finally {
    await rm(temporary, { recursive: true, force: true }).catch(() => {}) // Renamed away, or swept by a later deployment.
  }
}

/** A folder that holds something is not replaced: of two at the same time, the second finds the name taken. */
async function moveInto(from: string, to: string): Promise<'copied' | 'taken'> {
  try {
    await rename(from, to)
    return 'copied'
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOTEMPTY' || code === 'EEXIST') return 'taken'
    throw error
  }
}

async function copyToDisk(from: string, to: string): Promise<void> {
  await mkdir(dirname(to), { recursive: true })
  await copyFile(from, to)
  await sync(to)
}

async function sync(path: string): Promise<void> {
  const handle = await open(path, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

async function listFolders(dir: string): Promise<string[]> {
  const entries = await readdir(dir, { withFileTypes: true, recursive: true })
  return [dir, ...entries.filter((entry) => entry.isDirectory()).map((entry) => join(entry.parentPath, entry.name))]
}

async function sweep(folder: string, nowMs: number): Promise<void> {
  for (const name of await readdir(folder)) {
    if (!temporaryName.test(name)) continue
    const path = join(folder, name)
    const found = await stat(path).catch(() => undefined) // Another deployment may have just finished.
    if (found !== undefined && found.mtimeMs < nowMs - ABANDONED_MS) await rm(path, { recursive: true, force: true })
  }
}

const exists = (path: string) =>
  stat(path).then(
    () => true,
    () => false,
  )
