import type { Shadow, Share, Split, TrafficState } from './contract.ts'
import { historyMax } from './contract.ts'
import { trafficErrors } from './errors.ts'
import { checkShares, fillShares, inOrderOf, sameShares, sharesOf } from './shares.ts'

/*
 * Everything that can be done to a model's traffic, as pure functions from what is to what shall be, for `TrafficStore.update`.
 * The words and their meaning are Cloud Run's; where it has none (rollback, shadow), the doc comment says what we chose.
 */

const tagPattern = /^[a-z][a-z0-9-]{0,62}$/

/** All traffic to one revision, and to whatever is deployed after it: how a model begins, and what a model that nobody deployed has. */
export function firstTraffic(revision: string, nowMs: number): TrafficState {
  return { latest: revision, split: { shares: 'latest', latest: revision, sinceMs: nowMs }, tags: {}, shadow: undefined, history: [] }
}

export interface Deployment {
  readonly revision: string
  /** Whether traffic may go to it at once. */
  readonly traffic: boolean
  readonly tag: string | undefined
  readonly nowMs: number
}

/**
 * A new revision becomes the latest.
 * With traffic: it takes over all of it where the split follows the latest; an explicit split stays as it is.
 * Without: where the split followed the latest, who serves now is written down as an explicit 100 %; from then on nothing is followed.
 *
 * @param current - Undefined: the model has no revision yet.
 * @throws MW_TRAFFIC_FIRST_REVISION for a first revision without traffic; MW_TRAFFIC_TAG_INVALID.
 */
export function deploy(current: TrafficState | undefined, { revision, traffic, tag, nowMs }: Deployment): TrafficState {
  if (current === undefined && !traffic)
    throw trafficErrors.MW_TRAFFIC_FIRST_REVISION(`${revision} is the first revision of its model, so all traffic is for it`)
  const before = current ?? firstTraffic(revision, nowMs)
  const moved = () =>
    before.split.shares === 'latest' ? changeSplit(before, { shares: 'latest', latest: revision, sinceMs: nowMs }) : before
  const state = traffic ? moved() : pin(before)
  const deployed = { ...toState(state), latest: revision }
  return tag === undefined ? deployed : setTag(deployed, tag, revision)
}

/** Writes down who serves now, so that it stays so whatever is deployed; an explicit split is that already. */
export function pin(current: TrafficState): TrafficState {
  return changeSplit(current, { ...current.split, shares: sharesOf(current.split) })
}

/**
 * Shares the traffic out by name; from then on it does not follow the latest revision.
 * @param known - Revisions there are.
 * @throws MW_TRAFFIC_SPLIT_INVALID, MW_TRAFFIC_REVISION_UNKNOWN.
 */
export function setShares(current: TrafficState, asked: readonly Share[], known: readonly string[], nowMs: number): TrafficState {
  refuseUnknown(asked, known)
  return toShares(current, checkShares(asked, 'all'), nowMs)
}

/**
 * Gives tagged revisions their shares; the rest stays, in proportion, with the others that serve. What a tag names is looked up now: moving
 * the tag later moves no traffic.
 * @throws MW_TRAFFIC_TAG_UNKNOWN, MW_TRAFFIC_SPLIT_INVALID.
 */
export function setTagShares(
  current: TrafficState,
  asked: readonly { readonly tag: string; readonly percent: number }[],
  nowMs: number,
): TrafficState {
  const named = asked.map(({ tag, percent }) => ({ revision: revisionOfTag(current, tag), percent }))
  const shares = checkShares(named, 'part')
  // One that is given 0 serves no more, and so takes no part of the rest.
  const gone = new Set(named.filter(({ percent }) => percent === 0).map(({ revision }) => revision))
  const serving = sharesOf(current.split).filter(({ revision }) => !gone.has(revision))
  return toShares(current, fillShares(shares, serving), nowMs)
}

/** All traffic to the latest revision, and to those that come after it. */
export function followLatest(current: TrafficState, nowMs: number): TrafficState {
  return changeSplit(current, { shares: 'latest', latest: current.latest, sinceMs: nowMs })
}

/** @throws MW_TRAFFIC_TAG_INVALID; MW_TRAFFIC_REVISION_UNKNOWN when `known` is given and the revision is not among it. */
export function setTag(current: TrafficState, tag: string, revision: string, known?: readonly string[]): TrafficState {
  if (!tagPattern.test(tag)) throw trafficErrors.MW_TRAFFIC_TAG_INVALID(`${JSON.stringify(tag)} is no tag`)
  if (known !== undefined) refuseUnknown([{ revision }], known)
  const tags = { ...current.tags, [tag]: revision }
  if (Object.keys(tags).length > tagsMax)
    throw trafficErrors.MW_TRAFFIC_TAG_INVALID(`the model has ${tagsMax} tags already`, { hint: 'Take one away first: --remove-tag T.' })
  return { ...toState(current), tags }
}

/** Tagged revisions are all kept loaded, so they must not become many. */
export const tagsMax = 20

/** @throws MW_TRAFFIC_TAG_UNKNOWN. */
export function removeTag(current: TrafficState, tag: string): TrafficState {
  revisionOfTag(current, tag)
  const { [tag]: _, ...tags } = current.tags
  return { ...toState(current), tags }
}

