/** Longest stretch of work before others on the event loop get their turn. */
export const SLICE_MS = 3
/** Units of work, each a few dozen nanoseconds, between two looks at the clock. */
export const WORK_PER_LOOK = 20_000
/** Work that has taken less than this goes first: it may well be done soon. */
const YOUNG_MS = 30
/** So many turns in a row go to young work while old work waits. */
const YOUNG_IN_A_ROW = 3

/** What long work asks whether it is time to give way. */
export interface Pace {
  /** Whether it is time to `breathe`. Cheap: it looks at the clock only after some work. @param work - Units done since the last call. */
  due(work: number): boolean
  /** Gives way to the rest of the process. */
  breathe(): Promise<void>
}

/** Lets long work on the event loop take turns with everything else. @param signal - Aborted, it ends the work at the next breath. */
export function createPace(signal?: AbortSignal): Pace {
  let sliceStartMs = performance.now()
  let spentMs = 0
  let done = 0
  return {
    due(work) {
      done += work
      if (done < WORK_PER_LOOK) return false
      done = 0
      return performance.now() >= sliceStartMs + SLICE_MS
    },
    async breathe() {
      spentMs += performance.now() - sliceStartMs
      await nextTurn(spentMs)
      signal?.throwIfAborted()
      sliceStartMs = performance.now()
    },
  }
}

/** Who waits for a turn, first come, first served. Each of them is work that is bounded where it began: a query, a search, a block being written. */
const young: (() => void)[] = []
const old: (() => void)[] = []
let youngInARow = 0
let isScheduled = false

/**
 * Resolves when the caller may work for another slice. Between two slices of whatever work the event loop goes round once, so that a request
 * waits for one slice, however many pieces of long work are under way.
 * @param spentMs - How long the work has taken so far.
 */
export function nextTurn(spentMs: number): Promise<void> {
  return new Promise((resolve) => {
    if (spentMs < YOUNG_MS) young.push(resolve)
    else old.push(resolve)
    schedule()
  })
}

function schedule(): void {
  if (isScheduled) return
  isScheduled = true
  setImmediate(giveTurn)
}

function giveTurn(): void {
  isScheduled = false
  const oldIsDue = young.length === 0 || (youngInARow >= YOUNG_IN_A_ROW && old.length > 0)
  youngInARow = oldIsDue || old.length === 0 ? 0 : youngInARow + 1
  const resolve = oldIsDue ? old.shift() : young.shift()
  // What is scheduled here runs when the loop has gone round, and after the work that is resumed now.
  if (young.length > 0 || old.length > 0) schedule()
  resolve?.()
}
