import { useEffect } from 'preact/hooks'
import { contact, page, view } from '../app-state.ts'
import { hasTasks } from '../load/tasks.ts'
import { useStore } from '../store.ts'
import { verdictOf } from '../verdict.ts'
import { Alerts } from './alerts.tsx'
import { Footer } from './footer.tsx'
import { PromqlBox } from './promql-box.tsx'
import { QualitySection } from './quality.tsx'
import { Revisions } from './revisions.tsx'
import { Signals } from './signals.tsx'
import { Targets } from './targets.tsx'
import { Tasks } from './tasks.tsx'
import { TopBar } from './top-bar.tsx'
import { Values } from './values.tsx'
import { VerdictBanner } from './verdict-banner.tsx'

/** From the answer to the reasons, top to bottom. */
export function App() {
  const shown = useStore(page)
  const state = useStore(contact)
  const look = useStore(view)
  // While the plane is silent its clock stands still, and ours has to do.
  const seenMs = state.kind === 'lost' || shown === undefined ? Date.now() : shown.nowMs
  const model = shown?.model?.model
  const concerned = (shown?.alerts ?? []).filter(({ labels }) => labels.model === undefined || labels.model === model)
  const reporters = shown?.model?.reporters ?? []
  const own = (shown?.targets ?? []).filter((target) =>
    reporters.some(({ job, instance }) => job === target.job && instance === target.instance),
  )
  const verdict = verdictOf({
    contact: state,
    nowMs: seenMs,
    model,
    targets: own.length > 0 ? own : (shown?.targets ?? []),
    alerts: concerned,
    values: shown?.values ?? [],
    requestsPerSecond: shown?.signals.requests,
    deadTasks: shown?.tasks.dead ?? 0,
    isJudged: shown?.isJudged ?? false,
    hasTasks: shown !== undefined && hasTasks(shown.tasks),
    rowsGate: shown?.gates.rows ?? 0,
  })
  useEffect(() => {
    document.title = `${{ good: '✓', warn: '△', bad: '✗', idle: '…' }[verdict.tone]} ${verdict.headline} · modelwatch`
  }, [verdict.tone, verdict.headline])
  return (
    <>
      <a class="skip" href="#main">
        Skip to the answer
      </a>
      <TopBar page={shown} view={look} lost={state.kind === 'lost'} />
      <main id="main" class={state.kind === 'lost' ? 'stale' : ''}>
        {shown?.missing !== undefined && <p class="note warn">{shown.missing}</p>}
        <VerdictBanner verdict={verdict} page={shown} nowMs={seenMs} />
        {shown !== undefined && (
          <div class="picture">
            <Alerts page={shown} />
            {shown.model !== undefined && <Signals page={shown} />}
            {shown.model !== undefined && <Revisions page={shown} view={look} />}
            {shown.model !== undefined && <Tasks page={shown} view={look} />}
            {shown.model !== undefined && <Values page={shown} view={look} />}
            {shown.quality.length > 0 && <QualitySection page={shown} />}
            <PromqlBox page={shown} view={look} />
            <Targets page={shown} />
          </div>
        )}
      </main>
      <Footer page={shown} />
    </>
  )
}
