/** Work that nobody waits for; past it, those who make more of it do. */
const UNDER_WAY_MAX = 1000

/** Keeps count of what is under way, so that closing can wait for it. */
export class Background {
  readonly #onError: (error: unknown) => void
  readonly #underWay = new Set<Promise<unknown>>()
  /** Of those, the ones that nobody waits for. */
  #unattended = 0
  #waiting: (() => void)[] = []

  /** @param onError - Hears of work that failed with nobody waiting for it. */
  constructor(onError: (error: unknown) => void) {
    this.#onError = onError
  }

  add(work: Promise<unknown>): void {
    this.#unattended++
    void this.track(work)
      .catch(this.#onError)
      .finally(() => {
        this.#unattended--
        if (this.#unattended >= UNDER_WAY_MAX) return
        for (const resolve of this.#waiting.splice(0)) resolve()
      })
  }

  /** The same for work that somebody waits for. */
  track<T>(work: Promise<T>): Promise<T> {
    this.#underWay.add(work)
    const end = () => this.#underWay.delete(work)
    work.then(end, end)
    return work
  }

  /** Resolves when less than the most is under way. */
  room(): Promise<void> {
    if (this.#unattended < UNDER_WAY_MAX) return Promise.resolve()
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  /** Resolves when nothing is under way, also nothing that began meanwhile. */
  async ended(): Promise<void> {
    while (this.#underWay.size > 0) await Promise.allSettled(this.#underWay)
  }
}
