import { useEffect, useRef, useState } from 'preact/hooks'
import { ApiError, type Sample, type Series, type TimeGrid } from '../api.ts'
import { api, navigate } from '../app-state.ts'
import { formatClock } from '../format.ts'
import type { Page } from '../page-data.ts'
import { duration, quote, type Scope, signalQueries } from '../queries.ts'
import { parseQueryError, placeOf } from '../query-error.ts'
import { alignedGrid } from '../series.ts'
import { rangesMs, type View } from '../view.ts'
import { ResultGraph, ResultTable } from './query-result.tsx'
import { ViewLink } from './view-link.tsx'

export type Answer =
  | { readonly kind: 'graph'; readonly series: readonly Series[]; readonly grid: TimeGrid; readonly tookMs: number }
  | { readonly kind: 'table'; readonly samples: readonly Sample[]; readonly tookMs: number }
  | { readonly kind: 'fault'; readonly message: string; readonly expr: string; readonly isFinal: boolean }

/** Any question, in the plane's own language, about the same time as the page above. */
export function PromqlBox({ page, view }: { readonly page: Page; readonly view: View }) {
  const [draft, setDraft] = useState(view.expr)
  const [answer, setAnswer] = useState<Answer | undefined>(undefined)
  const { expr, tab } = view
  useEffect(() => setDraft(expr), [expr])

  const grid = alignedGrid(page.nowMs, rangesMs[view.range])
  // A graph changes when its grid does; a table, with each new picture.
  const moment = tab === 'graph' ? `${grid.startMs}/${grid.endMs}` : page.nowMs
  const underWay = useRef<AbortController | undefined>(undefined)
  const ask = () => {
    const controller = new AbortController()
    underWay.current = controller
    void answerTo(view, grid, controller.signal).then((next) => {
      if (underWay.current === controller) underWay.current = undefined
      if (!controller.signal.aborted && next !== undefined) setAnswer(next)
    })
  }
  // Another question drops the one under way; another moment waits for it, or a slow question would never be answered.
  useEffect(() => {
    if (expr === '') setAnswer(undefined)
    else ask()
    return () => {
      underWay.current?.abort()
      underWay.current = undefined
    }
  }, [expr, tab, view.range, view.atMs])
  useEffect(() => {
    const isRefused = answer?.kind === 'fault' && answer.isFinal && answer.expr === expr
    if (expr !== '' && !isRefused && underWay.current === undefined) ask()
  }, [moment])

  const run = () => navigate({ expr: draft.trim() })
  return (
    <section class="promql" aria-labelledby="promql-title">
      <h2 id="promql-title">Ask in PromQL</h2>
      <form
        onSubmit={(event) => {
          event.preventDefault()
          run()
        }}
      >
        <textarea
          id="promql"
          rows={Math.min(12, Math.max(2, draft.split('\n').length, Math.ceil(draft.length / 110)))}
          value={draft}
          spellcheck={false}
          autocomplete="off"
          autocapitalize="off"
          aria-label="PromQL expression; Enter runs it, Shift and Enter begins a new line"
          placeholder="sum(rate(modelwatch_requests_total[1m]))"
          onInput={(event) => setDraft(event.currentTarget.value)}
          onKeyDown={(event) => {
            if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return
            event.preventDefault()
            run()
          }}
        />
        <button type="submit" class="primary">
          Run
        </button>
      </form>
      <div class="promql-bar">
        <nav class="segmented" aria-label="Form of the answer">
          <ViewLink to={{ tab: 'graph' }} current={tab === 'graph'}>
            Graph
          </ViewLink>
          <ViewLink to={{ tab: 'table' }} current={tab === 'table'}>
            Table
          </ViewLink>
        </nav>
        <ul class="examples" aria-label="Examples">
          {examplesFor(page).map(({ title, expr: example }) => (
            <li key={title}>
              <ViewLink to={{ expr: example }} title={example}>
                {title}
              </ViewLink>
            </li>
          ))}
        </ul>
      </div>
      <div aria-live="polite">{answer !== undefined && <AnswerView answer={answer} page={page} />}</div>
    </section>
  )
}

/** @returns undefined when the plane is silent or the question was dropped: the last answer stays, and the top of the page says why. */
async function answerTo({ expr, tab, atMs }: View, grid: TimeGrid, signal: AbortSignal): Promise<Answer | undefined> {
  const startedMs = performance.now()
  const took = () => performance.now() - startedMs
  try {
    if (tab === 'graph') return { kind: 'graph', series: await api.queryRange(expr, grid, { signal }), grid, tookMs: took() }
    return { kind: 'table', samples: await api.query(expr, { timeMs: atMs, signal }), tookMs: took() }
  } catch (error) {
    if (!(error instanceof ApiError && error.kind === 'refused')) return undefined
    // What does not parse now does not parse later; another refusal may hang on the data.
    return { kind: 'fault', message: error.message, expr, isFinal: error.errorType === 'bad_data' }
  }
}

function AnswerView({ answer, page }: { readonly answer: Answer; readonly page: Page }) {
  switch (answer.kind) {
    case 'graph':
      return <ResultGraph series={answer.series} grid={answer.grid} tookMs={answer.tookMs} nowMs={page.nowMs} />
    case 'table':
      return <ResultTable samples={answer.samples} tookMs={answer.tookMs} at={formatClock(page.nowMs, Date.now())} />
    case 'fault':
      return <Fault message={answer.message} expr={answer.expr} />
  }
}

function Fault({ message, expr }: { readonly message: string; readonly expr: string }) {
  const fault = parseQueryError(message)
  const place = placeOf(expr, fault)
  return (
    <div class="fault" role="alert">
      <p>
        {fault.line !== undefined && (
          <b>
            Line {fault.line}, column {fault.column}:{' '}
          </b>
        )}
        {fault.reason}
      </p>
      {place !== undefined && (
        <pre>
          {place.before}
          <mark>{place.after.slice(0, 1) || ' '}</mark>
          {place.after.slice(1)}
        </pre>
      )}
    </div>
  )
}

function examplesFor(page: Page): { title: string; expr: string }[] {
  const model = page.model?.model ?? ''
  const scope: Scope = { model, revision: page.revision?.revision ?? '' }
  const window = duration(page.windowMs)
  return [
    { title: 'requests by code', expr: `sum by (code) (rate(modelwatch_requests_total{model=${quote(model)}}[${window}]))` },
    { title: 'slowest 1 %', expr: signalQueries.p99(scope, window) },
    { title: 'most drifted', expr: `topk(5, modelwatch:psi{model=${quote(model)}})` },
    { title: 'broken input', expr: `sum by (name, rule) (rate(modelwatch_violations_total{model=${quote(model)}}[5m]))` },
    { title: 'where time goes', expr: `sum by (phase) (rate(modelwatch_phase_duration_seconds_sum{model=${quote(model)}}[${window}]))` },
    { title: 'what is up', expr: 'up' },
  ]
}
