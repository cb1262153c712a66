import { isPrintable } from './literals.ts'

/** How far a scan came, and whether what it read is what was looked for. */
interface Scan {
  readonly end: number
  readonly valid: boolean
}

export function isSpace(code: number): boolean {
  return code === 32 || code === 9 || code === 10 || code === 13
}

export function isDigit(code: number): boolean {
  return code >= 48 && code <= 57
}

/** Letters of ASCII and `_`. */
export function isAlpha(code: number): boolean {
  return code === 95 || (code >= 97 && code <= 122) || (code >= 65 && code <= 90)
}

export function isAlphaNumeric(code: number): boolean {
  return isAlpha(code) || isDigit(code)
}

const decimalDigits = '0123456789'
const hexadecimalDigits = '0123456789abcdefABCDEF'
const among = (set: string, char: string | undefined) => char !== undefined && set.includes(char)

/**
 * Reads a number as far as it looks like one: `1`, `1.5e-3`, `.5`, `1_000`, `0x1F`. It may still not be one (`0x`): `parseNumber` tells.
 * An invalid scan ends where the text went wrong, which messages show; it may also be the beginning of a duration.
 */
export function scanNumber(text: string, from: number): Scan {
  let at = from
  const accept = (set: string) => {
    if (!among(set, text[at])) return false
    at++
    return true
  }
  let digits = decimalDigits
  if (accept('0') && accept('xX')) {
    accept('_')
    digits = hexadecimalDigits
  }
  accept('.')
  accept(digits)
  let dots = 0
  let exponents = 0
  while (among(`${digits}._eE`, text[at])) {
    if (text[at] === '.' && dots++ > 0) return { end: at + 1, valid: false }
    if (among('eE', text[at]) && exponents++ > 0) return { end: at + 1, valid: false }
    if (accept('.')) {
      if (accept('_.') || digits === hexadecimalDigits) return { end: at, valid: false }
    } else if (accept('eE')) {
      accept('+-')
      if (accept('._eE') || at >= text.length) return { end: at, valid: false }
    } else if (accept('_')) {
      if (accept('._eE') || at >= text.length) return { end: at, valid: false }
    } else while (accept(digits));
  }
  return { end: at, valid: at > from && !isAlphaNumeric(text.charCodeAt(at)) }
}

/** Reads on behind digits what makes them a duration: a unit, then more digits and units. */
export function scanDuration(text: string, from: number): Scan {
  const match = /([smhdwy]s?)((?:\d+[smhdw]s?)*)(\d+)?/y
  match.lastIndex = from
  const found = match.exec(text)
  if (found === null) return { end: from, valid: false }
  const end = match.lastIndex
  if (found[3] !== undefined) return { end, valid: false }
  // What breaks a duration is shown with it.
  return isAlphaNumeric(text.charCodeAt(end)) ? { end: end + 1, valid: false } : { end, valid: true }
}

/** Reads a string from its opening quote to behind the closing one. */
export function scanString(text: string, from: number): { readonly end: number; readonly error: string | undefined } {
  const open = text[from]!
  const raw = open === '`'
  let at = from + 1
  for (;;) {
    const char = text[at]
    if (char === undefined) return { end: at, error: raw ? 'unterminated raw string' : 'unterminated quoted string' }
    if (!raw && char === '\n') return { end: at, error: 'unterminated quoted string' }
    if (char === open) return { end: at + 1, error: undefined }
    if (char === '\\' && !raw) {
      const sequence = scanEscape(text, at + 1, open)
      if (sequence.error !== undefined) return { end: at, error: sequence.error }
      at = sequence.end
      continue
    }
    const code = text.codePointAt(at)!
    // A replacement character is what a byte that is no UTF-8 has become on the way in.
    if (code === 0xfffd || (code >= 0xd800 && code < 0xe000)) return { end: at, error: 'invalid UTF-8 rune' }
    at += code > 0xffff ? 2 : 1
  }
}

const escapeLengths: Readonly<Record<string, number>> = { x: 2, u: 4, U: 8 }

/** @param from - Behind the backslash. */
function scanEscape(text: string, from: number, open: string): { readonly end: number; readonly error: string | undefined } {
  const char = text[from]
  if (char === undefined) return { end: from, error: 'escape sequence not terminated' }
  if (char === open || 'abfnrtv\\'.includes(char)) return { end: from + 1, error: undefined }
  const octal = char >= '0' && char <= '7'
  const length = octal ? 3 : escapeLengths[char]
  if (length === undefined) return { end: from, error: `unknown escape sequence ${named(text.codePointAt(from)!)}` }
  const start = octal ? from : from + 1
  for (let i = start; i < start + length; i++) {
    const digit = text[i]
    if (digit === undefined) return { end: i, error: 'escape sequence not terminated' }
    if (!(octal ? /[0-7]/ : /[0-9a-fA-F]/).test(digit))
      return { end: i, error: `illegal character ${named(text.codePointAt(i)!)} in escape sequence` }
  }
  const code = Number.parseInt(text.slice(start, start + length), octal ? 8 : 16)
  const tooLarge = octal || char === 'x' ? code > 255 : code > 0x10_ffff
  if (tooLarge || (code >= 0xd800 && code < 0xe000)) return { end: from, error: 'escape sequence is an invalid Unicode code point' }
  return { end: start + length, error: undefined }
}

/** `U+0071 'q'`. */
function named(code: number): string {
  const char = String.fromCodePoint(code)
  const hex = `U+${code.toString(16).toUpperCase().padStart(4, '0')}`
  return isPrintable(char) ? `${hex} '${char}'` : hex
}
