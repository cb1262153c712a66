import { formatClock, formatDay, formatDuration } from '../format.ts'
import type { Revision } from '../load/catalogue.ts'
import type { History } from '../load/history.ts'
import type { Page } from '../page-data.ts'
import { lastRunStart } from '../series.ts'
import { describeRole, isSplit } from '../traffic.ts'
import { describeHealth, type Verdict } from '../verdict.ts'
import { Icon, ToneIcon } from './icons.tsx'
import { ViewLink } from './view-link.tsx'

interface Props {
  readonly verdict: Verdict
  readonly page: Page | undefined
  readonly nowMs: number
}

/** The answer, in a sentence that can be read from across the room. */
export function VerdictBanner({ verdict, page, nowMs }: Props) {
  return (
    <section class={`verdict tone-${verdict.tone}`} aria-labelledby="verdict">
      <ToneIcon tone={verdict.tone} size={44} />
      <div class="words">
        <h1 id="verdict" aria-live="polite">
          {verdict.headline}
        </h1>
        <p class="detail">
          {verdict.detail} <Since verdict={verdict} history={page?.history} nowMs={nowMs} />
        </p>
      </div>
      {page?.model !== undefined && page.revision !== undefined && <ModelFacts page={page} revision={page.revision} />}
      {page?.history !== undefined && <HealthStrip history={page.history} nowMs={page.nowMs} />}
    </section>
  )
}

function Since({ verdict, history, nowMs }: { readonly verdict: Verdict; readonly history: History | undefined; readonly nowMs: number }) {
  const since = verdict.sinceMs !== undefined ? { timeMs: verdict.sinceMs, atLeast: false } : runOf(verdict, history)
  if (since === undefined || verdict.tone === 'idle') return null
  const lasting = formatDuration(nowMs - since.timeMs)
  return since.atLeast ? (
    <span class="since">So for at least {lasting}.</span>
  ) : (
    <span class="since">
      Since <time dateTime={new Date(since.timeMs).toISOString()}>{formatClock(since.timeMs, nowMs)}</time>, {lasting}.
    </span>
  )
}

/** How long it has been as it is, read off the history of troubles. */
function runOf({ tone }: Verdict, history: History | undefined) {
  if (history === undefined || tone === 'warn') return undefined
  const run = lastRunStart(history.timesMs, history.trouble, (count) => count > 0 === (tone === 'bad'))
  // Data that begin inside the picture are the beginning; data that fill it may have begun before.
  const begins = history.trouble[0] === null
  return run === undefined ? undefined : { timeMs: run.timeMs, atLeast: run.atLeast && !begins }
}

function ModelFacts({ page, revision }: { readonly page: Page; readonly revision: Revision }) {
  const { info, trainedAtMs, deployedAtMs } = revision
  const reporter = page.targets.find((target) => page.model?.reporters.some(({ instance }) => instance === target.instance))
  const origin = reporter === undefined ? undefined : URL.parse(reporter.scrapeUrl)?.origin
  const revisions = page.model?.revisions ?? []
  const traffic = page.traffic.find((one) => one.revision === revision.revision)
  return (
    <dl class="facts">
      <div>
        <dt>Model</dt>
        <dd>{page.model?.model}</dd>
      </div>
      <div>
        <dt>Revision</dt>
        <dd>
          {revisions.length < 2
            ? revision.revision
            : revisions.map((one) => (
                <ViewLink key={one.revision} class="choice" to={{ revision: one.revision }} current={one.revision === revision.revision}>
                  {one.revision}
                </ViewLink>
              ))}
        </dd>
      </div>
      {traffic !== undefined && isSplit(page.traffic) && (
        <div>
          <dt>Traffic</dt>
          <dd>{describeRole(traffic)}</dd>
        </div>
      )}
      {info.framework !== undefined && (
        <div>
          <dt>Made with</dt>
          <dd class="cut" title={info.framework}>
            {info.framework}
          </dd>
        </div>
      )}
      {trainedAtMs !== undefined && (
        <div>
          <dt>Trained</dt>
          <dd title={`${formatDuration(page.nowMs - trainedAtMs)} ago`}>{formatDay(trainedAtMs)}</dd>
        </div>
      )}
      {deployedAtMs !== undefined && (
        <div>
          <dt>Deployed</dt>
          <dd title={formatClock(deployedAtMs, page.nowMs)}>{formatDuration(page.nowMs - deployedAtMs)} ago</dd>
        </div>
      )}
      {origin !== undefined && (
        <div class="links">
          <dt class="visually-hidden">Links</dt>
          <dd>
            <a href={`${origin}/docs`}>
              API docs <Icon name="out" />
            </a>
            <a href={reporter!.scrapeUrl}>
              Metrics <Icon name="out" />
            </a>
          </dd>
        </div>
      )}
    </dl>
  )
}

/** The picture's time in one strip: when all was well, when it was not, when nobody knows. Neighbours of one kind are one bar. */
function HealthStrip({ history, nowMs }: { readonly history: History; readonly nowMs: number }) {
  const { trouble, timesMs, grid } = history
  const kinds = trouble.map((count) => (count === null ? 'none' : count > 0 ? 'bad' : 'good'))
  const bars: { kind: string; from: number; to: number }[] = []
  kinds.forEach((kind, i) => {
    const last = bars.at(-1)
    if (last !== undefined && last.kind === kind) last.to = i + 1
    else bars.push({ kind, from: i, to: i + 1 })
  })
  const description = describeHealth(trouble, grid.stepMs)
  const percent = (index: number) => `${(index / kinds.length) * 100}%`
  return (
    <div class="strip">
      <svg width="100%" height="10" role="img" aria-label={description}>
        {bars.map(({ kind, from, to }) => (
          <rect key={from} class={kind} x={percent(from)} width={percent(to - from)} height="10">
            <title>{`${{ good: 'no alert firing', bad: 'in trouble', none: 'no data' }[kind]}: ${formatClock(timesMs[from]!, nowMs)} to ${formatClock(timesMs[to - 1]!, nowMs)}`}</title>
          </rect>
        ))}
      </svg>
      <span class="ends">
        <time>{formatClock(grid.startMs, nowMs)}</time>
        <span>{description}</span>
        <time>{formatClock(grid.endMs, nowMs)}</time>
      </span>
    </div>
  )
}
