import uPlot from 'uplot'
import 'uplot/dist/uPlot.min.css'
import { useEffect, useRef } from 'preact/hooks'
import { formatTick } from '../format.ts'
import { useStore } from '../store.ts'
import { theme, tokenColor } from '../theme.ts'

export interface Line {
  readonly label: string
  readonly values: readonly (number | null)[]
  /** A colour token of tokens.css, such as `--line-1`. */
  readonly color: string
  readonly fill?: boolean
}

interface Props {
  /** What the chart shows, in words, for those who do not see it. */
  readonly description: string
  readonly timesMs: readonly number[]
  readonly lines: readonly Line[]
  readonly height: number
  readonly format: (value: number) => string
  /** A horizontal line with a meaning; always inside the picture. */
  readonly gate?: number | undefined
  /** A moment to be marked. */
  readonly markMs?: number | undefined
  /** Lower end of the axis is 0 unless values are negative; false lets it follow the values. */
  readonly fromZero?: boolean
  /** The axis reaches at least this far, so that noise around nothing looks like nothing. */
  readonly atLeast?: number
  /** The point under the cursor, or undefined when it has left. */
  readonly onCursor?: (index: number | undefined) => void
}

/** Charts share one cursor: pointing at a moment in one shows that moment in all. */
const syncKey = 'modelwatch'

export function LineChart(props: Props) {
  const { description, timesMs, lines, height } = props
  const host = useRef<HTMLDivElement>(null)
  const plot = useRef<uPlot | undefined>(undefined)
  const latest = useRef(props)
  latest.current = props
  const shownTheme = useStore(theme)
  const shape = lines.map(({ label, color, fill }) => `${label}|${color}|${fill}`).join('\n')

  // Another theme means other colours, and a canvas keeps those it was drawn with.
  useEffect(() => {
    const element = host.current!
    const chart = new uPlot(options(latest, element.clientWidth || 300, height), toData(latest.current), element)
    plot.current = chart
    const observer = new ResizeObserver(() => {
      if (element.clientWidth > 0) chart.setSize({ width: element.clientWidth, height: chart.height })
    })
    observer.observe(element)
    return () => {
      observer.disconnect()
      chart.destroy()
      plot.current = undefined
    }
  }, [shape, height, shownTheme])

  // The gate and the mark are read while drawing.
  useEffect(() => plot.current?.setData(toData(latest.current)), [timesMs, lines, props.gate, props.markMs])

  return <div class="line-chart" ref={host} role="img" aria-label={description} />
}

function toData({ timesMs, lines }: Props): uPlot.AlignedData {
  return [timesMs.map((timeMs) => timeMs / 1000), ...lines.map((line) => line.values as (number | null)[])]
}

function options(latest: { readonly current: Props }, width: number, height: number): uPlot.Options {
  const { lines } = latest.current
  const [ink, grid, gateColor] = [tokenColor('--muted'), tokenColor('--line'), tokenColor('--warn-ink')]
  const font = '11px system-ui, sans-serif'
  return {
    width,
    height,
    padding: [8, 16, 0, 0],
    legend: { show: false },
    cursor: { sync: { key: syncKey, setSeries: false }, drag: { x: false, y: false }, points: { size: 6 } },
    scales: {
      x: { time: true },
      y: { range: (_, low, high) => yRange(latest.current, low, high) },
    },
    axes: [
      {
        stroke: ink,
        font,
        size: 26,
        gap: 6,
        space: 44,
        grid: { show: false },
        ticks: { show: false },
        values: (_, splits, __, ___, stepS) => splits.map((split) => formatTick(split * 1000, stepS * 1000)),
      },
      {
        stroke: ink,
        font,
        size: axisWidth,
        gap: 5,
        space: 26,
        grid: { stroke: grid, width: 1 },
        ticks: { show: false },
        values: (_, splits) => splits.map((split) => latest.current.format(split)),
      },
    ],
    series: [
      {},
      ...lines.map((line): uPlot.Series => {
        const color = tokenColor(line.color)
        return {
          label: line.label,
          stroke: color,
          width: 1.75,
          points: { show: false },
          ...(line.fill ? { fill: translucent(color) } : {}),
        }
      }),
    ],
    hooks: {
      draw: [(chart) => drawMarks(chart, latest.current, gateColor, ink)],
      setCursor: [(chart) => latest.current.onCursor?.(chart.cursor.idx ?? undefined)],
    },
  }
}

/** As wide as its widest label, so that no number is cut. */
function axisWidth(_chart: uPlot, values: string[] | null): number {
  return 12 + 6.4 * Math.max(3, ...(values ?? []).map((value) => value.length))
}

function yRange({ fromZero = true, atLeast = 0, gate }: Props, low: number | null, high: number | null): [number, number] {
  if (low === null || high === null) return [0, Math.max(1, atLeast)]
  if (!fromZero) {
    const room = (high - low || Math.abs(high) || 1) * 0.08
    return [low >= 0 && low < room * 3 ? 0 : low - room, high + room]
  }
  const top = Math.max(high, (gate ?? 0) * 1.25, atLeast)
  const bottom = Math.min(0, low)
  const room = (top - bottom) * 0.08
  return [bottom < 0 ? bottom - room : 0, top + room]
}

function drawMarks(chart: uPlot, { gate, markMs }: Props, gateColor: string, ink: string): void {
  const { ctx, bbox } = chart
  const ratio = devicePixelRatio
  ctx.save()
  ctx.lineWidth = ratio
  ctx.setLineDash([4 * ratio, 4 * ratio])
  if (gate !== undefined) {
    const y = Math.round(chart.valToPos(gate, 'y', true)) + 0.5
    stroke(ctx, gateColor, [bbox.left, y], [bbox.left + bbox.width, y])
  }
  if (markMs !== undefined) {
    const x = Math.round(chart.valToPos(markMs / 1000, 'x', true)) + 0.5
    if (x >= bbox.left && x <= bbox.left + bbox.width) stroke(ctx, ink, [x, bbox.top], [x, bbox.top + bbox.height])
  }
  ctx.restore()
}

function stroke(ctx: CanvasRenderingContext2D, color: string, from: readonly [number, number], to: readonly [number, number]): void {
  ctx.strokeStyle = color
  ctx.beginPath()
  ctx.moveTo(...from)
  ctx.lineTo(...to)
  ctx.stroke()
}

const translucent = (color: string) => `color-mix(in srgb, ${color} 12%, transparent)`
