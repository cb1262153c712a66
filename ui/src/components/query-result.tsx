import { useMemo, useState } from 'preact/hooks'
import type { Labels, Sample, Series, TimeGrid } from '../api.ts'
import { formatClock, formatExact, formatNumber } from '../format.ts'
import { gridTimesMs, onGrid } from '../series.ts'
import { LineChart } from './line-chart.tsx'

/** Lines one chart shows: as many as there are colours that can be told apart. */
const linesMax = 8
/** Rows one table shows. */
const rowsMax = 200

/** A series as PromQL writes it. */
export function seriesName(labels: Labels): string {
  const { __name__: metric = '', ...rest } = labels
  const inside = Object.entries(rest)
    .map(([name, value]) => `${name}=${JSON.stringify(value)}`)
    .join(', ')
  return inside === '' ? metric || '{}' : `${metric}{${inside}}`
}

interface GraphProps {
  readonly series: readonly Series[]
  readonly grid: TimeGrid
  readonly tookMs: number
  readonly nowMs: number
}

export function ResultGraph({ series, grid, tookMs, nowMs }: GraphProps) {
  const [index, setIndex] = useState<number | undefined>(undefined)
  const timesMs = useMemo(() => gridTimesMs(grid), [grid])
  const shown = useMemo(() => series.slice(0, linesMax), [series])
  const lines = useMemo(
    () => shown.map((one, i) => ({ label: seriesName(one.labels), values: onGrid(one, grid), color: `--line-${i + 1}` })),
    [shown, grid],
  )
  if (series.length === 0) return <p class="quiet">The answer is empty: no series matches in this time.</p>
  const at = index !== undefined && timesMs[index] !== undefined ? index : undefined
  return (
    <>
      <LineChart
        description={`Graph of ${series.length} series`}
        timesMs={timesMs}
        lines={lines}
        height={260}
        format={formatNumber}
        fromZero={false}
        onCursor={setIndex}
      />
      <p class="quiet">
        {series.length > linesMax ? `The first ${linesMax} of ${series.length} series` : `${series.length} series`}, {Math.round(tookMs)} ms
        {at === undefined ? '' : `, at ${formatClock(timesMs[at]!, nowMs)}`}
      </p>
      <ul class="series-legend">
        {lines.map((line, i) => (
          <li key={line.label}>
            <i class={`swatch line-${i + 1}`} />
            <code>{line.label}</code>
            <b>{formatNumber((at === undefined ? line.values.findLast((value) => value !== null) : line.values[at]) ?? undefined)}</b>
          </li>
        ))}
      </ul>
    </>
  )
}

export function ResultTable({
  samples,
  tookMs,
  at,
}: {
  readonly samples: readonly Sample[]
  readonly tookMs: number
  readonly at: string
}) {
  if (samples.length === 0) return <p class="quiet">The answer is empty: no series matches at {at}.</p>
  return (
    <>
      <div class="table-scroll">
        <table class="result">
          <thead>
            <tr>
              <th scope="col">Series</th>
              <th scope="col">Value</th>
            </tr>
          </thead>
          <tbody>
            {samples.slice(0, rowsMax).map(({ labels, value }) => (
              <tr key={seriesName(labels)}>
                <th scope="row">
                  <code>{seriesName(labels)}</code>
                </th>
                <td>{formatExact(value)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <p class="quiet">
        {samples.length > rowsMax ? `The first ${rowsMax} of ${samples.length} series` : `${samples.length} series`} at {at},{' '}
        {Math.round(tookMs)} ms
      </p>
    </>
  )
}
