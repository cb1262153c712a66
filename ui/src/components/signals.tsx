import { useMemo, useState } from 'preact/hooks'
import { formatClock, formatNumber, formatPercent, formatSeconds } from '../format.ts'
import type { Page } from '../page-data.ts'
import type { SignalName } from '../queries.ts'
import { LineChart } from './line-chart.tsx'

interface SignalLine {
  readonly signal: SignalName
  readonly label: string
  readonly color: string
  readonly fill?: boolean
}

interface Tile {
  readonly title: string
  readonly unit: string
  readonly lines: readonly SignalLine[]
  readonly format: (value: number | undefined) => string
  readonly atLeast: number
}

const tiles: readonly Tile[] = [
  {
    title: 'Requests',
    unit: 'per second',
    lines: [{ signal: 'requests', label: 'requests', color: '--line-1', fill: true }],
    format: formatNumber,
    atLeast: 1,
  },
  {
    title: 'Errors',
    unit: 'of requests',
    lines: [
      { signal: 'errors', label: 'failed', color: '--line-bad', fill: true },
      { signal: 'rejected', label: 'refused', color: '--line-4' },
    ],
    format: formatPercent,
    atLeast: 0.01,
  },
  {
    title: 'Latency',
    unit: '95 % are faster',
    lines: [
      { signal: 'p95', label: 'p95', color: '--line-1' },
      { signal: 'p50', label: 'p50', color: '--line-3' },
      { signal: 'p99', label: 'p99', color: '--line-2' },
    ],
    format: formatSeconds,
    atLeast: 0.001,
  },
  {
    title: 'In flight',
    unit: 'requests at this moment',
    lines: [{ signal: 'inFlight', label: 'in flight', color: '--line-1', fill: true }],
    format: formatNumber,
    atLeast: 2,
  },
]

/** The four golden signals: the figure now, and its way there. */
export function Signals({ page }: { readonly page: Page }) {
  return (
    <section aria-labelledby="signals-title">
      <h2 id="signals-title">Service</h2>
      <div class="tiles">
        {tiles.map((tile) => (
          <SignalTile key={tile.title} tile={tile} page={page} />
        ))}
      </div>
    </section>
  )
}

function SignalTile({ tile, page }: { readonly tile: Tile; readonly page: Page }) {
  const [index, setIndex] = useState<number | undefined>(undefined)
  const { history } = page
  const first = tile.lines[0]!
  const at = index !== undefined && history?.timesMs[index] !== undefined ? index : undefined
  const readingOf = (signal: SignalName) => (at === undefined ? page.signals[signal] : (history?.signals[signal][at] ?? undefined))
  const lines = useMemo(() => tile.lines.map((line) => ({ ...line, values: history?.signals[line.signal] ?? [] })), [tile, history])
  const [figure, unit] = splitUnit(tile.format(readingOf(first.signal)))
  return (
    <article class="tile">
      <header>
        <h3>{tile.title}</h3>
        <span class="when">{at === undefined ? '' : formatClock(history!.timesMs[at]!, page.nowMs)}</span>
      </header>
      <p class="figure">
        <strong>{figure}</strong>
        {unit !== '' && <span class="figure-unit">{unit}</span>} <span class="unit">{tile.unit}</span>
      </p>
      {history !== undefined && (
        <LineChart
          description={describe(tile, history.signals[first.signal])}
          timesMs={history.timesMs}
          lines={lines}
          height={116}
          atLeast={tile.atLeast}
          format={tile.format}
          onCursor={setIndex}
        />
      )}
      <p class="legend">
        {tile.lines.length === 1 && spanOf(tile, lines[0]!.values)}
        {tile.lines.length > 1 &&
          tile.lines.map((line) => (
            <span key={line.signal}>
              <i class={`swatch ${line.color.slice(2)}`} />
              {line.label} <b>{tile.format(readingOf(line.signal))}</b>
            </span>
          ))}
      </p>
    </article>
  )
}

/** Splits "3.42 ms" into figure and unit, which are set in different sizes. */
function splitUnit(text: string): [string, string] {
  const gap = text.indexOf('\u00a0')
  return gap === -1 ? [text, ''] : [text.slice(0, gap), text.slice(gap + 1)]
}

/** "22.8 to 27.1 in this time"; '' while nothing is known. */
function spanOf({ format }: Tile, values: readonly (number | null)[]): string {
  const known = values.filter((value) => value !== null)
  return known.length === 0 ? '' : `${format(Math.min(...known))} to ${format(Math.max(...known))} in this time`
}

function describe(tile: Tile, values: readonly (number | null)[]): string {
  const span = spanOf(tile, values)
  return `${tile.title}: ${span === '' ? 'no data in this time' : span}`
}
