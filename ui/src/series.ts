import type { Series, TimeGrid } from './api.ts'

/** Most points of one chart line; more would lie closer than a pixel on a phone and cost the plane for nothing. */
export const pointsMax = 180

const niceStepsMs = [1000, 2000, 5000, 10_000, 15_000, 20_000, 30_000, 60_000, 120_000, 300_000, 600_000, 1_200_000, 3_600_000]

/**
 * The grid of a chart that ends now. Ends are aligned to the step, so that points keep their place from one refresh to the next
 * and nothing has to be asked again before a step has passed.
 */
export function alignedGrid(endMs: number, rangeMs: number): TimeGrid {
  const stepMs = niceStepsMs.find((step) => rangeMs / step <= pointsMax) ?? Math.ceil(rangeMs / pointsMax / 3_600_000) * 3_600_000
  const end = Math.floor(endMs / stepMs) * stepMs
  return { startMs: end - rangeMs, endMs: end, stepMs }
}

export function gridTimesMs({ startMs, endMs, stepMs }: TimeGrid): number[] {
  return Array.from({ length: Math.floor((endMs - startMs) / stepMs) + 1 }, (_, i) => startMs + i * stepMs)
}

/** The values of a series on every point of its grid; null where there is none, and for NaN: a chart shows both as a gap. */
export function onGrid(series: Series | undefined, grid: TimeGrid): (number | null)[] {
  const values = new Array<number | null>(gridTimesMs(grid).length).fill(null)
  series?.timesMs.forEach((timeMs, i) => {
    const index = Math.round((timeMs - grid.startMs) / grid.stepMs)
    const value = series.values[i]!
    if (index >= 0 && index < values.length && Number.isFinite(value)) values[index] = value
  })
  return values
}

/**
 * When the condition that holds at the end of the column began to hold, without a break.
 * @returns The time of the first point of the last run; `atLeast` when the run reaches back to the first point there is.
 *   Undefined when the last known point does not satisfy the condition.
 */
export function lastRunStart(
  timesMs: readonly number[],
  values: readonly (number | null)[],
  holds: (value: number) => boolean,
): { readonly timeMs: number; readonly atLeast: boolean } | undefined {
  let start: number | undefined
  for (let i = values.length - 1; i >= 0; i--) {
    const value = values[i]
    if (value === null || value === undefined) continue
    if (!holds(value)) return start === undefined ? undefined : { timeMs: start, atLeast: false }
    start = timesMs[i]!
  }
  return start === undefined ? undefined : { timeMs: start, atLeast: true }
}
