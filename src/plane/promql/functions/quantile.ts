/** Up to so many values an insertion sort is faster than finding one rank. */
const SORTED_MAX = 40

/**
 * The φ-quantile of values, interpolated between the two nearest ranks; NaN counts as smallest.
 * @param values - The first `count` are put into another order.
 * @returns NaN when there is no value or φ is NaN; −Inf below 0, +Inf above 1.
 */
export function quantileOf(phi: number, values: Float64Array, count = values.length): number {
  if (count === 0 || Number.isNaN(phi)) return Number.NaN
  if (phi < 0) return Number.NEGATIVE_INFINITY
  if (phi > 1) return Number.POSITIVE_INFINITY
  const nans = nansFirst(values, count)
  const rank = phi * (count - 1)
  const lower = Math.floor(rank)
  if (lower < nans) return Number.NaN
  select(values, nans, count, lower)
  if (lower + 1 < count) selectLeast(values, lower + 1, count)
  return between(values, count, rank)
}

/** The value at a rank that need not be whole. @param ordered - Right at the two ranks beside it: what is left of them is less, what is right is more. */
export function between(ordered: Float64Array, count: number, rank: number): number {
  const lower = Math.floor(rank)
  const upper = lower + 1 < count ? lower + 1 : lower
  const weight = rank - lower
  return ordered[lower]! * (1 - weight) + ordered[upper]! * weight
}

export function isBadQuantile(phi: number): boolean {
  return !(phi >= 0 && phi <= 1)
}

/** Moves every NaN to the front. @returns How many there are. */
function nansFirst(values: Float64Array, count: number): number {
  let nans = 0
  for (let i = 0; i < count; i++) {
    const value = values[i]!
    // biome-ignore lint/suspicious/noSelfCompare: the cheapest NaN test there is.
    if (value === value) continue
    values[i] = values[nans]!
    values[nans++] = value
  }
  return nans
}

/** Brings the value of a rank to its place within [from, to): none before it is greater, none behind it is less. */
function select(values: Float64Array, from: number, to: number, rank: number): void {
  let low = from
  let high = to - 1
  // Halving on average; where the pivots are bad time and again, sorting is the bound.
  for (let rounds = 2 * Math.log2(to - from + 1) + 8; high - low >= SORTED_MAX; rounds--) {
    if (rounds < 0) {
      values.subarray(low, high + 1).sort()
      return
    }
    const pivot = middleOfThree(values[low]!, values[(low + high) >>> 1]!, values[high]!)
    let left = low
    let right = high
    while (left <= right) {
      while (values[left]! < pivot) left++
      while (values[right]! > pivot) right--
      if (left > right) break
      const value = values[left]!
      values[left++] = values[right]!
      values[right--] = value
    }
    if (rank <= right) high = right
    else if (rank >= left) low = left
    else return // Between the two lie copies of the pivot.
  }
  for (let i = low + 1; i <= high; i++) {
    const value = values[i]!
    let at = i
    for (; at > low && values[at - 1]! > value; at--) values[at] = values[at - 1]!
    values[at] = value
  }
}

/** Brings the least value of [from, to) to its front. */
function selectLeast(values: Float64Array, from: number, to: number): void {
  let least = from
  for (let i = from + 1; i < to; i++) if (values[i]! < values[least]!) least = i
  const value = values[least]!
  values[least] = values[from]!
  values[from] = value
}

function middleOfThree(a: number, b: number, c: number): number {
  if (a < b) return b < c ? b : a < c ? c : a
  return a < c ? a : b < c ? c : b
}
