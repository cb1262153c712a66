/** What an old wait still counts beside the one after it. */
const FORGETTING = 0.9
/** A shorter wait says more about the clock than about the estimate. */
const WAIT_MIN_MS = 1
/** How far off the sum may be before it is no longer believed to be a matter of scale. */
const SCALE_MIN = 0.5
const SCALE_MAX = 4

/**
 * Corrects what the sum of costs says about a wait by what came of it: other work of the process, and of the machine, makes waits longer
 * than the model alone explains.
 */
export class WaitEstimate {
  #scale = 1

  /** @param sumMs - What the costs add up to. */
  toWaitMs(sumMs: number): number {
    return sumMs * this.#scale
  }

  /** @param sumMs - What the costs added up to when a request came. @param waitedMs - What it was until its call. */
  observe(sumMs: number, waitedMs: number): void {
    if (sumMs < WAIT_MIN_MS) return
    const scale = Math.min(SCALE_MAX, Math.max(SCALE_MIN, waitedMs / sumMs))
    this.#scale = this.#scale * FORGETTING + scale * (1 - FORGETTING)
  }
}
