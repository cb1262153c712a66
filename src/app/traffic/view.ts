import { stat } from 'node:fs/promises'
import { messageOf } from '../../core/errors.ts'
import { systemClock } from '../../core/time.ts'
import { digestOf, readModelSchema, readRevisionDir, revisionDirOf } from '../../sources/serving/models/index.ts'
import { runtimes } from '../../sources/serving/runtimes/index.ts'
import { firstTraffic, type RevisionReport, type Split, sharesOf, wayForward } from '../../sources/serving/traffic/index.ts'
import { findModel, type TrafficProject } from './project.ts'

/** A revision, as the traffic and the processes that serve it know it. */
export interface RevisionTraffic {
  readonly name: string
  readonly percent: number
  readonly tags: readonly string[]
  readonly latest: boolean
  /** Share of the requests it is shadowed with, a ratio; undefined: none. */
  readonly shadow: number | undefined
  /** Processes that serve it. */
  readonly ready: readonly string[]
  readonly loading: readonly string[]
  /** Processes that could not load it, and why. */
  readonly failed: readonly { readonly process: string; readonly reason: string }[]
}

/** What its folder says. */
export interface RevisionFolder {
  /** When the folder came to stand there. */
  readonly deployedMs: number
  /** As revision.yaml has it. */
  readonly trainedAt: string | undefined
  /** Of the model file. */
  readonly digest: string | undefined
  /** Why it could not be served; undefined: nothing is known against it. */
  readonly fault: string | undefined
}

export interface TrafficView {
  readonly model: string
  /** Whether the split follows the latest revision. */
  readonly follows: boolean
  readonly latest: string | undefined
  /** Undefined for a model that nobody deployed. */
  readonly sinceMs: number | undefined
  /** 0 for a model that nobody deployed. */
  readonly generation: number
  /** What the last rollback came from. */
  readonly forward: Split | undefined
  /** The latest first, then the others, in the natural order of their names from behind. */
  readonly revisions: readonly RevisionTraffic[]
}

/** Reads a model's traffic, and what is known of its revisions. @throws MW_TRAFFIC_MODEL_UNKNOWN, MW_TRAFFIC_UNAVAILABLE. */
export async function readTraffic(project: TrafficProject, model: string): Promise<TrafficView> {
  const found = await findModel(project, model)
  const { traffic } = found
  const newest = found.revisions.at(-1)
  const state = traffic ?? (newest === undefined ? undefined : firstTraffic(newest, systemClock.now()))
  const shares = state === undefined ? [] : sharesOf(state.split)
  const reports = newestOfEach((await project.store.reports()).filter((report) => report.model === model))
  // What the traffic names is shown also where its folder is gone: somebody must see that.
  const tagged = Object.values(state?.tags ?? {})
  const names = new Set([
    ...shares.map(({ revision }) => revision),
    ...tagged,
    ...(state?.shadow === undefined ? [] : [state.shadow.revision]),
  ])
  const missing = [...names].filter((name) => !found.revisions.includes(name))
  return {
    model,
    follows: state?.split.shares === 'latest',
    latest: state?.latest,
    sinceMs: traffic?.split.sinceMs,
    generation: traffic?.generation ?? 0,
    forward: state === undefined ? undefined : wayForward(state),
    revisions: inOrder([...missing, ...found.revisions.toReversed()], state?.latest).map((name) => ({
      name,
      percent: shares.find(({ revision }) => revision === name)?.percent ?? 0,
      tags: Object.entries(state?.tags ?? {}).flatMap(([tag, revision]) => (revision === name ? [tag] : [])),
      latest: state?.latest === name,
      shadow: state?.shadow?.revision === name ? state.shadow.ratio : undefined,
      ...byState(reports.filter(({ revision }) => revision === name)),
    })),
  }
}

/** What was deployed last need not be the last by name: a date comes before a v. */
function inOrder(names: readonly string[], latest: string | undefined): readonly string[] {
  return [...names.filter((name) => name === latest), ...names.filter((name) => name !== latest)]
}

/** Reads a revision's folder; its model file is read whole, for the digest. Undefined where there is none. */
export async function readRevisionFolder(project: TrafficProject, model: string, revision: string): Promise<RevisionFolder | undefined> {
  const { dir } = await findModel(project, model)
  if (dir === undefined) return undefined
  const folder = revisionDirOf(dir, revision)
  const found = await stat(folder).catch(() => undefined) // Gone, or never was here.
  if (found === undefined) return undefined
  try {
    const { info, modelPath } = await readRevisionDir(folder, await readModelSchema(dir), runtimes)
    return { deployedMs: found.mtimeMs, trainedAt: info.trained_at, digest: await digestOf(modelPath), fault: undefined }
  } catch (error) {
    return { deployedMs: found.mtimeMs, trainedAt: undefined, digest: undefined, fault: messageOf(error) }
  }
}

function byState(reports: readonly RevisionReport[]): Pick<RevisionTraffic, 'ready' | 'loading' | 'failed'> {
  const processes = (state: RevisionReport['state']) => reports.filter((report) => report.state === state).map(({ process }) => process)
  const failed = reports
    .filter(({ state }) => state === 'failed')
    .map(({ process, reason }) => ({ process, reason: reason ?? 'it does not say why' }))
  return { ready: processes('ready'), loading: processes('loading'), failed }
}

/** What a process said about an earlier generation, it has said anew since, or the revision is no longer its concern. */
function newestOfEach(reports: readonly RevisionReport[]): readonly RevisionReport[] {
  const newest = new Map<string, number>()
  for (const { process, generation } of reports) newest.set(process, Math.max(generation, newest.get(process) ?? 0))
  return reports.filter(({ process, generation }) => generation === newest.get(process))
}
