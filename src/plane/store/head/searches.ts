import type { HeadSeries } from './series.ts'

/** What a series had as its newest sample before a commit came while somebody searched. */
interface Mark {
  readonly commit: number
  readonly newestMs: number
}

interface Search {
  /** The last commit that it may see. */
  readonly asOf: number
  readonly done: Promise<unknown>
}

/**
 * Searches that are under way. They take turns with commits, so a commit notes what its series had before: each search then shows the samples of its first
 * moment, and all of a commit or nothing. Samples that come late are not held back.
 */
export class Searches {
  /** In the order they began. */
  readonly #active = new Set<Search>()
  #marks = new Map<HeadSeries, Mark[]>()
  #commit = 0

  /** Runs a search. Nothing is dropped from memory until it is done. @param work - Told as of which commit it searches. */
  run<T>(work: (asOf: number) => Promise<T>): Promise<T> {
    const asOf = this.#commit
    const result = work(asOf)
    const search = { asOf, done: result }
    this.#active.add(search)
    const end = () => {
      this.#active.delete(search)
      if (this.#active.size === 0) this.#marks = new Map()
    }
    result.then(end, end)
    return result
  }

  /** Resolves when the searches under way are done. */
  async settled(): Promise<void> {
    await Promise.allSettled(Array.from(this.#active, ({ done }) => done))
  }

  /** A commit begins. @returns whether it has to `note` each series before it changes it. */
  beginCommit(): boolean {
    this.#commit++
    return this.#active.size > 0
  }

  note(series: HeadSeries): void {
    const { newestMs } = series
    const marks = this.#marks.get(series)
    const mark = { commit: this.#commit, newestMs }
    if (marks === undefined) this.#marks.set(series, [mark])
    else {
      // Those that every search has behind it are of no use any more.
      const [oldest] = this.#active
      const needed = marks.filter(({ commit }) => commit > oldest!.asOf)
      needed.push(mark)
      this.#marks.set(series, needed)
    }
  }

  /** Time of the newest sample in order that a search may see; +∞ when it may see all there is. */
  newestMsAsOf(series: HeadSeries, asOf: number): number {
    if (this.#marks.size === 0) return Number.POSITIVE_INFINITY
    const first = this.#marks.get(series)?.find(({ commit }) => commit > asOf)
    return first === undefined ? Number.POSITIVE_INFINITY : first.newestMs
  }
}
