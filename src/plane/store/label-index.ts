import { labelValue } from '../../core/labels.ts'
import type { CompiledMatcher } from './matcher.ts'
import type { MemorySeries } from './memory-series.ts'

/** Finds series by their labels: for every label name and value the set of series that have it. */
export class LabelIndex {
  readonly #byKey = new Map<string, MemorySeries>()
  readonly #byRef = new Map<number, MemorySeries>()
  readonly #postings = new Map<string, Map<string, Set<MemorySeries>>>()

  get size(): number {
    return this.#byKey.size
  }

  get(key: string): MemorySeries | undefined {
    return this.#byKey.get(key)
  }

  getByRef(ref: number): MemorySeries | undefined {
    return this.#byRef.get(ref)
  }

  all(): Iterable<MemorySeries> {
    return this.#byKey.values()
  }

  add(series: MemorySeries): void {
    this.#byKey.set(series.key, series)
    this.#byRef.set(series.ref, series)
    for (const [name, value] of series.labels) {
      const values = this.#postings.get(name) ?? new Map<string, Set<MemorySeries>>()
      this.#postings.set(name, values)
      const posting = values.get(value)
      if (posting === undefined) values.set(value, new Set([series]))
      else posting.add(series)
    }
  }

  remove(series: MemorySeries): void {
    this.#byKey.delete(series.key)
    this.#byRef.delete(series.ref)
    for (const [name, value] of series.labels) {
      const values = this.#postings.get(name)
      const posting = values?.get(value)
      if (values === undefined || posting === undefined) continue
      posting.delete(series)
      if (posting.size > 0) continue
      values.delete(value)
      if (values.size === 0) this.#postings.delete(name)
    }
  }

  /** Series that match all matchers; every series when there is none. */
  *match(matchers: readonly CompiledMatcher[]): Iterable<MemorySeries> {
    // Start from the matcher that leaves fewest series; the others are asked series by series.
    let best: { matcher: CompiledMatcher; postings: Set<MemorySeries>[]; size: number } | undefined
    for (const matcher of matchers) {
      if (matcher.matchesEmpty) continue // Series without the label match too, and no posting lists those.
      const postings = this.#postingsOf(matcher)
      const size = postings.reduce((sum, posting) => sum + posting.size, 0)
      if (best === undefined || size < best.size) best = { matcher, postings, size }
    }
    const rest = matchers.filter((matcher) => matcher !== best?.matcher)
    for (const posting of best?.postings ?? [this.#byKey.values()]) {
      for (const series of posting) {
        if (rest.every((matcher) => matcher.matches(labelValue(series.labels, matcher.name)))) yield series
      }
    }
  }

  #postingsOf(matcher: CompiledMatcher): Set<MemorySeries>[] {
    const values = this.#postings.get(matcher.name)
    if (values === undefined) return []
    const found: Set<MemorySeries>[] = []
    if (matcher.values !== undefined) {
      for (const value of matcher.values) {
        const posting = values.get(value)
        if (posting !== undefined) found.push(posting)
      }
      return found
    }
    for (const [value, posting] of values) if (matcher.matches(value)) found.push(posting)
    return found
  }
}
