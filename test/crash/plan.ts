/** What the writer writes and what the test expects: block ranges, retention and log so small that everything happens in a moment. */
export const seriesCount = 40
export const metricCount = 5
export const stepMs = 1000
export const baseMs = 1_700_000_000_000

export const config = {
  blockRangeMs: 20_000,
  retentionMs: 400_000,
  outOfOrderWindowMs: 200_000,
  walBytesMax: 100_000,
  maintenanceIntervalMs: 20,
  fsyncIntervalMs: 50,
}

export const labelsOf = (series: number) => ({ __name__: 'crash', series: String(series), parity: series % 2 === 0 ? 'even' : 'odd' })

/** Integers, decimals, and a number with all its digits, by series. */
export function sampleOf(series: number, step: number): number {
  if (series % 3 === 0) return step * (series + 1)
  if (series % 3 === 1) return Math.round(Math.sin(step) * 1e4) / 100
  return Math.sqrt(step + series)
}

/** Steps [from, to] of a series that somebody deleted, or began to. */
export interface Deletion {
  readonly series: number
  readonly from: number
  readonly to: number
  /** Whether it was acknowledged: until then its samples may be there or not. */
  isDone: boolean
}

/** What was promised so far, by any of the processes. */
export interface Promised {
  /** For each series, how many steps are safe. */
  readonly steps: number[]
  readonly deletions: Deletion[]
  /** For each metric, a version of its help that is safe: a later one may be there. */
  readonly versions: number[]
}

export const nothingPromised = (): Promised => ({
  steps: new Array<number>(seriesCount).fill(0),
  deletions: [],
  versions: new Array<number>(metricCount).fill(0),
})

/** What a writer says on standard output, a line of JSON each. */
export type Message =
  | { readonly kind: 'checked' | 'failed' | 'warn'; readonly message?: string }
  | { readonly kind: 'acknowledged'; readonly steps: Readonly<Record<string, number>> }
  | { readonly kind: 'deleting' | 'deleted'; readonly deletion: Deletion }
  | { readonly kind: 'metadata'; readonly metric: number; readonly version: number }
  | { readonly kind: 'did'; readonly what: 'snapshot' | 'clean' | 'read' }
  | {
      readonly kind: 'stats'
      readonly flushes: number
      readonly compactions: number
      readonly retentionDeletions: number
    }

/** Notes what a message promises. */
export function note(promised: Promised, message: Message): void {
  if (message.kind === 'acknowledged') for (const [s, steps] of Object.entries(message.steps)) promised.steps[Number(s)] = steps
  if (message.kind === 'deleting') promised.deletions.push(message.deletion)
  if (message.kind === 'deleted') for (const one of promised.deletions) if (isSame(one, message.deletion)) one.isDone = true
  if (message.kind === 'metadata') promised.versions[message.metric] = message.version
}

function isSame(a: Deletion, b: Deletion): boolean {
  return a.series === b.series && a.from === b.from && a.to === b.to
}

/** Forgets deletions of what retention has taken by now. */
export function forgetOld(promised: Promised): void {
  const newest = Math.max(...promised.steps)
  const kept = promised.deletions.filter(({ to }) => to >= newest - (2 * config.retentionMs) / stepMs)
  promised.deletions.splice(0, promised.deletions.length, ...kept)
}
