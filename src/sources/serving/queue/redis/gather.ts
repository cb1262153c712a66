export interface GatherLimits<T> {
  /** Items of one run. */
  readonly itemsMax: number
  /** What the items of one run may weigh together; one that is heavier goes alone. */
  readonly weightMax: number
  weightOf(item: T): number
  /** Runs under way at the same time; what comes meanwhile gathers. */
  readonly runsMax: number
}

interface Entry<T, R> {
  readonly item: T
  resolve(value: R): void
  reject(reason: unknown): void
}

/**
 * Lets calls that are made at the same time share a round trip. The first goes at once; those that come while `runsMax` runs are under way gather, in order.
 * @param run - Answers one value for each item; what it throws is thrown to each caller.
 */
export class Gather<T, R> {
  readonly #limits: GatherLimits<T>
  readonly #run: (items: readonly T[]) => Promise<readonly R[]>
  #waiting: Entry<T, R>[] = []
  #running = 0
  #scheduled = false

  constructor(limits: GatherLimits<T>, run: (items: readonly T[]) => Promise<readonly R[]>) {
    this.#limits = limits
    this.#run = run
  }

  add(item: T): Promise<R> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ item, resolve, reject })
      if (this.#scheduled) return
      this.#scheduled = true
      // After the calls that this turn of the event loop still makes.
      setImmediate(() => {
        this.#scheduled = false
        this.#start()
      })
    })
  }

  #start(): void {
    while (this.#running < this.#limits.runsMax && this.#waiting.length > 0) {
      const entries = this.#waiting.splice(0, this.#fitting())
      this.#running++
      void this.#settle(entries).finally(() => {
        this.#running--
        this.#start()
      })
    }
  }

  /** How many of those that wait go together; at least one. */
  #fitting(): number {
    const { itemsMax, weightMax, weightOf } = this.#limits
    let count = 0
    let weight = 0
    for (const { item } of this.#waiting) {
      weight += weightOf(item)
      if (count > 0 && (count === itemsMax || weight > weightMax)) break
      count++
    }
    return count
  }

  async #settle(entries: readonly Entry<T, R>[]): Promise<void> {
    try {
      const values = await this.#run(entries.map(({ item }) => item))
      for (const [i, entry] of entries.entries()) entry.resolve(values[i]!)
    } catch (error) {
      for (const entry of entries) entry.reject(error)
    }
  }
}
