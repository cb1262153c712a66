import { type Labels, labelValue } from '../../../core/labels.ts'
import type { CompiledMatcher } from '../matcher.ts'
import { Posting, sortInSteps } from './posting.ts'
import type { HeadSeries } from './series.ts'

interface LabelName {
  readonly name: string
  readonly values: Map<string, Posting>
}

/** Values or series looked at between two chances to pause. */
const STEP = 256
/** What lies between two of them, in units of a pace: where a regular expression is asked, enough to look at the clock each time. */
export const PAUSE_WORK = 20_000

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
    for (const { pair, length } of this.#names.get(name)?.values.values() ?? []) yield [pair[1], length]
  }

  /** The same labels, each pair shared with all series that have it. */
  intern(labels: Labels): Labels {
    return labels.map(([name, value]) => {
      const known = this.#names.get(name)
      return known?.values.get(value)?.pair ?? ([known?.name ?? name, value] as const)
    })
  }

  /** Refs must rise from call to call; labels are as `intern` gives them. */
  add(series: HeadSeries): void {
    this.#byKey.set(series.key, series)
    this.#byRef.set(series.ref, series)
    for (const pair of series.labels) {
      const [name, value] = pair
      let label = this.#names.get(name)
      if (label === undefined) {
        label = { name, values: new Map() }
        this.#names.set(name, label)
      }
      const posting = label.values.get(value)
      if (posting === undefined) label.values.set(value, new Posting(pair, series.ref))
      else posting.add(series.ref)
    }
  }

  /** Takes series out. Those who go through the index meanwhile are not disturbed. */
  remove(gone: readonly HeadSeries[]): void {
    const touched = new Map<Posting, number[]>()
    for (const { key, ref, labels } of [...gone].sort((a, b) => a.ref - b.ref)) {
      this.#byKey.delete(key)
      this.#byRef.delete(ref)
      for (const [name, value] of labels) {
        const posting = this.#names.get(name)!.values.get(value)!
        const refs = touched.get(posting)
        if (refs === undefined) touched.set(posting, [ref])
        else refs.push(ref)
      }
    }
    for (const [posting, refs] of touched) {
      posting.remove(refs)
      if (posting.length > 0) continue
      const [name, value] = posting.pair
      const label = this.#names.get(name)!
      label.values.delete(value)
      if (label.values.size === 0) this.#names.delete(name)
    }
  }

  clear(): void {
    this.#byKey.clear()
    this.#byRef.clear()
    this.#names.clear()
  }

  /**
   * Series that match all matchers, in the order of their creation; every series when there is none. Now and then undefined in between: a chance to
   * pause. Series that go meanwhile are left out.
   */
  *match(matchers: readonly CompiledMatcher[]): Iterable<HeadSeries | undefined> {
    // Start from the matcher that leaves fewest series; the others are asked series by series.
    let best: { matcher: CompiledMatcher; postings: Posting[]; size: number } | undefined
    for (const matcher of matchers) {
      if (matcher.matchesEmpty) continue // Series without the label match too, and no posting lists those.
      const postings = yield* this.#postingsOf(matcher)
      const size = postings.reduce((sum, posting) => sum + posting.length, 0)
      if (best === undefined || size < best.size) best = { matcher, postings, size }
    }
    const rest = matchers.filter((matcher) => matcher !== best?.matcher)
    let looked = 0
    if (best === undefined) {
      for (const series of this.#byKey.values()) {
        if (matchesAll(series, rest)) yield series
        else if (++looked % STEP === 0) yield undefined
      }
      return
    }
    for (const ref of yield* joined(best.postings)) {
      const series = this.#byRef.get(ref)
      if (series !== undefined && (rest.length === 0 || matchesAll(series, rest))) yield series
      else if (++looked % STEP === 0) yield undefined
    }
  }

  *#postingsOf(matcher: CompiledMatcher): Generator<undefined, Posting[]> {
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
    let looked = 0
    for (const [value, posting] of values) {
      if (matcher.matches(value)) found.push(posting)
      if (++looked % STEP === 0) yield undefined
    }
    return found
  }
}

/** Refs of several postings, rising. A series stands in one of them at most: they are those of one label. */
function* joined(postings: readonly Posting[]): Generator<undefined, Uint32Array> {
  if (postings.length === 1) return postings[0]!.refs
  const all = new Uint32Array(postings.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const [i, posting] of postings.entries()) {
    at = posting.copyTo(all, at)
    if (i % STEP === STEP - 1) yield undefined
  }
  return yield* sortInSteps(all)
}

function matchesAll(series: HeadSeries, matchers: readonly CompiledMatcher[]): boolean {
  return matchers.every((matcher) => matcher.matches(labelValue(series.labels, matcher.name)))
}
