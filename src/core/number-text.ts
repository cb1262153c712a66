/*
 * Floating-point numbers as Prometheus reads and writes them: the rules of Go's strconv, where JavaScript's differ
 * (`1e-07` for `1e-7`, `+Inf` for `Infinity`, ties to even).
 */

const decimal = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/
const infinity = /^[+-]?inf(?:inity)?$/i
const nan = /^nan$/i

/**
 * Reads a decimal number, `Inf` or `NaN` in any case, as the exposition formats and the HTTP API allow.
 * Hexadecimal, underscores, blanks and numbers beyond the range of a double are refused.
 * @returns The number, or undefined when the text is not one.
 */
export function parseNumber(text: string): number | undefined {
  if (decimal.test(text)) {
    const value = Number(text)
    return Number.isFinite(value) ? value : undefined
  }
  if (infinity.test(text)) return text.startsWith('-') ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY
  return nan.test(text) ? Number.NaN : undefined
}

/** A number as the Prometheus HTTP API writes it: the shortest text that reads back the same; exponents below 1e-6 and from 1e21 on. */
export function formatNumber(value: number): string {
  if (!Number.isFinite(value)) return formatSpecial(value)
  if (value === 0) return Object.is(value, -0) ? '-0' : '0'
  const text = String(value)
  // Go writes at least two digits of exponent: 1e-7 becomes 1e-07.
  return text.at(-3) === 'e' ? `${text.slice(0, -1)}0${text.at(-1)}` : text
}

/**
 * Go's `%g`.
 * @param precision - Significant digits, 1 to 100; the exponent form begins there. Without it: the fewest digits that read back
 *   the same, and the exponent form from 1e6 on. Either way also below 1e-4.
 */
export function formatGeneral(value: number, precision?: number): string {
  if (!Number.isFinite(value)) return formatSpecial(value)
  if (value === 0) return Object.is(value, -0) ? '-0' : '0'
  const [mantissa, exponentText] = split(
    precision === undefined ? Math.abs(value).toExponential() : toExponential(Math.abs(value), Math.max(1, precision) - 1),
  )
  const digits = mantissa.replace('.', '').replace(/0+$/, '')
  const exponent = Number(exponentText)
  const limit = precision === undefined ? 6 : Math.max(1, precision)
  const text = exponent < -4 || exponent >= limit ? exponentForm(digits, exponent) : plainForm(digits, exponent)
  return value < 0 ? `-${text}` : text
}

/** Go's `%.2f`: a tie goes to the even digit, where `toFixed` rounds it up. */
export function formatFixed(value: number, decimals: number): string {
  if (!Number.isFinite(value)) return formatSpecial(value)
  const magnitude = Math.abs(value)
  // From 2^53 on there is no fraction; from 1e21 on toFixed would write an exponent.
  let text: string
  if (magnitude >= 2 ** 53) text = BigInt(magnitude).toString() + (decimals > 0 ? `.${'0'.repeat(decimals)}` : '')
  else text = isTie(magnitude.toFixed(100), decimals) ? roundDown(magnitude.toFixed(100), decimals) : magnitude.toFixed(decimals)
  return value < 0 || Object.is(value, -0) ? `-${text}` : text
}

/** Go's `%.3e`. @param decimals - Without it, the fewest that read back the same. */
export function formatExponent(value: number, decimals?: number): string {
  if (!Number.isFinite(value)) return formatSpecial(value)
  const [mantissa, exponent] = split(decimals === undefined ? Math.abs(value).toExponential() : toExponential(Math.abs(value), decimals))
  return `${value < 0 || Object.is(value, -0) ? '-' : ''}${mantissa}${exponentSuffix(Number(exponent))}`
}

function formatSpecial(value: number): string {
  return Number.isNaN(value) ? 'NaN' : value > 0 ? '+Inf' : '-Inf'
}

/** As the method of numbers, with ties to even. */
function toExponential(magnitude: number, decimals: number): string {
  const [exact, exponent] = split(magnitude.toExponential(100))
  return isTie(exact, decimals) ? `${roundDown(exact, decimals)}e${exponent}` : magnitude.toExponential(decimals)
}

/** Whether the digits behind the last one kept are exactly a half, and the last one kept is even, so that it must stay. */
function isTie(exact: string, decimals: number): boolean {
  const point = exact.indexOf('.')
  const end = point + 1 + decimals
  if (!/^50*$/.test(exact.slice(end))) return false
  return Number(exact[decimals === 0 ? point - 1 : end - 1]) % 2 === 0
}

function roundDown(exact: string, decimals: number): string {
  const point = exact.indexOf('.')
  return exact.slice(0, decimals === 0 ? point : point + 1 + decimals)
}

function split(text: string): [mantissa: string, exponent: string] {
  const at = text.indexOf('e')
  return [text.slice(0, at), text.slice(at + 1)]
}

function exponentSuffix(exponent: number): string {
  return `e${exponent < 0 ? '-' : '+'}${String(Math.abs(exponent)).padStart(2, '0')}`
}

function exponentForm(digits: string, exponent: number): string {
  return `${digits[0]}${digits.length > 1 ? `.${digits.slice(1)}` : ''}${exponentSuffix(exponent)}`
}

function plainForm(digits: string, exponent: number): string {
  if (exponent < 0) return `0.${'0'.repeat(-exponent - 1)}${digits}`
  if (digits.length <= exponent + 1) return digits.padEnd(exponent + 1, '0')
  return `${digits.slice(0, exponent + 1)}.${digits.slice(exponent + 1)}`
}
