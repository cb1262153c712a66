const [MINUS, PLUS, POINT, ZERO, LOWER_E, UPPER_E] = [0x2d, 0x2b, 0x2e, 0x30, 0x65, 0x45]

/** Powers of ten that a double holds exactly. */
const powersOfTen = Float64Array.from({ length: 23 }, (_, exponent) => Number(`1e${exponent}`))
const EXPONENT_EXACT_MAX = 22
/** Decimal digits that always fit an int32. */
const PART_DIGITS = 9
/** An exponent is added up only so far: beyond it everything is zero or infinite. */
const EXPONENT_MAX = 100_000

/**
 * Reads a number by JSON's grammar into `cells[at]`, to the bit what JSON.parse makes of it; Infinity where no double reaches.
 * Quick for at most nine digits before the point and eighteen in all, as most doubles are written.
 *
 * @param bytes - Behind the number there must be a byte that cannot be part of one: there every loop ends.
 * @returns the position behind it, or -1 when there stands none.
 */
export function scanNumber(bytes: Buffer, start: number, cells: Float64Array, at: number): number {
  const isNegative = bytes[start] === MINUS
  const first = isNegative ? start + 1 : start
  let i = first
  let limit = first + PART_DIGITS
  let digit = bytes[i]! - ZERO
  if (!isDigit(digit)) return -1
  const startsWithZero = digit === 0
  let high = 0 // The first nine digits, and below the nine after them.
  for (; i < limit && isDigit(digit); digit = bytes[++i]! - ZERO) high = Math.imul(high, 10) + digit
  if (startsWithZero && i > first + 1) return -1
  let value = high
  if (digit === POINT - ZERO) {
    const fraction = ++i
    digit = bytes[i]! - ZERO
    if (!isDigit(digit)) return -1
    limit += startsWithZero ? 2 : 1 // For the point, and for a zero that does not count.
    for (; i < limit && isDigit(digit); digit = bytes[++i]! - ZERO) high = Math.imul(high, 10) + digit
    if (isDigit(digit)) {
      let low = 0
      for (limit += PART_DIGITS; i < limit && isDigit(digit); digit = bytes[++i]! - ZERO) low = Math.imul(low, 10) + digit
      value = divide(high, low, powersOfTen[i - limit + PART_DIGITS]!, powersOfTen[i - fraction]!)
    } else {
      value = high / powersOfTen[i - fraction]!
    }
  }
  if (isDigit(digit) || digit === LOWER_E - ZERO || digit === UPPER_E - ZERO || Number.isNaN(value)) {
    return scanAnyNumber(bytes, start, cells, at)
  }
  cells[at] = isNegative ? -value : value
  return i
}

const isDigit = (value: number): boolean => value >>> 0 < 10

/**
 * The same for every number. A whole number below 2^53 times or by a power of ten up to 10^22 is one exactly rounded operation; the rest
 * is left to the language's own parser.
 * @see Clinger (1990), How to read floating point numbers accurately, PLDI.
 */
function scanAnyNumber(bytes: Buffer, start: number, cells: Float64Array, at: number): number {
  const isNegative = bytes[start] === MINUS
  let i = isNegative ? start + 1 : start
  if (!isDigit(bytes[i]! - ZERO) || (bytes[i] === ZERO && isDigit(bytes[i + 1]! - ZERO))) return -1
  let digits = 0 // Rounded only from 2^53 on, and from there it never falls below.
  for (; isDigit(bytes[i]! - ZERO); i++) digits = digits * 10 + (bytes[i]! - ZERO)
  let exponent = 0
  if (bytes[i] === POINT) {
    const fraction = ++i
    for (; isDigit(bytes[i]! - ZERO); i++) digits = digits * 10 + (bytes[i]! - ZERO)
    if (i === fraction) return -1
    exponent = fraction - i
  }
  if (bytes[i] === LOWER_E || bytes[i] === UPPER_E) {
    i++
    const isBelowOne = bytes[i] === MINUS
    if (isBelowOne || bytes[i] === PLUS) i++
    if (!isDigit(bytes[i]! - ZERO)) return -1
    let power = 0
    for (; isDigit(bytes[i]! - ZERO); i++) if (power < EXPONENT_MAX) power = power * 10 + (bytes[i]! - ZERO)
    exponent += isBelowOne ? -power : power
  }
  if (digits > Number.MAX_SAFE_INTEGER || Math.abs(exponent) > EXPONENT_EXACT_MAX) {
    cells[at] = Number(bytes.toString('latin1', start, i))
  } else {
    const value = exponent < 0 ? digits / powersOfTen[-exponent]! : digits * powersOfTen[exponent]!
    cells[at] = isNegative ? -value : value
  }
  return i
}

/** Splits a double in two halves of 26 bits: 2^27 + 1 (Veltkamp). */
const SPLITTER = 134_217_729
/** Far above the error of the correction below, and far below the distance of two doubles. */
const DOUBT = 2 ** -95

/**
 * The double nearest to (high · shift + low) / divisor, or NaN where that is too close to the middle of two doubles to call.
 *
 * high · shift is exact: 30 bits, by 5^9 with 21 bits, by a power of two. Adding low rounds, and what that takes is known exactly. The
 * quotient is rounded; what it leaves is exact too (Dekker's product), and with the other rest gives its correction, whose own error is
 * some 2^-102 of the quotient. When a correction a little larger and one a little smaller give the same double, it is that.
 *
 * @param high - Below 10^9. @param low - Below shift. @param shift - A power of ten up to 10^9. @param divisor - One up to 10^18.
 * @see Dekker (1971), A floating-point technique for extending the available precision, Numerische Mathematik 18:224.
 */
function divide(high: number, low: number, shift: number, divisor: number): number {
  const front = high * shift
  const digits = front + low
  const rest = low - (digits - front)
  const quotient = digits / divisor
  const product = quotient * divisor
  const q = SPLITTER * quotient
  const qHigh = q - (q - quotient)
  const qLow = quotient - qHigh
  const d = SPLITTER * divisor
  const dHigh = d - (d - divisor)
  const dLow = divisor - dHigh
  const productError = qLow * dLow - (product - qHigh * dHigh - qLow * dHigh - qHigh * dLow)
  const correction = (digits - product - productError + rest) / divisor
  const doubt = quotient * DOUBT
  const nearest = quotient + (correction + doubt)
  return nearest === quotient + (correction - doubt) ? nearest : Number.NaN
}
