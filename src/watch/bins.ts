/**
 * Where a value is counted. Every value falls into exactly one bin of its layout.
 *
 * Regular bins come first, special bins after them:
 *
 *   number     [e₀,e₁) [e₁,e₂) … [eₖ₋₁,eₖ]   below  above  missing  nan  invalid
 *   category   one per category               other  missing  invalid
 *
 * An edge belongs to the bin above it; only the last bin includes its upper edge, the largest training value. One function,
 * `binOfNumber`, says so for the profile builder and for the server alike.
 */
export interface NumberBins {
  readonly kind: 'number'
  /** Rising, shape [k + 1], k ≥ 1. The last two are equal when the largest value has a bin of its own. */
  readonly edges: Float64Array
  /** The edges between two bins, and Infinity behind them up to one less than a power of two, at least 15: as `countNumbers` searches them. */
  readonly inner: Float64Array
  readonly labels: readonly string[]
}

export interface CategoryBins {
  readonly kind: 'category'
  readonly indexByCategory: ReadonlyMap<string, number>
  readonly labels: readonly string[]
}

export type BinLayout = NumberBins | CategoryBins

export const numberSpecials = ['below', 'above', 'missing', 'nan', 'invalid'] as const
export const categorySpecials = ['other', 'missing', 'invalid'] as const
export type SpecialBin = (typeof numberSpecials)[number] | (typeof categorySpecials)[number]

const specialNames: ReadonlySet<string> = new Set([...numberSpecials, ...categorySpecials])

/** Longest category that gets a bin of its own, in UTF-16 units; longer ones are counted as `other`, for a label is kept for ever. */
export const CATEGORY_LENGTH_MAX = 128

/** @param edges - Rising, at least two; only the last two may be equal. */
export function createNumberBins(edges: readonly number[]): NumberBins {
  const labels: string[] = []
  for (let i = 0; i + 1 < edges.length; i++) labels.push(`[${edges[i]},${edges[i + 1]}${i + 2 === edges.length ? ']' : ')'}`)
  const inner = new Float64Array(Math.max(16, 2 ** Math.ceil(Math.log2(labels.length))) - 1).fill(Number.POSITIVE_INFINITY)
  inner.set(edges.slice(1, -1))
  return { kind: 'number', edges: Float64Array.from(edges), inner, labels: [...labels, ...numberSpecials] }
}

export function createCategoryBins(categories: readonly string[]): CategoryBins {
  return {
    kind: 'category',
    indexByCategory: new Map(categories.map((category, i) => [category, i])),
    labels: [...categories.map(categoryLabel), ...categorySpecials],
  }
}

/** How many of a layout's bins are regular. */
export function regularCount(layout: BinLayout): number {
  return layout.labels.length - (layout.kind === 'number' ? numberSpecials.length : categorySpecials.length)
}

/**
 * The bin of a number: NaN and ±Infinity fall into `nan`.
 * Binary search; no allocation.
 */
export function binOfNumber(bins: NumberBins, value: number): number {
  const { edges } = bins
  const regular = edges.length - 1
  if (!Number.isFinite(value)) return regular + 3
  if (value < edges[0]!) return regular
  if (value > edges[regular]!) return regular + 1
  let low = 0 // edges[low] ≤ value < edges[high], as far as is known
  let high = edges.length
  while (high - low > 1) {
    const middle = (low + high) >> 1
    if (edges[middle]! <= value) low = middle
    else high = middle
  }
  return low === regular ? regular - 1 : low // The largest value stands in the last bin.
}

/**
 * Counts each value of a column in its bin, as `binOfNumber` finds it. The search takes the same steps for every value and adds what it finds: branches that
 * depend on the value, or a loop around four steps, would be guessed wrong about once a value, which is two thirds of the time.
 * @param counts - By bin.
 */
