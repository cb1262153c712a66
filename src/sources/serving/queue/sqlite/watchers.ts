type Listener = () => void

/** Share of the time that may go into looking whether watched tasks were changed by others. */
const LOOK_RATIO_MAX = 0.1

/** The version of a task that could not be read, which is never one: the next look that can read it calls once more. */
const UNKNOWN = '?'

/** Who waits for what: callbacks by task, and those that want work. Each stands for an open request of a client or for a worker, which have bounds of their own. */
export class Watchers {
  readonly #readVersionOf: (id: string) => string
  readonly #byTask = new Map<string, { readonly listeners: Set<Listener>; version: string }>()
  readonly #work = new Set<Listener>()
  #lookAgainMs = 0
  #later: NodeJS.Timeout | undefined

  /** @param readVersionOf - Another word after each change of a task's state; it may throw. */
  constructor(readVersionOf: (id: string) => string) {
    this.#readVersionOf = readVersionOf
  }

  watch(id: string, listener: Listener): () => void {
    let entry = this.#byTask.get(id)
    if (entry === undefined) {
      entry = { listeners: new Set(), version: this.#versionOf(id) }
      this.#byTask.set(id, entry)
    }
    // One function handed in twice is two who wait.
    const own = () => listener()
    const { listeners } = entry
    listeners.add(own)
    return () => {
      listeners.delete(own)
      if (listeners.size === 0 && this.#byTask.get(id)?.listeners === listeners) this.#byTask.delete(id)
    }
  }

  onWork(listener: Listener): () => void {
    const own = () => listener()
    this.#work.add(own)
    return () => void this.#work.delete(own)
  }

  /** There may be work. */
  work(): void {
    for (const listener of this.#work) call(listener, () => this.#work.has(listener))
  }

  /** These were changed by this handle. */
  changed(ids: readonly string[]): void {
    if (this.#byTask.size === 0) return
    for (const id of ids) {
      const entry = this.#byTask.get(id)
      if (entry !== undefined) this.#tell(id, entry)
    }
  }

  /** Others changed something: looks which of the watched ones that were. With thousands of them it looks less often. */
  look(): void {
    if (this.#byTask.size === 0 || this.#later !== undefined) return
    const startMs = performance.now()
    if (startMs < this.#lookAgainMs) {
      this.#later = setTimeout(() => {
        this.#later = undefined
        this.look()
      }, this.#lookAgainMs - startMs)
      return
    }
    for (const [id, entry] of this.#byTask) if (this.#versionOf(id) !== entry.version) this.#tell(id, entry)
    const endMs = performance.now()
    this.#lookAgainMs = endMs + (endMs - startMs) / LOOK_RATIO_MAX
  }

  close(): void {
    clearTimeout(this.#later)
    this.#byTask.clear()
    this.#work.clear()
  }

  #tell(id: string, entry: { readonly listeners: Set<Listener>; version: string }): void {
    entry.version = this.#versionOf(id)
    for (const listener of entry.listeners) call(listener, () => entry.listeners.has(listener))
  }

  /** Asked right behind a commit, which a reader's fault must not turn into a failure, and by a timer, where nobody would catch it. */
  #versionOf(id: string): string {
    try {
      return this.#readVersionOf(id)
    } catch {
      return UNKNOWN
    }
  }
}

/** On its own, so that a fault in it is its own; and not any more once it was ended. */
function call(listener: Listener, isWanted: () => boolean): void {
  queueMicrotask(() => {
    if (isWanted()) listener()
  })
}
