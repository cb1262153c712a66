import { setImmediate } from 'node:timers/promises'

/** Longest stretch of work before others on the event loop get their turn. */
const SLICE_MS = 3
/** Units of work, each a few dozen nanoseconds, between two looks at the clock. */
const WORK_PER_LOOK = 20_000

/** What long work asks whether it is time to give way. */
export interface Pace {
  /** Whether it is time to `breathe`. Cheap: it looks at the clock only after some work. @param work - Units done since the last call. */
  due(work: number): boolean
  /** Gives way to the rest of the process. */
  breathe(): Promise<void>
}

/** Lets long work on the event loop take turns with everything else. @param signal - Aborted, it ends the work at the next breath. */
export function createPace(signal?: AbortSignal): Pace {
  let sliceEndMs = performance.now() + SLICE_MS
  let done = 0
  return {
    due(work) {
      done += work
      if (done < WORK_PER_LOOK) return false
      done = 0
      return performance.now() >= sliceEndMs
    },
    async breathe() {
      await setImmediate()
      signal?.throwIfAborted()
      sliceEndMs = performance.now() + SLICE_MS
    },
  }
}
