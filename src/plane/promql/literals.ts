import { parseDurationMs } from '../../core/time.ts'

/**
 * A number as PromQL writes it: decimal, hexadecimal, `Inf`, `NaN`, `_` between digits, or a duration, which counts as seconds.
 * As in Prometheus, an integer with a leading 0 is octal when it can be.
 * @returns undefined when the text is no number.
 */
export function parseNumber(text: string): number | undefined {
  const lower = text.toLowerCase()
  if (lower === 'inf') return Number.POSITIVE_INFINITY
  if (lower === 'nan') return Number.NaN
  const plain = text.replaceAll('_', '')
  if (/^0x[0-9a-f]+$/i.test(plain)) {
    const integer = BigInt(plain)
    return integer <= 0x7fff_ffff_ffff_ffffn ? Number(integer) : undefined
  }
  if (/^0[0-7]+$/.test(plain)) return Number(BigInt(`0o${plain.slice(1)}`))
  if (/^(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i.test(plain)) return Number(plain)
  const durationMs = parseDurationMs(plain)
  return durationMs === undefined ? undefined : durationMs / 1000
}

const simpleEscapes: Readonly<Record<string, number>> = { a: 7, b: 8, f: 12, n: 10, r: 13, t: 9, v: 11, '\\': 92 }

/**
 * The text of a quoted string, by Go's rules: escapes in `"` and `'`, none in back quotes.
 * Bytes that are not UTF-8 (`"\xff"`) come out as lone surrogates, so that `isWellFormed()` tells them.
 * @returns undefined when the quotes or an escape are wrong.
 */
export function unquote(literal: string): string | undefined {
  const quote = literal[0]
  if (literal.length < 2 || literal.at(-1) !== quote) return undefined
  const body = literal.slice(1, -1)
  if (quote === '`') return body.replaceAll('\r', '')
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
    if (quoted !== undefined && quoted !== quote) return undefined
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
