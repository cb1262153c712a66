/**
 * Staleness markers. A marker is one particular NaN, told from every other NaN by its bits alone, and a signalling one at that: a number that
 * passes through a JavaScript variable may come out with other bits. So markers are written and read in place, never as numbers.
 */

/** The bits of a staleness marker, as Prometheus defines them (`value.StaleNaN`). */
export const STALE_NAN_BITS = 0x7ff0_0000_0000_0002n

/** Whether `values[i]` is a staleness marker; an ordinary NaN is not one. */
export function isStaleMarker(values: Float64Array, i: number): boolean {
  const value = values[i]!
  // Only a NaN differs from itself, and only then is the costly look at the bits needed.
  // biome-ignore lint/suspicious/noSelfCompare: the cheapest NaN test there is.
  if (value === value) return false
  return bitsAt(values, i)[0] === STALE_NAN_BITS
}

/** Makes `values[i]` a staleness marker. */
export function writeStaleMarker(values: Float64Array, i: number): void {
  bitsAt(values, i)[0] = STALE_NAN_BITS
}

/** Whether two values are the same, bit for bit: 0 is not -0, and a staleness marker is no other NaN. */
export function sameBits(a: Float64Array, i: number, b: Float64Array, j: number): boolean {
  return bitsAt(a, i)[0] === bitsAt(b, j)[0]
}

/** `to[j] = from[i]`, bit for bit. */
export function copyValue(from: Float64Array, i: number, to: Float64Array, j: number): void {
  const value = from[i]!
  // biome-ignore lint/suspicious/noSelfCompare: the cheapest NaN test there is.
  if (value === value) to[j] = value
  else bitsAt(to, j)[0] = bitsAt(from, i)[0]!
}

function bitsAt(values: Float64Array, i: number): BigUint64Array {
  return new BigUint64Array(values.buffer, values.byteOffset + i * 8, 1)
}
