import { type Findings, isRow } from './findings.ts'
import type { Feature } from './schema.ts'

/** As many digits as 2^64 − 1 has; longer text is not looked at. */
const signedDigits = /^-?\d{1,20}$/
const unsignedDigits = /^\d{1,20}$/

/**
 * Reads a whole number of 64 bits of each row: a JSON number that carries it exactly, or a string of decimal digits.
 * Where the row is refused stands 0.
 */
export function compileWideReader({ name, type }: Feature, f: number) {
  const signed = type === 'int64'
  const digits = signed ? signedDigits : unsignedDigits

  return (rows: readonly unknown[], found: Findings): BigInt64Array | BigUint64Array => {
    const column = signed ? new BigInt64Array(rows.length) : new BigUint64Array(rows.length)
    for (let r = 0; r < rows.length; r++) {
      const row = rows[r]
      const wide = toWide(isRow(row) ? row[name] : undefined, digits)
      if (wide !== undefined && (signed ? BigInt.asIntN(64, wide) : BigInt.asUintN(64, wide)) === wide) column[r] = wide
      else found.unread(r, f, rows)
    }
    return column
  }
}

/** Undefined where the value is no whole number, or one that JSON may have rounded. */
function toWide(value: unknown, digits: RegExp): bigint | undefined {
  if (typeof value === 'number') return Number.isSafeInteger(value) ? BigInt(value) : undefined
  if (typeof value === 'bigint') return value
  return typeof value === 'string' && digits.test(value) ? BigInt(value) : undefined
}
