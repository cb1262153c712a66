/**
 * The φ-quantile of values, interpolated between the two nearest ranks; NaN counts as smallest.
 * @param values - Sorted in place.
 * @returns NaN when there is no value or φ is NaN; −Inf below 0, +Inf above 1.
 */
export function quantileOf(phi: number, values: Float64Array): number {
  const n = values.length
  if (n === 0 || Number.isNaN(phi)) return Number.NaN
  if (phi < 0) return Number.NEGATIVE_INFINITY
  if (phi > 1) return Number.POSITIVE_INFINITY
  // A typed array's own sort puts NaN last.
  values.sort()
  let nans = 0
  while (nans < n && Number.isNaN(values[n - 1 - nans])) nans++
  const at = (rank: number) => (rank < nans ? Number.NaN : values[rank - nans]!)
  const rank = phi * (n - 1)
  const lower = Math.max(0, Math.floor(rank))
  const upper = Math.min(n - 1, lower + 1)
  const weight = rank - Math.floor(rank)
  return at(lower) * (1 - weight) + at(upper) * weight
}

export function isBadQuantile(phi: number): boolean {
  return !(phi >= 0 && phi <= 1)
}
