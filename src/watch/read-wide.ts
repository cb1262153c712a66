import { createFeatureReader, type FeatureReader } from './feature-reader.ts'
import type { Feature } from './schema.ts'

/** As many digits as 2^64 − 1 has; longer text is not looked at. */
const signedDigits = /^-?\d{1,20}$/
const unsignedDigits = /^\d{1,20}$/

/**
 * Reads a whole number of 64 bits of each row: a JSON number that carries it exactly, or a string of decimal digits.
 * Where the row is refused stands 0.
 */
export function compileWideReader({ name, type }: Feature, f: number): FeatureReader {
  const signed = type === 'int64'
  const digits = signed ? signedDigits : unsignedDigits
  const Own = signed ? BigInt64Array : BigUint64Array
  return createFeatureReader<BigInt64Array | BigUint64Array>(name, f, {
    empty: (rows) => new Own(rows),
    take(value, r, column) {
      const wide = toWide(value, digits)
      const fits = wide !== undefined && (signed ? BigInt.asIntN(64, wide) : BigInt.asUintN(64, wide)) === wide
      if (fits) column[r] = wide
      return fits
    },
    whole: (count, { data, start, step }) => (data instanceof Own && step === 1 ? data.slice(start, start + count) : undefined),
  })
}

/** Undefined where the value is no whole number, or one that JSON may have rounded. */
function toWide(value: unknown, digits: RegExp): bigint | undefined {
  if (typeof value === 'number') return Number.isSafeInteger(value) ? BigInt(value) : undefined
  if (typeof value === 'bigint') return value
  return typeof value === 'string' && digits.test(value) ? BigInt(value) : undefined
}
