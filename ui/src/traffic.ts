import { formatPercent } from './format.ts'
import type { Model, Revision } from './load/catalogue.ts'
import { lastRunStart } from './series.ts'

/** What became, in the picture's time, of the rows that were copied to a shadow. */
export interface Shadow {
  readonly agree: number
  readonly disagree: number
  readonly failed: number
  readonly dropped: number
  /** Outputs whose numbers differ, by how much on average, in the unit of the output. */
  readonly differences: readonly { readonly name: string; readonly mean: number }[]
}

/** Figures of revisions, by name. */
export interface Comparison {
  readonly requests: ReadonlyMap<string, number>
  readonly errors: ReadonlyMap<string, number>
  readonly p95: ReadonlyMap<string, number>
  readonly tags: ReadonlyMap<string, readonly string[]>
  readonly shadows: ReadonlyMap<string, Shadow>
}

/** A revision that answers, or did in the picture's time. */
export interface RevisionTraffic {
  readonly revision: string
  /** Its share now, a ratio; undefined when it is served no more, or nobody tells. */
  readonly ratio: number | undefined
  /** `split` answers by its share; `idle` is loaded, and gets none; `left` is out of service; `unknown`: no gateway tells. */
  readonly role: 'split' | 'shadow' | 'tagged' | 'idle' | 'left' | 'unknown'
  readonly tags: readonly string[]
  readonly requestsPerSecond: number | undefined
  readonly errorRatio: number | undefined
  readonly p95Seconds: number | undefined
  readonly shadow: Shadow | undefined
  readonly history: readonly (number | null)[]
  /** When its share became what it is, if that was in the picture's time. */
  readonly sinceMs: number | undefined
}

/** The revision asked for; without a wish, the one most requests go to: what it sees and answers is what the users have. Of equals, the one deployed last. */
export function chooseRevision(
  model: Model | undefined,
  shares: ReadonlyMap<string, number> | undefined,
  wanted: string | undefined,
): Revision | undefined {
  if (model === undefined) return undefined
  const ratioOf = ({ revision, trafficRatio }: Revision) => (shares === undefined ? trafficRatio : shares.get(revision)) ?? 0
  const [first, ...others] = model.revisions
  return (
    model.revisions.find((one) => one.revision === wanted) ??
    (first === undefined ? undefined : others.reduce((most, one) => (ratioOf(one) > ratioOf(most) ? one : most), first))
  )
}

/**
 * All that answer or did, the largest share first, then the shadow, then what was answered by most lately.
 * @param shares - Undefined while no gateway tells of this model.
 */
export function toRevisionTraffic(
  shares: ReadonlyMap<string, number> | undefined,
  comparison: Comparison,
  { timesMs, shares: history }: { readonly timesMs: readonly number[]; readonly shares: ReadonlyMap<string, readonly (number | null)[]> },
): RevisionTraffic[] {
  const served = [...history].filter(([, values]) => values.some((value) => value !== null && value > 0)).map(([revision]) => revision)
  const rows = [...new Set([...(shares?.keys() ?? []), ...served])].map((revision): RevisionTraffic => {
    const ratio = shares?.get(revision)
    const shadow = comparison.shadows.get(revision)
    const tags = comparison.tags.get(revision) ?? []
    const values = history.get(revision) ?? []
    const run = ratio === undefined ? undefined : lastRunStart(timesMs, values, (value) => Math.abs(value - ratio) < 0.005)
    return {
      revision,
      ratio,
      role: roleOf(ratio, { isKnown: shares !== undefined, isShadow: shadow !== undefined, isTagged: tags.length > 0 }),
      tags,
      requestsPerSecond: comparison.requests.get(revision),
      errorRatio: comparison.errors.get(revision),
      p95Seconds: comparison.p95.get(revision),
      shadow,
      history: values,
      // One that was not there at first came with the share it has.
      sinceMs: run === undefined || (run.atLeast && values[0] !== null) ? undefined : run.timeMs,
    }
  })
  const rank = { split: 0, shadow: 1, tagged: 2, idle: 3, left: 4, unknown: 4 } as const
  const lastSeen = ({ history: values }: RevisionTraffic) => values.findLastIndex((value) => value !== null && value > 0)
  const lastShare = ({ history: values }: RevisionTraffic) => values.findLast((value) => value !== null) ?? 0
  return rows.sort(
    (a, b) =>
      rank[a.role] - rank[b.role] ||
      (b.ratio ?? 0) - (a.ratio ?? 0) ||
      lastSeen(b) - lastSeen(a) ||
      lastShare(b) - lastShare(a) ||
      (a.revision < b.revision ? 1 : -1),
  )
}

function roleOf(
  ratio: number | undefined,
  { isKnown, isShadow, isTagged }: { readonly isKnown: boolean; readonly isShadow: boolean; readonly isTagged: boolean },
): RevisionTraffic['role'] {
  if (!isKnown) return 'unknown'
  if (ratio === undefined) return 'left'
  if (ratio > 0) return 'split'
  return isShadow ? 'shadow' : isTagged ? 'tagged' : 'idle'
}

/** "90 %", "shadow", "by its tag". */
export function describeRole({ role, ratio }: Pick<RevisionTraffic, 'role' | 'ratio'>): string {
  return role === 'split' ? formatPercent(ratio) : roleWords[role]
}

const roleWords = { shadow: 'shadow', tagged: 'by its tag', idle: 'none now', left: 'no longer served', unknown: 'not known now' } as const

/** Whether there is anything to compare: one revision that always was the only one has been named already. */
export const isSplit = (rows: readonly RevisionTraffic[]) => rows.length > 1 || rows.some(({ shadow }) => shadow !== undefined)
