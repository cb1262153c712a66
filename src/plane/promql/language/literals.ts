const MS_PER_DAY = 86_400_000

/** Longest duration, exclusive: 2^63 ns, some 292 years. */
export const DURATION_SECONDS_MAX = 2 ** 63 / 1e9

/**
 * A number as PromQL writes it: decimal, hexadecimal, `Inf`, `NaN`, `_` between digits. As in Prometheus, an integer with a leading 0 is
 * octal when it can be.
 * @param text - As the lexer cut it out.
 * @throws SyntaxError, with the message that Prometheus gives, when it is no number, or beyond the range of doubles.
 */
export function parseNumber(text: string): number {
  const lower = text.toLowerCase()
  if (lower === 'inf') return Number.POSITIVE_INFINITY
  if (lower === 'nan') return Number.NaN
  const plain = hasStrayUnderscore(lower) ? '' : lower.replaceAll('_', '')
  if (/^0x[0-9a-f]+$/.test(plain)) {
    const integer = BigInt(plain)
    if (integer <= 0x7fff_ffff_ffff_ffffn) return Number(integer)
  } else if (/^0[0-7]+$/.test(plain) && BigInt(`0o${plain.slice(1)}`) <= 0x7fff_ffff_ffff_ffffn) {
    return Number(BigInt(`0o${plain.slice(1)}`))
  } else if (/^(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/.test(plain)) {
    const value = Number(plain)
    if (Number.isFinite(value)) return value
    throw new SyntaxError(`error parsing number: strconv.ParseFloat: parsing ${quote(text)}: value out of range`)
  }
  throw new SyntaxError(`error parsing number: strconv.ParseFloat: parsing ${quote(text)}: invalid syntax`)
}

/** Whether an underscore is not between two digits; `0x` counts as one. */
function hasStrayUnderscore(lower: string): boolean {
  const isHex = lower.startsWith('0x')
  return (isHex ? /(?<![0-9a-f])_|_(?![0-9a-f])/ : /(?<!\d)_|_(?!\d)/).test(isHex ? lower.replace('0x', '0') : lower)
}

const unitsMs = new Map([
  ['y', MS_PER_DAY * 365],
  ['w', MS_PER_DAY * 7],
  ['d', MS_PER_DAY],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1000],
  ['ms', 1],
])

/**
 * A duration (`1h30m`) in seconds; units in falling order, each at most once.
 * @throws SyntaxError, with the message that Prometheus gives.
 */
export function parseDurationSeconds(text: string): number {
  if (!/^\d/.test(text)) throw new SyntaxError(`not a valid duration string: ${quote(text)}`)
  const order = [...unitsMs.keys()]
  let totalMs = 0
  let last = -1
  for (const [, digits, unit] of text.matchAll(/(\d+)(\D*)/g)) {
    const position = order.indexOf(unit!)
    if (unit !== '' && position < 0) throw new SyntaxError(`unknown unit ${quote(unit!)} in duration ${quote(text)}`)
    if (position <= last) throw new SyntaxError(`not a valid duration string: ${quote(text)}`)
    last = position
    if (BigInt(digits!) >= 2n ** 64n) throw new SyntaxError(`not a valid duration string: ${quote(text)}`)
    totalMs += Number(digits) * unitsMs.get(unit!)!
    if (totalMs / 1000 >= DURATION_SECONDS_MAX) throw new SyntaxError('duration out of range')
  }
  return totalMs / 1000
}

const simpleEscapes: Readonly<Record<string, number>> = { a: 7, b: 8, f: 12, n: 10, r: 13, t: 9, v: 11, '\\': 92 }

/**
 * The text of a quoted string, by Go's rules: escapes in `"` and `'`, none in back quotes.
 * Bytes that are not UTF-8 (`"\xff"`) come out as lone surrogates, so that `isWellFormed()` tells them.
 * @returns undefined when the quotes or an escape are wrong.
 */
