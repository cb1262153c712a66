import { realpath, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { messageOf } from '../../core/errors.ts'
import { systemClock } from '../../core/time.ts'
import { Registry } from '../../instrument/index.ts'
import { prepareRevision, readModelSchema, readRevisionDir, revisionDirOf } from '../../sources/serving/models/index.ts'
import { runtimes } from '../../sources/serving/runtimes/index.ts'
import { deploy, firstTraffic, type ModelTraffic, pin, type TrafficState } from '../../sources/serving/traffic/index.ts'
import { modelThreadFile, readVersion } from '../package.ts'
import { rolloutErrors } from './errors.ts'
import { type FoundModel, findModel, type TrafficProject } from './project.ts'
import { copyRevision, digestOfFolder } from './revision-files.ts'

export interface DeployRequest {
  readonly model: string
  /** Folder with the model file and what belongs to it. One that stands among the model's revisions already is deployed where it is. */
  readonly source: string
  /** Undefined: the date and a letter. */
  readonly name: string | undefined
  readonly traffic: boolean
  readonly tag: string | undefined
  /** Told what is being done. */
  onStep(text: string): void
}

/** What a revision has shown before it was deployed. */
interface Proof {
  /** Of the model file. */
  readonly digest: string
  /** Golden rows it answered as it must. */
  readonly goldenRows: number
  /** Whether it has a reference profile, without which its drift is not watched. */
  readonly watched: boolean
}

export interface Deployed extends Proof {
  readonly revision: string
  /** Its folder. */
  readonly dir: string
  /** Whether the folder was there already, the same byte for byte. */
  readonly wasThere: boolean
  /** The traffic as it was; undefined for a model that nobody had deployed. */
  readonly before: ModelTraffic | undefined
  readonly after: ModelTraffic
}

/**
 * Deploys a revision: it is read, loaded and proven here, copied to its place, and only then made the latest. Whatever fails before that last step
 * changes nothing.
 * @throws MW_TRAFFIC_MODEL_UNKNOWN, MW_DEPLOY_SOURCE, MW_DEPLOY_NAME_INVALID, MW_DEPLOY_NAME_TAKEN, MW_DEPLOY_COPY_FAILED, what reading, loading and
 *   proving a revision throw, and what `deploy` of the traffic throws.
 */
export async function deployRevision(project: TrafficProject, request: DeployRequest): Promise<Deployed> {
  const { model, source, traffic, tag, onStep } = request
  const found = await findModel(project, model)
  const { dir } = found
  if (dir === undefined)
    throw rolloutErrors.MW_TRAFFIC_MODEL_UNKNOWN(`${model} has no folder in ${project.modelsDir}, where a revision could be put`)
  const change = (revision: string) => (current: ModelTraffic | undefined) =>
    deploy(current ?? stateWithout(revision, found), { revision, traffic, tag, nowMs: systemClock.now() })
  const inPlace = await nameInPlace(dir, request)
  change(inPlace ?? request.name ?? '')(found.traffic) // What it would refuse, it refuses before the work.

  const folderDigest = await digestOfFolder(source).catch((cause: unknown) => {
    throw rolloutErrors.MW_DEPLOY_SOURCE(`${source} cannot be read: ${messageOf(cause)}`, { cause })
  })
  const isThere = inPlace !== undefined || (await isSame(found, dir, request.name, folderDigest))
  onStep(`loads ${source} and lets it prove itself`)
  const proof = await prove(dir, source, inPlace ?? request.name ?? basename(source))
  // Whoever takes over new folders by himself (serving.reload) may see this one before the traffic says what is meant. So what serves is written down first:
  // a model that nobody deployed serves its newest folder, which is the new one a moment from now; and one without traffic must not be followed.
  const writeDown = async (revision: string) => {
    const before = stateWithout(revision, found)
    if (before === undefined || (found.traffic !== undefined && traffic)) return
    await project.store.update(model, (current) => (traffic ? (current ?? before) : pin(current ?? before)))
  }
  const revision = isThere ? (inPlace ?? request.name!) : await copy({ found, dir, request, folderDigest, beforeItStands: writeDown })
  const after = await project.store.update(model, change(revision))
  return { revision, dir: revisionDirOf(dir, revision), ...proof, wasThere: isThere, before: found.traffic, after }
}

const namePattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/

/** What a model that nobody deployed serves, apart from a revision that is being deployed; undefined when that is its first. */
function stateWithout(revision: string, { revisions }: FoundModel): TrafficState | undefined {
  const newest = revisions.filter((name) => name !== revision).at(-1)
  return newest === undefined ? undefined : firstTraffic(newest, systemClock.now())
}

/** The name of a source that stands among the model's revisions already. @throws MW_DEPLOY_SOURCE, MW_DEPLOY_NAME_INVALID. */
async function nameInPlace(dir: string, { source, name }: DeployRequest): Promise<string | undefined> {
  if (name !== undefined && !namePattern.test(name))
    throw rolloutErrors.MW_DEPLOY_NAME_INVALID(`${JSON.stringify(name)} is no name for a revision`)
  const found = await stat(source).catch((cause: unknown) => {
    const reason = (cause as NodeJS.ErrnoException).code === 'ENOENT' ? 'there is no such folder' : messageOf(cause)
    throw rolloutErrors.MW_DEPLOY_SOURCE(`${source} cannot be read: ${reason}`, { cause })
  })
  if (!found.isDirectory()) throw rolloutErrors.MW_DEPLOY_SOURCE(`${source} is no folder`)
  const path = await realpath(source)
  const revisions = await realpath(join(dir, 'revisions')).catch(() => undefined) // None yet.
  if (dirname(path) !== revisions) return undefined
  if (name !== undefined && name !== basename(path))
    throw rolloutErrors.MW_DEPLOY_NAME_TAKEN(`${source} is the revision ${basename(path)} of the model already`, {
      hint: 'Leave --name out to deploy it as it is.',
    })
  return basename(path)
}

/** Whether a revision of that name is there, the same byte for byte. @throws MW_DEPLOY_NAME_TAKEN when there is another. */
async function isSame(found: FoundModel, dir: string, name: string | undefined, folderDigest: string): Promise<boolean> {
  if (name === undefined || !found.revisions.includes(name)) return false
  if ((await digestOfFolder(revisionDirOf(dir, name))) === folderDigest) return true
  throw rolloutErrors.MW_DEPLOY_NAME_TAKEN(`${found.name} has a revision ${name} already, and it is not the same`)
}

/** @throws what reading, loading and proving throw. */
async function prove(dir: string, source: string, revision: string): Promise<Proof> {
  const found = await readRevisionDir(source, await readModelSchema(dir), runtimes)
  const { loaded, digest } = await prepareRevision(
    { ...found, revision },
    {
      registry: new Registry(), // What is counted here is nobody's to see.
      clock: systemClock,
      runtimes,
      placement: 'inline',
      threads: 1,
      version: readVersion(),
      threadFile: modelThreadFile,
      onEvent: () => {}, // What matters of it, the errors say.
    },
  )
  await loaded.unload()
  return { digest, goldenRows: found.golden?.columns.rows ?? 0, watched: found.reference !== undefined }
}

interface CopyOptions {
  readonly found: FoundModel
  readonly dir: string
  readonly request: DeployRequest
  readonly folderDigest: string
  readonly beforeItStands: (revision: string) => Promise<void>
}

/** @returns the revision's name. @throws MW_DEPLOY_COPY_FAILED; MW_DEPLOY_NAME_TAKEN when another deployment was quicker. */
async function copy({ found, dir, request, folderDigest, beforeItStands }: CopyOptions): Promise<string> {
  const taken = new Set(found.revisions)
  for (;;) {
    const revision = request.name ?? nameByDate(systemClock.now(), taken)
    request.onStep(`copies it to ${revisionDirOf(dir, revision)}`)
    const done = await copyRevision(request.source, revisionDirOf(dir, revision), {
      digest: folderDigest,
      nowMs: systemClock.now(),
      beforeItStands: () => beforeItStands(revision),
    })
    if (done === 'copied') return revision
    if (request.name !== undefined)
      throw rolloutErrors.MW_DEPLOY_NAME_TAKEN(`${found.name} has been given a revision ${revision} by another meanwhile`)
    taken.add(revision)
  }
}

const letters = 'abcdefghijklmnopqrstuvwxyz'

/** `2026-11-20-a`, and so on to z, za, … zz, zza: the first that is free. In natural order each comes after those before it. The day is that of UTC. */
export function nameByDate(nowMs: number, taken: ReadonlySet<string>): string {
  const day = new Date(nowMs).toISOString().slice(0, 10)
  for (let prefix = ''; ; prefix += 'z') {
    for (const letter of letters) {
      const name = `${day}-${prefix}${letter}`
      if (!taken.has(name)) return name
    }
  }
}
