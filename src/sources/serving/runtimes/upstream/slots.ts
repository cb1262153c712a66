/** A number of places taken one at a time, first come, first served. Who waits is bounded by who asks: a call of the model asks for at most as many as there are. */
export class Slots {
  #free: number
  readonly #waiting = new Set<() => void>()

  /** @param count - At least 1. */
  constructor(count: number) {
    this.#free = count
  }

  /** @returns whether a place was got; false when the signal came first. */
  acquire(signal: AbortSignal): Promise<boolean> {
    if (signal.aborted) return Promise.resolve(false)
    if (this.#free > 0) {
      this.#free--
      return Promise.resolve(true)
    }
    return new Promise((resolve) => {
      const enter = () => {
        signal.removeEventListener('abort', giveUp)
        resolve(true)
      }
      const giveUp = () => {
        this.#waiting.delete(enter)
        resolve(false)
      }
      signal.addEventListener('abort', giveUp, { once: true })
      this.#waiting.add(enter)
    })
  }

  release(): void {
    const next = this.#waiting.values().next().value
    if (next === undefined) this.#free++
    else {
      this.#waiting.delete(next)
      next()
    }
  }
}