export function unquote(literal: string): string | undefined {
  const open = literal[0]
  if (literal.length < 2 || literal.at(-1) !== open) return undefined
  const body = literal.slice(1, -1)
  if (open === '`') return body.replaceAll('\r', '')
  if (body.includes('\n')) return undefined
  let text = ''
  let bytes: number[] = []
  const flush = () => {
    if (bytes.length > 0) text += fromBytes(bytes)
    bytes = []
  }
  const escapeSequence = /\\(?:([abfnrtv\\])|(['"])|([0-7]{3})|x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8}))/y
  for (let i = 0; i < body.length; ) {
    if (body[i] !== '\\') {
      flush()
      text += body[i++]
      continue
    }
    escapeSequence.lastIndex = i
    const match = escapeSequence.exec(body)
    if (match === null) return undefined
    i += match[0].length
    const [, simple, quoted, octal, hex, short, long] = match
    if (octal !== undefined || hex !== undefined) {
      const byte = octal === undefined ? Number.parseInt(hex!, 16) : Number.parseInt(octal, 8)
      if (byte > 255) return undefined
      bytes.push(byte)
      continue
    }
    if (quoted !== undefined && quoted !== open) return undefined
    flush()
    if (simple !== undefined) text += String.fromCharCode(simpleEscapes[simple]!)
    else if (quoted !== undefined) text += quoted
    else {
      const code = Number.parseInt(short ?? long!, 16)
      if (code > 0x10_ffff || (code >= 0xd800 && code < 0xe000)) return undefined
      text += String.fromCodePoint(code)
    }
  }
  flush()
  return text
}

function fromBytes(bytes: readonly number[]): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Uint8Array.from(bytes))
  } catch {
    // Not UTF-8: no text to lose, and the marks make the name or value recognisably invalid.
    return String.fromCharCode(...bytes.map((byte) => (byte < 0x80 ? byte : 0xdc00 + byte)))
  }
}

/** Whether a character shows when printed, by Go's rules: letters, marks, numbers, punctuation, symbols and the blank. */
export function isPrintable(char: string): boolean {
  return char === ' ' || /^[\p{L}\p{M}\p{N}\p{P}\p{S}]$/u.test(char)
}

const escapesByCode = new Map(Object.entries(simpleEscapes).map(([letter, code]) => [code, `\\${letter}`]))

/** A text in double quotes, as Go's `%q`. */
export function quote(text: string): string {
  return /^[ !#-[\]-~]*$/.test(text) ? `"${text}"` : `"${Array.from(text, (char) => escaped(char, '"')).join('')}"`
}

/** A character in single quotes, as Go's `%q`. */
export function quoteRune(code: number): string {
  return `'${escaped(String.fromCodePoint(code), "'")}'`
}

function escaped(char: string, delimiter: string): string {
  const code = char.codePointAt(0)!
  if (char === delimiter) return `\\${char}`
  const simple = escapesByCode.get(code)
  if (simple !== undefined) return simple
  // See `fromBytes`: a lone surrogate of this range stands for a byte that is no UTF-8.
  if (code >= 0xdc80 && code < 0xdd00) return `\\x${(code - 0xdc00).toString(16)}`
  if (isPrintable(char)) return char
  if (code < 0x20 || code === 0x7f) return `\\x${code.toString(16).padStart(2, '0')}`
  return code > 0xffff ? `\\U${code.toString(16).padStart(8, '0')}` : `\\u${code.toString(16).padStart(4, '0')}`
}

/** A float in plain decimal notation, shortest that reads back the same: Go's `FormatFloat(f, 'f', -1, 64)`. */
export function formatFloat(value: number): string {
  if (Number.isNaN(value)) return 'NaN'
  if (!Number.isFinite(value)) return value > 0 ? '+Inf' : '-Inf'
  if (Object.is(value, -0)) return '-0'
  const text = String(value)
  const match = /^(-?)(\d)(?:\.(\d+))?e([+-]\d+)$/.exec(text)
  if (match === null) return text
  const [, sign, whole, fraction = '', exponent] = match
  const digits = whole! + fraction
  const point = 1 + Number(exponent)
  if (point <= 0) return `${sign}0.${'0'.repeat(-point)}${digits}`
  return sign! + digits.padEnd(point, '0')
}
