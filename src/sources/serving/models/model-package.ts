import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { type Static, Type } from 'typebox'
import { parseConfig } from '../../../core/config.ts'
import { messageOf } from '../../../core/errors.ts'
import { type ModelSchema, parseModelSchema, parseReference, type Reference } from '../../../watch/index.ts'
import { modelErrors } from './errors.ts'

/** `revision.yaml`: where a revision comes from. Every key may be left out, and so may the file. */
const RevisionInfo = Type.Object(
  {
    trained_at: Type.Optional(
      Type.String({
        title: 'a time such as 2026-11-20T08:00:00Z',
        pattern: '^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d(\\.\\d+)?(Z|[+-]\\d\\d:\\d\\d)$',
      }),
    ),
    framework: Type.Optional(Type.String()),
    training_data: Type.Optional(Type.String({ description: 'Digest of the training data.' })),
    dependencies: Type.Optional(Type.Record(Type.String(), Type.String())),
    notes: Type.Optional(Type.String()),
  },
  { additionalProperties: false, default: {} },
)
export type RevisionInfo = Static<typeof RevisionInfo>

/** A model's folder, read and checked; the model itself is not loaded yet. */
export interface ModelPackage {
  readonly schema: ModelSchema
  /** Name of the newest revision: the last in natural order. */
  readonly revision: string
  readonly revisionDir: string
  readonly info: RevisionInfo
  /** Undefined when the revision has no reference.json: it is served, and its drift is not watched. */
  readonly reference: Reference | undefined
}

/**
 * Reads a model's folder.
 * @throws MW_MODEL_PACKAGE when model.yaml or a revision is missing or cannot be read; MW_CONFIG_INVALID for a file that is wrong.
 */
export async function readModelPackage(dir: string): Promise<ModelPackage> {
  const schema = await readModelSchema(dir)
  const revision = await newestRevision(dir)
  const revisionDir = join(dir, 'revisions', revision)
  const infoFile = join(revisionDir, 'revision.yaml')
  const referenceFile = join(revisionDir, 'reference.json')
  const infoText = await readIfThere(infoFile, readText)
  const referenceText = await readIfThere(referenceFile, readText)
  return {
    schema,
    revision,
    revisionDir,
    info: parseConfig(RevisionInfo, infoText ?? '', { file: infoFile }).value,
    reference: referenceText === undefined ? undefined : parseReference(referenceText, { file: referenceFile }, schema),
  }
}

/** Reads the model.yaml of a model's folder. @throws MW_MODEL_PACKAGE when there is none. */
export async function readModelSchema(dir: string): Promise<ModelSchema> {
  const file = join(dir, 'model.yaml')
  const text = await readIfThere(file, readText)
  if (text === undefined) throw modelErrors.MW_MODEL_PACKAGE(`${dir} is no model: it has no model.yaml`)
  return parseModelSchema(text, { file })
}

/** The newest revision's name. @throws MW_MODEL_PACKAGE when there is none. */
export async function newestRevision(dir: string): Promise<string> {
  const revisions = join(dir, 'revisions')
  const names = await listFolders(revisions)
  const newest = names.sort(new Intl.Collator('en', { numeric: true }).compare).at(-1)
  if (newest === undefined) throw modelErrors.MW_MODEL_PACKAGE(`${dir} has no revision: ${revisions} holds no folder`)
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

/** The digest of a file's bytes, `sha256:` and 64 hexadecimal digits. The file is streamed. */
export async function digestOf(file: string): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(file), hash)
  return `sha256:${hash.digest('hex')}`
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

const readText = (path: string) => readFile(path, 'utf8')

/** @returns undefined when nothing is there. @throws MW_MODEL_PACKAGE when it cannot be read. */
async function readIfThere<T>(path: string, read: (path: string) => Promise<T>): Promise<T | undefined> {
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
