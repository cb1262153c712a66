import type { Sample, Series, TimeGrid } from '../api.ts'
import { duration, revisionQueries, type Scope, trafficQueries } from '../queries.ts'
import { onGrid } from '../series.ts'
import type { Comparison, Shadow } from '../traffic.ts'
import type { Ask, AskRange } from './ask.ts'

/** Share of the traffic now, by model and then by revision; a revision at 0 serves tags, tasks or as the shadow, or is leaving. */
export type Shares = ReadonlyMap<string, ReadonlyMap<string, number>>
export type ShareHistory = ReadonlyMap<string, readonly (number | null)[]>

/** Few requests go to a small share: a rate over less than this says little about it. */
export const compareWindowMs = 60_000

export const noComparison: Comparison = { requests: new Map(), errors: new Map(), p95: new Map(), tags: new Map(), shadows: new Map() }

export async function loadShares(ask: Ask, atMs: number | undefined): Promise<Shares> {
  // NaN while a gateway is stopping: nobody is sent anywhere then.
  const samples = (await ask(trafficQueries.shares, atMs)).filter(({ value }) => !Number.isNaN(value))
  return new Map([...Map.groupBy(samples, ({ labels }) => labels.model ?? '')].map(([model, own]) => [model, byRevision(own)]))
}

export async function loadShareHistory(ask: AskRange, scope: Scope, grid: TimeGrid): Promise<ShareHistory> {
  const series: readonly Series[] = await ask(trafficQueries.sharesOf(scope), grid)
  return new Map(series.map((one) => [one.labels.revision ?? '', onGrid(one, grid)]))
}

/** @param rangeMs - Time over which the rows of a shadow are counted: it may see few of them. */
export async function loadComparison(
  ask: Ask,
  scope: Scope,
  windowMs: number,
  rangeMs: number,
  atMs: number | undefined,
): Promise<Comparison> {
  const window = duration(Math.max(windowMs, compareWindowMs))
  const range = duration(rangeMs)
  const [requests, errors, p95, tags, rows, differences] = await Promise.all([
    ask(revisionQueries.requests(scope, window), atMs),
    ask(revisionQueries.errors(scope, window), atMs),
    ask(revisionQueries.p95(scope, window), atMs),
    ask(trafficQueries.tags(scope), atMs),
    ask(revisionQueries.shadowRows(scope, range), atMs),
    ask(revisionQueries.shadowDifference(scope, range), atMs),
  ])
  return {
    requests: byRevision(requests),
    errors: byRevision(errors),
    p95: byRevision(p95),
    tags: new Map(
      [...Map.groupBy(tags, revisionOf)].map(([revision, own]) => [revision, own.map(({ labels }) => labels.tag ?? '').sort()]),
    ),
    shadows: new Map(
      [...Map.groupBy(rows, revisionOf)].map(([revision, own]) => [
        revision,
        toShadow(
          own,
          differences.filter((one) => revisionOf(one) === revision),
        ),
      ]),
    ),
  }
}

function toShadow(rows: readonly Sample[], differences: readonly Sample[]): Shadow {
  // An increase is stretched to the whole of its time, and so seldom a whole number.
  const count = (outcome: string) => Math.round(rows.find(({ labels }) => labels.outcome === outcome)?.value ?? 0)
  return {
    agree: count('agree'),
    disagree: count('disagree'),
    failed: count('failed'),
    dropped: count('dropped'),
    differences: differences
      .filter(({ value }) => value > 0)
      .map(({ labels, value }) => ({ name: labels.name ?? '', mean: value }))
      .sort((a, b) => (a.name < b.name ? -1 : 1)),
  }
}

const revisionOf = ({ labels }: Sample) => labels.revision ?? ''
const byRevision = (samples: readonly Sample[]) => new Map(samples.map((sample) => [revisionOf(sample), sample.value]))
