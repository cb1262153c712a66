/** Differences between neighbouring buckets below this share are rounding, not observations. */
const SMALL_DELTA_RATIO = 1e-12
const NORMAL_MIN = 2.2250738585072014e-308

export interface Bucket {
  /** Upper bound, included. */
  le: number
  /** Observations up to the bound: cumulative. */
  count: number
}

export interface BucketQuantile {
  readonly value: number
  /** Whether counts had to be raised because they fell from one bucket to the next. */
  readonly forced: boolean
}

/**
 * The φ-quantile of a classic histogram, interpolated linearly inside a bucket.
 * @param buckets - In any order, at least one; sorted and corrected in place.
 * @returns NaN when the histogram has no +Inf bucket, fewer than two buckets, or no observations.
 */
export function bucketQuantile(phi: number, buckets: Bucket[]): BucketQuantile {
  const answer = (value: number, forced = false) => ({ value, forced })
  if (Number.isNaN(phi)) return answer(Number.NaN)
  if (phi < 0) return answer(Number.NEGATIVE_INFINITY)
  if (phi > 1) return answer(Number.POSITIVE_INFINITY)
  buckets.sort((a, b) => a.le - b.le)
  if (buckets.at(-1)!.le !== Number.POSITIVE_INFINITY) return answer(Number.NaN)
  const joined = coalesce(buckets)
  const forced = makeMonotonic(joined)
  if (joined.length < 2) return answer(Number.NaN)
  const observations = joined.at(-1)!.count
  if (observations === 0) return answer(Number.NaN)
  let rank = phi * observations
  const last = joined.length - 1
  const found = firstAtLeast(joined, last, rank)
  if (found === last) return answer(joined[last - 1]!.le, forced)
  const bucket = joined[found]!
  if (found === 0 && bucket.le <= 0) return answer(bucket.le, forced)
  let start = 0
  let count = bucket.count
  if (found > 0) {
    const below = joined[found - 1]!
    start = below.le
    count -= below.count
    rank -= below.count
  }
  return answer(start + (bucket.le - start) * (rank / count), forced)
}

function firstAtLeast(buckets: readonly Bucket[], end: number, rank: number): number {
  let low = 0
  let high = end
  while (low < high) {
    const middle = (low + high) >>> 1
    if (buckets[middle]!.count >= rank) high = middle
    else low = middle + 1
  }
  return low
}

/** Buckets of one bound (`1` and `1.0`) become one, in place. @param buckets - Sorted by bound, at least one. */
export function coalesce(buckets: Bucket[]): Bucket[] {
  let last = 0
  for (let i = 1; i < buckets.length; i++) {
    const bucket = buckets[i]!
    if (buckets[last]!.le === bucket.le) buckets[last]!.count += bucket.count
    else buckets[++last] = bucket
  }
  buckets.length = last + 1
  return buckets
}

/** Counts may fall a little because buckets are scraped, rated and summed one by one. @returns Whether more than rounding was corrected. */
function makeMonotonic(buckets: readonly Bucket[]): boolean {
  let forced = false
  let previous = buckets[0]!.count
  for (let i = 1; i < buckets.length; i++) {
    const bucket = buckets[i]!
    if (bucket.count === previous) continue
    if (almostEqual(previous, bucket.count)) bucket.count = previous
    else if (bucket.count < previous) {
      bucket.count = previous
      forced = true
    } else previous = bucket.count
  }
  return forced
}

function almostEqual(a: number, b: number): boolean {
  if (Number.isNaN(a) || Number.isNaN(b)) return Number.isNaN(a) && Number.isNaN(b)
  const sum = Math.abs(a) + Math.abs(b)
  const difference = Math.abs(a - b)
  if (a === 0 || b === 0 || sum < NORMAL_MIN) return difference < SMALL_DELTA_RATIO * NORMAL_MIN
  return difference / Math.min(sum, Number.MAX_VALUE) < SMALL_DELTA_RATIO
}