/** @param shadow - Undefined: none. @throws MW_TRAFFIC_REVISION_UNKNOWN, MW_TRAFFIC_SHADOW_INVALID. */
export function setShadow(current: TrafficState, shadow: Shadow | undefined, known: readonly string[]): TrafficState {
  if (shadow !== undefined) {
    refuseUnknown([shadow], known)
    if (!(shadow.ratio > 0 && shadow.ratio <= 1))
      throw trafficErrors.MW_TRAFFIC_SHADOW_INVALID(`${shadow.revision}=${shadow.ratio}: a share of the requests lies above 0 and up to 1`)
  }
  return { ...toState(current), shadow }
}

/**
 * Back to the split before: the newest of the history under which others answered than now. What 'latest' stood for then is written out, so the
 * traffic follows the latest no more. A second rollback goes further back: what was rolled back from is passed by, never returned to; it stays in the
 * history, marked, and `wayForward` names it.
 *
 * @throws MW_TRAFFIC_NO_WAY_BACK when there is no such split; MW_TRAFFIC_REVISION_UNKNOWN when one of its revisions is gone.
 */
export function rollBack(current: TrafficState, known: readonly string[], nowMs: number): TrafficState {
  const serving = sharesOf(current.split)
  const at = current.history.findIndex((split) => split.undone !== true && !sameShares(sharesOf(split), serving))
  const target = current.history[at]
  if (target === undefined)
    throw trafficErrors.MW_TRAFFIC_NO_WAY_BACK(
      current.history.length === 0
        ? 'there is no split before this one'
        : 'there is no split before this one that was not rolled back from',
    )
  const shares = sharesOf(target)
  refuseUnknown(shares, known)
  const passed = [current.split, ...current.history.slice(0, at)].map((split): Split => ({ ...split, undone: true }))
  return {
    ...toState(current),
    split: { shares, latest: current.latest, sinceMs: nowMs },
    history: [...passed, ...current.history.slice(at + 1)].slice(0, historyMax),
  }
}

/** What the last rollback came from, as long as nothing else has been done to the split since. */
export function wayForward(current: TrafficState): Split | undefined {
  return current.history[0]?.undone === true ? current.history[0] : undefined
}

/** Revisions that a gateway must hold ready: those with a share, a tag, or the shadow. */
export function revisionsWanted(current: TrafficState): ReadonlySet<string> {
  const shadow = current.shadow === undefined ? [] : [current.shadow.revision]
  return new Set([...sharesOf(current.split).map(({ revision }) => revision), ...Object.values(current.tags), ...shadow])
}

/** Revisions whose folders must stay: those wanted, the latest, and those of the splits that a rollback can still reach. */
export function revisionsNeeded(current: TrafficState): ReadonlySet<string> {
  const past = current.history.filter(({ undone }) => undone !== true).flatMap((split) => sharesOf(split).map(({ revision }) => revision))
  return new Set([...revisionsWanted(current), current.latest, ...past])
}

/** Every revision the traffic knows by name. */
export function revisionsNamed(current: TrafficState): ReadonlySet<string> {
  const past = current.history.flatMap((split) => [split.latest, ...sharesOf(split).map(({ revision }) => revision)])
  return new Set([...revisionsNeeded(current), ...past])
}

function toShares(current: TrafficState, shares: readonly Share[], nowMs: number): TrafficState {
  return changeSplit(current, { shares: inOrderOf(sharesOf(current.split), shares), latest: current.latest, sinceMs: nowMs })
}

/** History holds splits under which others answered; to write down who answers anyway is nothing that could be rolled back. */
function changeSplit(current: TrafficState, split: Split): TrafficState {
  if (sameShares(sharesOf(split), sharesOf(current.split))) return { ...toState(current), split }
  return { ...toState(current), split, history: [current.split, ...current.history].slice(0, historyMax) }
}

/** Without what the store adds. */
function toState({ latest, split, tags, shadow, history }: TrafficState): TrafficState {
  return { latest, split, tags, shadow, history }
}

function revisionOfTag(current: TrafficState, tag: string): string {
  const revision = Object.hasOwn(current.tags, tag) ? current.tags[tag] : undefined
  if (revision !== undefined) return revision
  const tags = Object.keys(current.tags)
  throw trafficErrors.MW_TRAFFIC_TAG_UNKNOWN(
    `there is no tag ${tag}; ${tags.length === 0 ? 'there are none' : `there are ${tags.join(', ')}`}`,
  )
}

const SHOWN_MAX = 10

function refuseUnknown(named: readonly { readonly revision: string }[], known: readonly string[]): void {
  for (const { revision } of named) {
    if (known.includes(revision)) continue
    const shown = known.slice(-SHOWN_MAX).reverse().join(', ')
    const there =
      known.length === 0 ? 'there are none' : `there are ${shown}${known.length > SHOWN_MAX ? ` and ${known.length - SHOWN_MAX} more` : ''}`
    throw trafficErrors.MW_TRAFFIC_REVISION_UNKNOWN(`there is no revision ${revision}; ${there}`)
  }
}
