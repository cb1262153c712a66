import type { CostModel } from './cost-model.ts'

/**
 * A call may spend this share of its time on what it costs whatever its rows; a longer call would save less than that, and only keep its
 * first rows waiting.
 */
const FIXED_SHARE = 0.02
/** What a call costs beside the model: turns of the event loop, columns put together and taken apart. */
const OVERHEAD_MS = 0.05
/** A model whose call costs less is not worth a timer, which knows whole milliseconds. */
const EXPENSIVE_MS = 2

/**
 * How many rows a call should hold: as many as lower what a row costs. Where rows are all that costs, a few: the first answer then need
 * not wait for the last row.
 * @returns from 1 to rowsMax, and rowsMax before anything was learned.
 */
export function rowsWorth({ fixedMs, rowMs }: Pick<CostModel, 'fixedMs' | 'rowMs'>, rowsMax: number): number {
  if (rowMs <= 0) return rowsMax
  return Math.min(rowsMax, Math.max(1, Math.ceil((fixedMs + OVERHEAD_MS) / (FIXED_SHARE * rowMs))))
}

/** How long at most returning clients are waited for: never more than half of what joining the call saves them. 0: not at all. */
export function returnWindowMs(fixedMs: number, waitMaxMs: number): number {
  return fixedMs < EXPENSIVE_MS ? 0 : Math.min(waitMaxMs, fixedMs / 2)
}

/**
 * Whether those expected back gain more than those who are there lose, should they be waited for.
 * @param requests - How many are there.
 * @param returning - How many more are expected.
 * @param leftMs - The longest wait.
 * @param callMs - What the call takes.
 */
export function isWorthWaiting(of: { requests: number; returning: number; leftMs: number; callMs: number }): boolean {
  return of.returning * (of.callMs - of.leftMs) > of.requests * of.leftMs
}

/**
 * Over how many calls at once the waiting rows should be spread: over all that are free, as long as each call is more its rows' work than
 * its own.
 * @returns from 1 to `free`.
 */
export function callsWorth({ fixedMs, rowMs }: Pick<CostModel, 'fixedMs' | 'rowMs'>, rows: number, free: number): number {
  if (free <= 1 || rowMs <= 0) return 1
  return Math.max(1, Math.min(free, Math.floor((rows * rowMs) / (fixedMs + OVERHEAD_MS))))
}

/** Until when a batch may be held for one of its requests: a call may well take twice as long as it usually does. */
export const leavesTimeUntilMs = (deadlineMs: number, callMs: number): number => deadlineMs - 2 * callMs
