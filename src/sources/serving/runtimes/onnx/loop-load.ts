import { availableParallelism } from 'node:os'

/** Over so much time the load is averaged. */
const WINDOW_MS = 100
/** Share of the time from which on a loop is busy. One client that asks again as soon as it is answered, over the loopback, gives some 80 %. */
const BUSY_RATIO = 0.85

/** Two clocks of an event loop, in milliseconds: one that runs always, and one that stands while the loop waits. */
export interface LoopClock {
  now(): number
  active(): number
}

const realClock: LoopClock = { now: () => performance.now(), active: () => performance.eventLoopUtilization().active }

/**
 * Tells whether the event loop would be busy if it did everything itself: the time in which it runs, and that which threads spend on calls that left it. Without
 * the latter it would look idle as soon as they have left, and have them back.
 */
export class LoopLoad {
  readonly #clock: LoopClock
  #sinceMs: number
  #activeMs: number
  #elsewhereMs = 0
  #isBusy = false

  constructor(clock: LoopClock = realClock) {
    this.#clock = clock
    this.#sinceMs = clock.now()
    this.#activeMs = clock.active()
  }

  /** A thread has computed so long. */
  elsewhere(computeMs: number): void {
    this.#elsewhereMs += computeMs
  }

  /** As of the time since it was last looked at, a tenth of a second or more. */
  isBusy(): boolean {
    const nowMs = this.#clock.now()
    const elapsedMs = nowMs - this.#sinceMs
    if (elapsedMs < WINDOW_MS) return this.#isBusy
    const activeMs = this.#clock.active()
    this.#isBusy = activeMs - this.#activeMs + this.#elsewhereMs > BUSY_RATIO * elapsedMs
    this.#sinceMs = nowMs
    this.#activeMs = activeMs
    this.#elsewhereMs = 0
    return this.#isBusy
  }
}

/** Of this process's loop; undefined on a single core, where threads only take turns with it. */
export const watchLoop = (): LoopLoad | undefined => (availableParallelism() > 1 ? new LoopLoad() : undefined)