export function countNumbers(bins: NumberBins, column: Float64Array, counts: Float64Array): void {
  const { edges, inner } = bins
  const low = edges[0]!
  const high = edges[edges.length - 1]!
  const half = (inner.length + 1) >> 1
  for (let i = 0; i < column.length; i++) {
    const value = column[i]!
    if (!(value >= low && value <= high)) {
      counts[binOfNumber(bins, value)]! += 1
      continue
    }
    let bin = 0 // How many edges between bins are at or below the value.
    for (let step = half; step > 8; step >>= 1) bin += inner[bin + step - 1]! <= value ? step : 0
    bin += inner[bin + 7]! <= value ? 8 : 0
    bin += inner[bin + 3]! <= value ? 4 : 0
    bin += inner[bin + 1]! <= value ? 2 : 0
    bin += inner[bin]! <= value ? 1 : 0
    counts[bin]! += 1
  }
}

/** The bin of a category; one the reference does not know falls into `other`. */
export function binOfCategory(bins: CategoryBins, category: string): number {
  return bins.indexByCategory.get(category) ?? bins.indexByCategory.size
}

/** The position of a special bin. @throws when the layout has none of that name: a bug in the caller. */
export function specialBin(layout: BinLayout, name: SpecialBin): number {
  const index = layout.labels.indexOf(name, regularCount(layout))
  if (index < 0) throw new Error(`a ${layout.kind} has no bin ${name}`)
  return index
}

/** A category that bears a special bin's name, or begins with the mark itself, is marked with `=`, so that no two bins share a label. */
function categoryLabel(category: string): string {
  return specialNames.has(category) || category.startsWith('=') ? `=${category}` : category
}

/**
 * Edges at the quantiles of the training values, so that each bin holds about the same share of them.
 * Equal edges are merged. Where there are no more distinct values than bins, each value has its own bin; otherwise edges are rounded, outward at the
 * ends, to a tenth of the narrowest bin, for they are read by people. Rounding never merges two edges, however far away an outlier lies.
 *
 * @param sorted - Finite values, rising, at least one.
 * @param binsMax - Bins wanted, ≥ 1.
 * @returns Rising edges, shape [k + 1] with 1 ≤ k ≤ binsMax; the first is at or below the smallest value, the last at or above the largest.
 */
export function quantileEdges(sorted: Float64Array, binsMax: number): number[] {
  const largest = sorted.at(-1)!
  const distinct = distinctUpTo(sorted, binsMax)
  if (distinct !== undefined) return [...distinct, largest]
  const starts = [sorted[0]!]
  for (let i = 1; i < binsMax; i++) {
    const start = sorted[Math.floor((i * sorted.length) / binsMax)]!
    if (start > starts.at(-1)!) starts.push(start)
  }
  return roundEdges([...starts, largest])
}

/** Most decimals that `toFixed` writes. */
const DECIMALS_MAX = 100

function roundEdges(edges: readonly number[]): number[] {
  const narrowest = edges
    .slice(1)
    .reduce((width, edge, i) => (edge > edges[i]! ? Math.min(width, edge - edges[i]!) : width), Number.POSITIVE_INFINITY)
  const decimals = Math.max(0, 1 - Math.floor(Math.log10(narrowest)))
  if (!(decimals <= DECIMALS_MAX)) return [...edges]
  const last = edges.length - 1
  return edges.map((edge, i) =>
    i === 0 ? roundDown(edge, decimals) : i === last ? -roundDown(-edge, decimals) : Number(edge.toFixed(decimals)),
  )
}

function roundDown(value: number, decimals: number): number {
  const rounded = Number(value.toFixed(decimals))
  return rounded <= value ? rounded : Number((rounded - 10 ** -decimals).toFixed(decimals))
}

/** The distinct values, or undefined when there are more than `max`. */
function distinctUpTo(sorted: Float64Array, max: number): number[] | undefined {
  const values: number[] = []
  for (const value of sorted) {
    if (values.length > 0 && value === values.at(-1)) continue
    if (values.length === max) return undefined
    values.push(value)
  }
  return values
}
