import type { Alert } from '../api.ts'
import { countOf, formatClock, formatDuration } from '../format.ts'
import type { Page } from '../page-data.ts'
import { keyOf } from '../values.ts'
import { ToneIcon } from './icons.tsx'
import { ViewLink } from './view-link.tsx'

/** More alerts than this are counted, not listed: nobody reads the fortieth. */
const shownMax = 40
/** With more than this, what they mean is folded away: several alerts of one rule say much the same. */
const openMax = 2

/** What fires or is about to, with the reason in words; one quiet line when nothing does. */
export function Alerts({ page }: { readonly page: Page }) {
  const model = page.model?.model
  const order = (alert: Alert) =>
    (alert.state === 'firing' ? 0 : 2) + (alert.labels.model === model || alert.labels.model === undefined ? 0 : 1)
  const alerts = [...page.alerts].sort((a, b) => order(a) - order(b) || a.activeAtMs - b.activeAtMs)
  return (
    <section aria-label="Alerts">
      {page.brokenRules.length > 0 && (
        <p class="note bad">
          {countOf(page.brokenRules.length, 'rule')} cannot be evaluated, so what they watch is not watched. {page.brokenRules[0]!.name}:{' '}
          {page.brokenRules[0]!.error}
        </p>
      )}
      {page.problems.map((problem) => (
        <p class="note warn" key={problem}>
          Part of this page is empty: the monitor refused a question. {problem}
        </p>
      ))}
      {alerts.length === 0 ? (
        <p class="quiet">{watchWords(page)}</p>
      ) : (
        <ul class="alerts">
          {alerts.slice(0, shownMax).map((alert) => (
            <AlertItem key={JSON.stringify(alert.labels)} alert={alert} nowMs={page.nowMs} open={alerts.length <= openMax} />
          ))}
        </ul>
      )}
      {alerts.length > shownMax && <p class="quiet">… and {alerts.length - shownMax} more.</p>}
    </section>
  )
}

function watchWords({ ruleCount, isJudged, model }: Page): string {
  if (ruleCount === 0) return 'No rules are loaded: nothing is judged.'
  const watching = `${countOf(ruleCount, 'rule')} ${ruleCount === 1 ? 'is' : 'are'} watching`
  return isJudged || model === undefined ? `No alerts. ${watching}.` : `No alerts. ${watching}, and none of them judges ${model.model}.`
}

/** For an alert of the past, whose own words are not kept. */
function wordsFor({ name, labels }: Alert): string {
  const about = [labels.role, labels.name].filter((text) => text !== undefined).join(' ')
  const model = labels.model === undefined ? '' : ` of ${labels.model}`
  return about === '' ? `${name}${model}` : `${name}: ${about}${model}`
}

function AlertItem({ alert, nowMs, open }: { readonly alert: Alert; readonly nowMs: number; readonly open: boolean }) {
  const { name, labels, annotations, state, activeAtMs, expr, forMs } = alert
  const lasting = nowMs - activeAtMs
  const wait = state === 'pending' && forMs > lasting ? `, fires in ${formatDuration(forMs - lasting)} if it lasts` : ''
  return (
    <li class={`alert ${state}`}>
      <ToneIcon tone={state === 'firing' ? 'bad' : 'warn'} size={22} />
      <div class="body">
        <h3>{annotations.summary ?? wordsFor(alert)}</h3>
        <p class="meta">
          <span class={`tag ${state}`}>{state}</span>
          {labels.severity !== undefined && <span>{labels.severity}</span>}
          <code>{name}</code>
          <span>
            since <time dateTime={new Date(activeAtMs).toISOString()}>{formatClock(activeAtMs, nowMs)}</time> ({formatDuration(lasting)})
            {wait}
          </span>
          {labels.role !== undefined && labels.name !== undefined && (
            <ViewLink to={{ value: keyOf(labels.role, labels.name), ...(labels.model === undefined ? {} : { model: labels.model }) }}>
              show {labels.name}
            </ViewLink>
          )}
          {expr !== '' && (
            <ViewLink to={{ expr }} focus="promql">
              expression
            </ViewLink>
          )}
        </p>
        {annotations.description !== undefined && annotations.description !== annotations.summary && (
          <details open={open}>
            <summary>What it means</summary>
            <p>{annotations.description}</p>
          </details>
        )}
      </div>
    </li>
  )
}
