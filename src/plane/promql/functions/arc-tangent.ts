/** Coefficients of the rational approximation, highest power first. @see Moshier, Cephes Mathematical Library 2.8, `atan` */
const numerator = [-0.8750608600031904, -16.157537187333652, -75.00855792314705, -122.88666844901361, -64.85021904942025]
const denominator = [1, 24.858464901423062, 165.02700983169885, 432.88106049129027, 485.3903996359137, 194.5506571482614]
/** tan(3π/8): above it the reciprocal is taken. */
const LARGE_MIN = 2.414213562373095
/** Below it the approximation holds as it is. */
const SMALL_MAX = 0.66
/** What π/2 has beyond a double. */
const HALF_PI_REST = 6.123233995736766e-17

/** The arc tangent in radians, to the last digit as Prometheus has it: engines differ in that digit, and equality is an operator. */
export function arcTangent(x: number): number {
  if (x === 0) return x
  return x > 0 ? ofPositive(x) : -ofPositive(-x)
}

function ofPositive(x: number): number {
  if (x <= SMALL_MAX) return approximate(x)
  if (x > LARGE_MIN) return Math.PI / 2 - approximate(1 / x) + HALF_PI_REST
  return Math.PI / 4 + approximate((x - 1) / (x + 1)) + 0.5 * HALF_PI_REST
}

function approximate(x: number): number {
  const square = x * x
  return x * ((square * polynomial(numerator, square)) / polynomial(denominator, square)) + x
}

function polynomial(coefficients: readonly number[], x: number): number {
  let sum = coefficients[0]!
  for (let i = 1; i < coefficients.length; i++) sum = sum * x + coefficients[i]!
  return sum
}

/** The angle of the point (x, y) in radians, in [−π, π]. */
export function arcTangentOf(y: number, x: number): number {
  // Edge cases are everywhere the same.
  if (!Number.isFinite(x) || !Number.isFinite(y) || x === 0 || y === 0) return Math.atan2(y, x)
  const angle = arcTangent(y / x)
  if (x > 0) return angle
  // Not by the sign of y: where the quotient is too small for a double, Prometheus takes it for positive.
  return angle <= 0 ? angle + Math.PI : angle - Math.PI
}
