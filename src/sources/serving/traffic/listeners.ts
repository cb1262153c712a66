/** Whoever wants to know of changes, and the work that finding them out takes: it runs only while somebody does. */
export class Listeners {
  readonly #listeners = new Set<() => void>()
  readonly #start: () => () => void
  #stop: (() => void) | undefined

  /** @param start - Begins to look for changes. @returns what ends it. */
  constructor(start: () => () => void) {
    this.#start = start
  }

  add(listener: () => void): () => void {
    const own = () => listener() // The same function may listen twice.
    this.#listeners.add(own)
    this.#stop ??= this.#start()
    return () => {
      this.#listeners.delete(own)
      if (this.#listeners.size === 0) this.close()
    }
  }

  /** Calls all back, each in a turn of its own: one that throws is that one's fault alone. */
  notify(): void {
    for (const listener of this.#listeners) queueMicrotask(listener)
  }

  close(): void {
    this.#listeners.clear()
    this.#stop?.()
    this.#stop = undefined
  }
}
