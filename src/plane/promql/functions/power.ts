const bits = new DataView(new ArrayBuffer(8))
/** From here on a double is a whole number, and an even one past the next. */
const INTEGER_MAX = 2 ** 63
/** An exponent of two beyond which a product has left the range of doubles for good. */
const EXPONENT_MAX = 4096

/**
 * xʸ as Prometheus computes it: the whole part of y by squaring, its rest by eˣ. For large y that keeps fewer digits than the
 * engine's own power does, and other ones; a rule compares with what Prometheus would have said.
 * Edge cases are C's: 1 to any power, and −1 to an infinite one, are 1.
 */
export function power(x: number, y: number): number {
  if (x === 1 || (x === -1 && Math.abs(y) === Number.POSITIVE_INFINITY)) return 1
  const whole = Math.floor(Math.abs(y))
  // JavaScript's edge cases are C's but for those two. Past the bound only edge cases are left.
  if (x === 0 || y === 0 || y === 1 || !Number.isFinite(x) || !(whole < INTEGER_MAX)) return x ** y
  if (y === 0.5) return Math.sqrt(x)
  if (y === -0.5) return 1 / Math.sqrt(x)
  let rest = Math.abs(y) - whole
  if (rest !== 0 && x < 0) return Number.NaN
  return bySquaring(x, rest > 0.5 ? whole + 1 : whole, rest > 0.5 ? --rest : rest, y < 0)
}

function bySquaring(x: number, whole: number, rest: number, inverse: boolean): number {
  let product = rest === 0 ? 1 : Math.exp(rest * Math.log(x))
  let productExponent = 0
  // Mantissa and exponent apart, so that nothing on the way is too large or too small.
  let exponent = exponentOf(x)
  let factor = scaled(x, -exponent)
  for (let left = whole; left !== 0; ) {
    if (Math.abs(exponent) > EXPONENT_MAX) {
      productExponent += exponent
      break
    }
    const half = Math.floor(left / 2)
    if (left !== 2 * half) {
      product *= factor
      productExponent += exponent
    }
    factor *= factor
    exponent *= 2
    if (factor < 0.5) {
      factor += factor
      exponent--
    }
    left = half
  }
  if (inverse) {
    product = 1 / product
    productExponent = -productExponent
  }
  const shift = exponentOf(product)
  return scaled(scaled(product, -shift), productExponent + shift)
}

/** e with 0.5 ≤ |x|·2⁻ᵉ < 1. */
function exponentOf(x: number): number {
  bits.setFloat64(0, x)
  const biased = (bits.getUint16(0) >> 4) & 0x7ff
  return biased === 0 ? exponentOf(x * 2 ** 64) - 64 : biased - 1022
}

/** x·2ⁿ, rounded once. */
function scaled(x: number, n: number): number {
  // Two steps: the power alone may be out of range; the first is exact, because it does not leave the normal numbers.
  const bounded = Math.max(-2200, Math.min(2200, n))
  const half = Math.trunc(bounded / 2)
  return x * 2 ** half * 2 ** (bounded - half)
}
