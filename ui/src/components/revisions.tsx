import { countOf, formatClock, formatDuration, formatNumber, formatPercent, formatSeconds, listOf } from '../format.ts'
import { compareWindowMs } from '../load/traffic.ts'
import type { Page } from '../page-data.ts'
import { describeRole, isSplit, type RevisionTraffic, type Shadow } from '../traffic.ts'
import { rangesMs, type View } from '../view.ts'
import { Spark } from './spark.tsx'
import { ViewLink } from './view-link.tsx'

/** More revisions than this within one picture are counted, not listed. */
const shownMax = 10

/** Who answers what share of the requests, and how well, one below the other. A single revision has been named by the answer on top. */
export function Revisions({ page, view }: { readonly page: Page; readonly view: View }) {
  const { traffic } = page
  if (!isSplit(traffic)) return null
  return (
    <section aria-labelledby="revisions-title">
      <header class="section-head">
        <h2 id="revisions-title">Revisions</h2>
        <p class="quiet">
          Shares, and rates over {formatDuration(Math.max(page.windowMs, compareWindowMs))}. Inputs and outputs below are those of{' '}
          {page.revision?.revision}.
        </p>
      </header>
      <ul class="revisions">
        {traffic.slice(0, shownMax).map((one) => (
          <RevisionRow key={one.revision} one={one} page={page} view={view} />
        ))}
      </ul>
      {traffic.length > shownMax && <p class="quiet">… and {traffic.length - shownMax} more in this time.</p>}
    </section>
  )
}

function RevisionRow({ one, page, view }: { readonly one: RevisionTraffic; readonly page: Page; readonly view: View }) {
  const { revision, ratio, role, tags, history, shadow, sinceMs } = one
  const isKnown = page.model?.revisions.some((known) => known.revision === revision) ?? false
  return (
    <li class={`revision ${role}`}>
      <p class="revision-name">
        {isKnown ? (
          <ViewLink to={{ revision }} current={revision === page.revision?.revision}>
            {revision}
          </ViewLink>
        ) : (
          revision
        )}
        {tags.map((tag) => (
          <span class="chip" key={tag}>
            <span class="visually-hidden">tag </span>
            {tag}
          </span>
        ))}
      </p>
      <div class="share">
        <p>
          <b>{describeRole(one)}</b> {sinceMs !== undefined && <span class="quiet">since {formatClock(sinceMs, page.nowMs)}</span>}
        </p>
        <svg class="share-bar" width="100%" height="4" aria-hidden="true">
          <rect class="track" width="100%" height="4" rx="2" />
          <rect class="fill" width={`${(ratio ?? 0) * 100}%`} height="4" rx="2" />
        </svg>
      </div>
      <Spark description={`Share of ${revision} over time`} values={history} height={30} atLeast={1} />
      {one.requestsPerSecond !== undefined && (
        <dl>
          <Figure title="Requests" value={`${formatNumber(one.requestsPerSecond)}/s`} />
          <Figure title="Failed" value={formatPercent(one.errorRatio)} />
          <Figure title="p95" value={formatSeconds(one.p95Seconds)} />
        </dl>
      )}
      {shadow !== undefined && <p class="shadow-words">{shadowWords(shadow, page, view)}</p>}
    </li>
  )
}

function Figure({ title, value }: { readonly title: string; readonly value: string }) {
  return (
    <div>
      <dt>{title}</dt>
      <dd>{value}</dd>
    </div>
  )
}

/** How a shadow's answers compare with those that were given. */
function shadowWords({ agree, disagree, failed, dropped, differences }: Shadow, page: Page, view: View): string {
  const compared = agree + disagree
  const units = new Map(page.values.filter(({ role }) => role === 'output').map(({ name, unit }) => [name, unit]))
  const apart = differences
    .slice(0, 3)
    .map(({ name, mean }) => `${name} by ${[formatNumber(mean), units.get(name) ?? ''].join(' ').trim()}`)
  const words = [
    compared === 0
      ? `None of its answers could be compared in ${formatDuration(rangesMs[view.range])}.`
      : `Its answers differ in ${formatPercent(disagree / compared)} of ${compared === 1 ? 'the one row' : `${formatNumber(compared)} rows`} compared in ${formatDuration(rangesMs[view.range])}${apart.length === 0 ? '' : `; on average ${listOf(apart)}`}.`,
    failed > 0 ? `${countOf(failed, 'row')} failed.` : '',
    dropped > 0 ? `${countOf(dropped, 'row')} found it busy.` : '',
  ]
  return words.filter((text) => text !== '').join(' ')
}
