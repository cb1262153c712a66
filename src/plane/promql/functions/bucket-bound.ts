import { parseNumber } from '../../../core/number-text.ts'

const hexadecimal = /^([+-]?)0x([\da-f]*)\.?([\da-f]*)p([+-]?\d+)$/i

/**
 * Reads the bound of a bucket, its label `le`, as Prometheus does: decimal, `Inf` and `NaN`, but also all else that Go's `strconv.ParseFloat`
 * takes, which is `0x1p-2` and `_` between digits.
 * @returns undefined when the text is no number, or beyond the range of a double.
 */
export function parseBucketBound(text: string): number | undefined {
  if (!/[_xX]/.test(text)) return parseNumber(text)
  const isHex = /^[+-]?0x/i.test(text)
  const digit = isHex ? '[\\da-fA-FxX]' : '\\d'
  const plain = text.replace(new RegExp(`(?<=${digit})_(?=${digit})`, 'g'), '')
  if (plain.includes('_')) return undefined
  const match = hexadecimal.exec(plain)
  if (match === null) return isHex ? undefined : parseNumber(plain)
  const [, sign, whole, fraction, exponent] = match
  if (whole === '' && fraction === '') return undefined
  const value = scaled(Number(BigInt(`0x${whole}${fraction}`)), Number(exponent) - 4 * fraction!.length)
  if (!Number.isFinite(value)) return undefined
  return sign === '-' ? -value : value
}

/** x · 2ⁿ, where 2ⁿ itself may be beyond the range of a double. */
function scaled(x: number, n: number): number {
  let value = x
  let rest = n
  while (rest !== 0 && value !== 0 && Number.isFinite(value)) {
    const part = Math.max(-1000, Math.min(1000, rest))
    value *= 2 ** part
    rest -= part
  }
  return value
}
