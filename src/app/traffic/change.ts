import { systemClock } from '../../core/time.ts'
import {
  firstTraffic,
  followLatest,
  type ModelTraffic,
  removeTag,
  rollBack,
  type Shadow,
  type Share,
  setShadow,
  setShares,
  setTag,
  setTagShares,
  type TrafficState,
} from '../../sources/serving/traffic/index.ts'
import { rolloutErrors } from './errors.ts'
import { type FoundModel, findModel, type TrafficProject } from './project.ts'

/** What of a model's traffic shall be otherwise; all of it is done at once, or nothing. */
export interface TrafficRequest {
  readonly split?:
    | { readonly kind: 'revisions'; readonly shares: readonly Share[] }
    | { readonly kind: 'tags'; readonly shares: readonly { readonly tag: string; readonly percent: number }[] }
    | { readonly kind: 'latest' }
    | undefined
  /** Done before the split, which may speak of them. */
  readonly setTags?: readonly { readonly tag: string; readonly revision: string }[]
  /** Done after it. */
  readonly removeTags?: readonly string[]
  readonly shadow?: Shadow | 'none' | undefined
}

export interface Changed {
  /** Undefined for a model that nobody had deployed. */
  readonly before: ModelTraffic | undefined
  readonly after: ModelTraffic
}

/** Changes a model's traffic. @throws MW_TRAFFIC_MODEL_UNKNOWN, and what the functions of the traffic throw; nothing is changed then. */
export async function changeTraffic(project: TrafficProject, model: string, request: TrafficRequest): Promise<Changed> {
  const found = await findModel(project, model)
  const { setTags = [], removeTags = [], split, shadow } = request
  return update(project, found, (before) => {
    let state = before
    for (const { tag, revision } of setTags) state = setTag(state, tag, revision, found.revisions)
    if (split?.kind === 'revisions') state = setShares(state, split.shares, found.revisions, systemClock.now())
    if (split?.kind === 'tags') state = setTagShares(state, split.shares, systemClock.now())
    if (split?.kind === 'latest') state = followLatest(state, systemClock.now())
    for (const tag of removeTags) state = removeTag(state, tag)
    if (shadow !== undefined) state = setShadow(state, shadow === 'none' ? undefined : shadow, found.revisions)
    return state
  })
}

/** Goes back to the split before. @throws MW_TRAFFIC_MODEL_UNKNOWN, MW_TRAFFIC_NO_WAY_BACK, MW_TRAFFIC_REVISION_UNKNOWN. */
export async function rollBackTraffic(project: TrafficProject, model: string): Promise<Changed> {
  const found = await findModel(project, model)
  return update(project, found, (before) => rollBack(before, found.revisions, systemClock.now()))
}

async function update({ store }: TrafficProject, found: FoundModel, change: (before: TrafficState) => TrafficState): Promise<Changed> {
  const newest = found.revisions.at(-1)
  let seen = found.traffic
  const after = await store.update(found.name, (current) => {
    seen = current
    if (current === undefined && newest === undefined)
      throw rolloutErrors.MW_TRAFFIC_MODEL_UNKNOWN(`${found.name} has no revision yet`, {
        hint: `Deploy one: modelwatch deploy ${found.name} DIR`,
      })
    return change(current ?? firstTraffic(newest!, systemClock.now()))
  })
  return { before: seen, after }
}
