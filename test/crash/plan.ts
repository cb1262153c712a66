/** What the writer writes and what the test expects: block ranges, retention and log so small that everything happens in a moment. */
export const seriesCount = 40
export const stepMs = 1000
export const baseMs = 1_700_000_000_000

export const config = {
  blockRangeMs: 60_000,
  retentionMs: 1_200_000,
  outOfOrderWindowMs: 600_000,
  walBytesMax: 200_000,
  maintenanceIntervalMs: 5,
  fsyncIntervalMs: 50,
}

export const labelsOf = (series: number) => ({ __name__: 'crash', series: String(series), parity: series % 2 === 0 ? 'even' : 'odd' })

/** Integers, decimals, and a number with all its digits, by series. */
export function sampleOf(series: number, step: number): number {
  if (series % 3 === 0) return step * (series + 1)
  if (series % 3 === 1) return Math.round(Math.sin(step) * 1e4) / 100
  return Math.sqrt(step + series)
}
