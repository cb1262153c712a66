import { type Labels, labelValue } from '../../../core/labels.ts'
import type { CompiledMatcher } from '../matcher.ts'
import type { HeadSeries } from './series.ts'

interface Posting {
  /** The text as it is kept for all series that have it. */
  readonly value: string
  /** Refs of the series, rising. */
  refs: Uint32Array
  length: number
}

interface LabelName {
  readonly name: string
  readonly values: Map<string, Posting>
}

/** Finds series by their labels: for every label name and value the refs of the series that have it. */
export class LabelIndex {
  readonly #byKey = new Map<string, HeadSeries>()
  readonly #byRef = new Map<number, HeadSeries>()
  readonly #names = new Map<string, LabelName>()

  get size(): number {
    return this.#byKey.size
  }

  get(key: string): HeadSeries | undefined {
    return this.#byKey.get(key)
  }

  getByRef(ref: number): HeadSeries | undefined {
    return this.#byRef.get(ref)
  }

  all(): Iterable<HeadSeries> {
    return this.#byKey.values()
  }

  names(): Iterable<string> {
    return this.#names.keys()
  }

  /** Values of a label, each with the number of series that have it. */
  *valuesOf(name: string): Iterable<readonly [value: string, series: number]> {
    for (const { value, length } of this.#names.get(name)?.values.values() ?? []) yield [value, length]
  }

  /** The same labels, their texts shared with all series that have them. */
  intern(labels: Labels): Labels {
    return labels.map(([name, value]) => {
      const known = this.#names.get(name)
      return [known?.name ?? name, known?.values.get(value)?.value ?? value] as const
    })
  }

  /** Refs must rise from call to call. */
  add(series: HeadSeries): void {
    this.#byKey.set(series.key, series)
    this.#byRef.set(series.ref, series)
    for (const [name, value] of series.labels) {
      let label = this.#names.get(name)
      if (label === undefined) {
        label = { name, values: new Map() }
        this.#names.set(name, label)
      }
      let posting = label.values.get(value)
      if (posting === undefined) {
        posting = { value, refs: new Uint32Array(2), length: 0 }
        label.values.set(value, posting)
      }
      if (posting.length === posting.refs.length) {
        const larger = new Uint32Array(posting.length * 2)
        larger.set(posting.refs)
        posting.refs = larger
      }
      posting.refs[posting.length++] = series.ref
    }
  }

  /** Takes many series out at once: each posting they stand in is gone through once. */
  remove(gone: readonly HeadSeries[]): void {
    const touched = new Map<LabelName, Set<Posting>>()
    for (const series of gone) {
      this.#byKey.delete(series.key)
      this.#byRef.delete(series.ref)
      for (const [name, value] of series.labels) {
        const label = this.#names.get(name)!
        const postings = touched.get(label) ?? new Set()
        touched.set(label, postings)
        postings.add(label.values.get(value)!)
      }
    }
    for (const [label, postings] of touched) {
      for (const posting of postings) {
        posting.refs = posting.refs.subarray(0, posting.length).filter((ref) => this.#byRef.has(ref))
        posting.length = posting.refs.length
        if (posting.length === 0) label.values.delete(posting.value)
      }
      if (label.values.size === 0) this.#names.delete(label.name)
    }
  }

  clear(): void {
    this.#byKey.clear()
    this.#byRef.clear()
    this.#names.clear()
  }

  /** Series that match all matchers, in the order of their creation; every series when there is none. */
  *match(matchers: readonly CompiledMatcher[]): Iterable<HeadSeries> {
    // Start from the matcher that leaves fewest series; the others are asked series by series.
    let best: { matcher: CompiledMatcher; postings: Posting[]; size: number } | undefined
    for (const matcher of matchers) {
      if (matcher.matchesEmpty) continue // Series without the label match too, and no posting lists those.
      const postings = this.#postingsOf(matcher)
      const size = postings.reduce((sum, posting) => sum + posting.length, 0)
      if (best === undefined || size < best.size) best = { matcher, postings, size }
    }
    const rest = matchers.filter((matcher) => matcher !== best?.matcher)
    if (best === undefined) {
      for (const series of this.#byKey.values()) if (matchesAll(series, rest)) yield series
      return
    }
    for (const ref of joined(best.postings)) {
      const series = this.#byRef.get(ref)
      // Whoever goes through the series may take a break, and some of them go meanwhile.
      if (series !== undefined && (rest.length === 0 || matchesAll(series, rest))) yield series
    }
  }

  #postingsOf(matcher: CompiledMatcher): Posting[] {
    const values = this.#names.get(matcher.name)?.values
    if (values === undefined) return []
    const found: Posting[] = []
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

/** Refs of several postings, rising. A series stands in one of them at most: they are those of one label. */
function joined(postings: readonly Posting[]): Uint32Array {
  if (postings.length === 1) return postings[0]!.refs.subarray(0, postings[0]!.length)
  const all = new Uint32Array(postings.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const { refs, length } of postings) {
    all.set(refs.subarray(0, length), at)
    at += length
  }
  return all.sort()
}

function matchesAll(series: HeadSeries, matchers: readonly CompiledMatcher[]): boolean {
  return matchers.every((matcher) => matcher.matches(labelValue(series.labels, matcher.name)))
}
