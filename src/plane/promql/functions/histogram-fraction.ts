import { type Bucket, coalesce } from './histogram.ts'

/**
 * The share of a classic histogram's observations in (lower, upper], interpolated linearly inside a bucket. The first bucket reaches down to
 * −Inf, so there nothing can be interpolated.
 * @param buckets - In any order, at least one; sorted in place. Counts are taken as they are, even where they fall.
 * @returns A ratio; NaN when the histogram has no +Inf bucket or no observations, for a bound that is NaN, and for one inside the first bucket.
 */
export function bucketFraction(lower: number, upper: number, buckets: Bucket[]): number {
  buckets.sort((a, b) => a.le - b.le)
  const joined = coalesce(buckets)
  const { le, count } = joined.at(-1)!
  if (le !== Number.POSITIVE_INFINITY || count === 0 || Number.isNaN(lower) || Number.isNaN(upper)) return Number.NaN
  if (lower >= upper) return 0
  return (rankOf(upper, joined) - rankOf(lower, joined)) / count
}

/** How many observations are at most `value`. */
function rankOf(value: number, buckets: readonly Bucket[]): number {
  let below = Number.NEGATIVE_INFINITY
  let rank = 0
  const total = buckets.at(-1)!.count
  for (const { le, count } of buckets) {
    if (below >= value) return Math.min(rank, total)
    // Both sides: a bound that is NaN lies on neither, and nothing is interpolated beside it.
    if (below < value && le > value) {
      const inside = rank + ((count - rank) * (value - below)) / (le - below)
      return inside > total ? total : inside
    }
    rank = count
    below = le
  }
  return total
}
