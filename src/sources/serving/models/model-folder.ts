import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { messageOf } from '../../../core/errors.ts'
import { type ModelSchema, parseModelSchema } from '../../../watch/index.ts'
import { modelErrors } from './errors.ts'

/** Reads the model.yaml of a model's folder. @throws MW_MODEL_PACKAGE when there is none. */
export async function readModelSchema(dir: string): Promise<ModelSchema> {
  const file = join(dir, 'model.yaml')
  const text = await readIfThere(file, readText)
  if (text === undefined) throw modelErrors.MW_MODEL_PACKAGE(`${dir} is no model: it has no model.yaml`)
  return parseModelSchema(text, { file })
}

/** Where a revision's files are. */
export const revisionDirOf = (dir: string, revision: string) => join(dir, 'revisions', revision)

/** Names of a model's revisions in natural order, the newest last. Empty when there is none. */
export async function listRevisions(dir: string): Promise<string[]> {
  return (await listFolders(join(dir, 'revisions'))).sort(new Intl.Collator('en', { numeric: true }).compare)
}

/** The newest revision's name. @throws MW_MODEL_PACKAGE when there is none. */
export async function newestRevision(dir: string): Promise<string> {
  const newest = (await listRevisions(dir)).at(-1)
  if (newest === undefined) throw modelErrors.MW_MODEL_PACKAGE(`${dir} has no revision: ${join(dir, 'revisions')} holds no folder`)
  return newest
}

/** Folders of models below a folder: those that hold a model.yaml. @throws MW_MODEL_PACKAGE when there is none. */
export async function listModelDirs(modelsDir: string): Promise<string[]> {
  const dirs: string[] = []
  for (const name of (await listFolders(modelsDir)).sort()) {
    if ((await readIfThere(join(modelsDir, name, 'model.yaml'), readText)) !== undefined) dirs.push(join(modelsDir, name))
  }
  if (dirs.length === 0) throw modelErrors.MW_MODEL_PACKAGE(`${modelsDir} holds no model: no folder in it has a model.yaml`)
  return dirs
}

/** Folders, and links to folders, for mounted volumes are made of links; not those whose names begin with a dot. Empty when there is no such folder. */
async function listFolders(dir: string): Promise<string[]> {
  const names: string[] = []
  for (const entry of (await readIfThere(dir, (path) => readdir(path, { withFileTypes: true }))) ?? []) {
    if (entry.name.startsWith('.')) continue
    const linked = entry.isSymbolicLink() && (await readIfThere(join(dir, entry.name), stat))?.isDirectory() === true
    if (entry.isDirectory() || linked) names.push(entry.name)
  }
  return names
}

export const readText = (path: string) => readFile(path, 'utf8')

/** @returns undefined when nothing is there. @throws MW_MODEL_PACKAGE when it cannot be read. */
export async function readIfThere<T>(path: string, read: (path: string) => Promise<T>): Promise<T | undefined> {
  try {
    return await read(path)
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? ''
    if (code === 'ENOENT') return undefined
    const reasons: Readonly<Record<string, string>> = {
      EISDIR: 'it is a folder, and must be a file',
      ENOTDIR: 'a file stands where a folder must',
      EACCES: 'permission is denied',
      EPERM: 'permission is denied',
      ELOOP: 'its links lead in a circle',
    }
    throw modelErrors.MW_MODEL_PACKAGE(`${path} cannot be read: ${reasons[code] ?? messageOf(error)}`, { cause: error })
  }
}
