/**
 * The standard normal deviate that is exceeded with a given probability: 0.05 gives 1.645.
 * Found by bisection on the upper tail itself, so that small probabilities keep their precision; for constants in rules, not for hot paths.
 *
 * @param tail - Probability of exceeding the result, in (0, 1).
 * @returns The deviate, exact to 1e-10.
 * @throws RangeError outside (0, 1).
 */
export function normalDeviate(tail: number): number {
  if (!(tail > 0 && tail < 1)) throw new RangeError(`a probability must lie between 0 and 1, got ${tail}`)
  if (tail > 0.5) return -normalDeviate(1 - tail)
  let [low, high] = [0, 38]
  while (high - low > 1e-11) {
    const middle = (low + high) / 2
    if (normalTail(middle) > tail) low = middle
    else high = middle
  }
  return (low + high) / 2
}

/**
 * P(Z > z) for z ≥ 0: series near zero, Laplace's continued fraction in the tail.
 * @see Abramowitz and Stegun (1964), 26.2.11 and 26.2.14.
 */
function normalTail(z: number): number {
  const density = Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI)
  if (z < 3) {
    let [term, sum] = [z, z]
    for (let n = 1; Math.abs(term) > 1e-17 * Math.abs(sum); n++) {
      term *= (z * z) / (2 * n + 1)
      sum += term
    }
    return 0.5 - density * sum
  }
  let fraction = 0
  for (let n = 200; n >= 1; n--) fraction = n / (z + fraction)
  return density / (z + fraction)
}
