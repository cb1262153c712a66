import { setImmediate } from 'node:timers/promises'

/** Longest stretch of work before others on the event loop get their turn. */
const SLICE_MS = 3

/** Lets the event loop breathe during long work: `if (pace.isDue()) await pace.breathe()`. */
export class Pace {
  #endMs = performance.now() + SLICE_MS

  isDue(): boolean {
    return performance.now() >= this.#endMs
  }

  async breathe(): Promise<void> {
    await setImmediate()
    this.restart()
  }

  /** The loop has just had its turn, for other reasons. */
  restart(): void {
    this.#endMs = performance.now() + SLICE_MS
  }
}
