import type { ComponentChildren } from 'preact'
import { formatClock, formatDuration, formatNumber, formatSeconds } from '../format.ts'
import { type TaskLine, taskLines } from '../load/tasks.ts'
import type { Page } from '../page-data.ts'
import { lastRunStart } from '../series.ts'
import { rangesMs, type View } from '../view.ts'
import { ToneIcon } from './icons.tsx'
import { Spark } from './spark.tsx'

/** Predictions for later: what waits and for how long, what gets done, what is dead. Nothing where there never were tasks, one line where there are none now. */
export function Tasks({ page, view }: { readonly page: Page; readonly view: View }) {
  const { tasks, history, nowMs } = page
  const ofLine = (line: TaskLine) => history?.tasks[line] ?? []
  const values = taskLines.flatMap((line) => [tasks[line] ?? null, ...ofLine(line)]).filter((value) => value !== null)
  if (values.length === 0) return null
  if (values.every((value) => value === 0)) {
    return (
      <section class="section-head" aria-labelledby="tasks-title">
        <h2 id="tasks-title">Tasks</h2>
        <p class="quiet">None in {formatDuration(rangesMs[view.range])}.</p>
      </section>
    )
  }
  const dead = tasks.dead ?? 0
  const died = dead > 0 && history !== undefined ? lastRunStart(history.timesMs, ofLine('dead'), (count) => count > 0) : undefined
  return (
    <section aria-labelledby="tasks-title">
      <h2 id="tasks-title">Tasks</h2>
      <ul class="tasks">
        <Cell title="Waiting" now={tasks.waiting} values={ofLine('waiting')} atLeast={5}>
          {tasks.delayed !== undefined && tasks.delayed > 0 && `${formatNumber(tasks.delayed)} failed, to be tried again`}
        </Cell>
        <Cell
          title="Oldest waits"
          now={tasks.waiting === 0 ? undefined : tasks.oldestAge}
          format={formatAge}
          values={ofLine('oldestAge')}
          atLeast={1}
        />
        <Cell title="Running" now={tasks.active} values={ofLine('active')} atLeast={2} />
        <Cell title="Done" now={tasks.done} unit="per second" values={ofLine('done')} atLeast={1}>
          {formatNumber(tasks.submitted)} submitted per second
        </Cell>
        <Cell title="Dead" now={tasks.dead} values={ofLine('dead')} atLeast={1} isBad={dead > 0}>
          {died !== undefined && (died.atLeast ? 'since before this time' : `since ${formatClock(died.timeMs, nowMs)}`)}
        </Cell>
        {dead > 0 && (
          <li class="dead-words">
            Their causes: <code>npx modelwatch queue ls --state dead --model {page.model?.model}</code> in the folder of modelwatch.yaml
          </li>
        )}
      </ul>
    </section>
  )
}

interface CellProps {
  readonly title: string
  /** The figure now. */
  readonly now: number | undefined
  readonly unit?: string
  readonly format?: (value: number | undefined) => string
  readonly values: readonly (number | null)[]
  readonly atLeast: number
  readonly isBad?: boolean
  readonly children?: ComponentChildren
}

function Cell({ title, now, unit, format = formatNumber, values, atLeast, isBad = false, children }: CellProps) {
  const known = values.filter((value) => value !== null)
  const span = known.length === 0 ? 'no data' : `${format(Math.min(...known))} to ${format(Math.max(...known))}`
  return (
    <li class={isBad ? 'tone-bad' : ''}>
      <h3>{title}</h3>
      <p class="figure">
        {isBad && <ToneIcon tone="bad" size={18} />} <strong>{format(now)}</strong> {unit !== undefined && <span class="unit">{unit}</span>}
      </p>
      <Spark
        description={`${title}: ${span} in this time`}
        values={values}
        height={34}
        atLeast={atLeast}
        {...(isBad ? { tone: 'bad' } : {})}
      />
      <p class="quiet">{children}</p>
    </li>
  )
}

/** Fine below a minute, coarse above. */
const formatAge = (seconds: number | undefined) =>
  seconds === undefined || seconds < 60 ? formatSeconds(seconds) : formatDuration(seconds * 1000)
