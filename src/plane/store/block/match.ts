import type { TimeRange } from '../contract.ts'
import type { CompiledMatcher } from '../matcher.ts'
import type { BlockIndex } from './block-index.ts'

/** One matcher against the pairs of its label's name in one block. */
interface PairTest {
  readonly matcher: CompiledMatcher
  readonly first: number
  readonly end: number
  /** For each pair of the name: 0 not asked yet, 1 matches, 2 does not. Values repeat, and many series share one. */
  readonly known: Uint8Array
}

/** Series or values looked at between two chances to pause. */
const STEP = 512

/** `matchInSteps`, all at once. */
export function matchSeries(index: BlockIndex, matchers: readonly CompiledMatcher[], range: TimeRange): Uint32Array {
  const steps = matchInSteps(index, matchers, range)
  for (;;) {
    const { done, value } = steps.next()
    if (done === true) return value
  }
}

/**
 * Series that match all matchers and have a chunk that touches the range, in rising order.
 * The rarest matcher that no series without its label fulfils says which series come into question; the others are asked row by row.
 * It can be left alone at each yield: that of a label with a million values takes a second.
 */
export function* matchInSteps(
  index: BlockIndex,
  matchers: readonly CompiledMatcher[],
  { fromMs, toMs }: TimeRange,
): Generator<undefined, Uint32Array> {
  const tests: PairTest[] = []
  for (const matcher of matchers) {
    const [first, end] = index.pairsOfName(matcher.name)
    if (first < end) tests.push({ matcher, first, end, known: new Uint8Array(end - first) })
    else if (!matcher.matchesEmpty) return new Uint32Array()
  }
  const base = yield* rarest(index, tests)
  const candidates = base === undefined ? everySeries(index) : union(index, base.pairs)
  const rest = tests.filter((test) => test !== base?.test)
  const { layouts, seriesLayout } = index.columns
  const touching = new Uint8Array(layouts.length)
  let count = 0
  for (let i = 0; i < candidates.length; i++) {
    if (i % STEP === STEP - 1) yield
    const series = candidates[i]!
    const layout = seriesLayout[series]!
    if (touching[layout] === 0) touching[layout] = layouts.touches(layout, fromMs, toMs) ? 1 : 2
    if (touching[layout] === 2 || !(rest.length === 0 || passes(index, series, rest))) continue
    candidates[count++] = series
  }
  return candidates.subarray(0, count)
}

interface RareMatcher {
  readonly test: PairTest
  readonly pairs: readonly number[]
  readonly series: number
}

/** The pairs of the matcher that fewest series fulfil; undefined when each may be fulfilled by a series without the label. */
function* rarest(index: BlockIndex, tests: readonly PairTest[]): Generator<undefined, RareMatcher | undefined> {
  let best: RareMatcher | undefined
  const positive = tests.filter(({ matcher }) => !matcher.matchesEmpty)
  // Those whose values are listed first: they are cheap to look up, and make the dear ones needless.
  for (const test of positive.sort((a, b) => Number(a.matcher.values === undefined) - Number(b.matcher.values === undefined))) {
    const { matcher, first, end } = test
    if (best !== undefined && matcher.values === undefined && end - first > best.series) continue
    const pairs: number[] = []
    if (matcher.values !== undefined) {
      for (const value of matcher.values) {
        const pair = index.pairOfValue(value, first, end)
        if (pair >= 0) pairs.push(pair)
      }
    } else {
      for (let pair = first; pair < end; pair++) {
        if (isMatch(index, test, pair)) pairs.push(pair)
        if (pair % STEP === 0) yield
      }
    }
    const series = pairs.reduce((sum, pair) => sum + index.columns.pairSeries[pair]!, 0)
    if (best === undefined || series < best.series) best = { test, pairs, series }
  }
  return best
}

function isMatch(index: BlockIndex, { matcher, first, known }: PairTest, pair: number): boolean {
  if (known[pair - first] === 0) known[pair - first] = matcher.matches(index.peekValue(pair)) ? 1 : 2
  return known[pair - first] === 1
}

function passes(index: BlockIndex, series: number, tests: readonly PairTest[]): boolean {
  const pairs = index.pairsOf(series)
  for (const test of tests) {
    let pair = -1
    for (let i = 0; i < pairs.length; i++) {
      if (pairs[i]! >= test.end) break
      if (pairs[i]! >= test.first) pair = pairs[i]!
    }
    if (!(pair < 0 ? test.matcher.matchesEmpty : isMatch(index, test, pair))) return false
  }
  return true
}

function everySeries(index: BlockIndex): Uint32Array {
  const all = new Uint32Array(index.columns.seriesCount)
  for (let i = 0; i < all.length; i++) all[i] = i
  return all
}

/** Series that have one of the pairs. No series stands in two of the lists, as a label has one value. */
function union(index: BlockIndex, pairs: readonly number[]): Uint32Array {
  const all = new Uint32Array(pairs.reduce((sum, pair) => sum + index.columns.pairSeries[pair]!, 0))
  let at = 0
  for (const pair of pairs) at = index.readPosting(pair, all, at)
  return pairs.length > 1 ? all.sort() : all
}
