/** Whether a figure grows, and by how much. */
export interface Trend {
  /** Growth from the first sample to the last, by the median slope of all pairs (Theil and Sen), which a few outliers do not bend. */
  readonly growth: number
  /** Probability of an order at least as rising as this, if there were no growth (Mann and Kendall, one-sided, normal approximation). */
  readonly pValue: number
}

/** @param values - At equal distances in time, two at least. @returns no growth and 1 for fewer. */
export function trendOf(values: readonly number[]): Trend {
  const n = values.length
  if (n < 2) return { growth: 0, pValue: 1 }
  const slopes: number[] = []
  let rises = 0
  for (let i = 0; i < n; i++) {
    for (let j = i + 1; j < n; j++) {
      const difference = values[j]! - values[i]!
      slopes.push(difference / (j - i))
      rises += Math.sign(difference)
    }
  }
  slopes.sort((a, b) => a - b)
  const middle = slopes.length / 2
  const slope = (slopes[Math.floor(middle - 0.5)]! + slopes[Math.floor(middle)]!) / 2
  // Equal values make fewer orders possible.
  const ties = [...Map.groupBy(values, (value) => value).values()].map(({ length }) => length)
  const orders = (k: number) => k * (k - 1) * (2 * k + 5)
  const variance = (orders(n) - ties.reduce((sum, k) => sum + orders(k), 0)) / 18
  const z = variance === 0 ? 0 : (rises - Math.sign(rises)) / Math.sqrt(variance)
  return { growth: slope * (n - 1), pValue: 1 - normalCdf(z) }
}

/** @see Abramowitz and Stegun (1964), 26.2.17; off by 7.5e-8 at most. */
function normalCdf(z: number): number {
  const t = 1 / (1 + 0.2316419 * Math.abs(z))
  const tail =
    (Math.exp(-(z * z) / 2) / Math.sqrt(2 * Math.PI)) *
    t *
    (0.31938153 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))))
  return z >= 0 ? 1 - tail : tail
}
