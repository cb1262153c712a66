import { malformed } from './syntax.ts'

const shorthands: Readonly<Record<string, string>> = { d: '0-9', w: '0-9A-Z_a-z', s: '\\t\\n\\f\\r\\x20' }
const posix: Readonly<Record<string, string>> = {
  alnum: '0-9A-Za-z',
  alpha: 'A-Za-z',
  ascii: '\\x00-\\x7f',
  blank: '\\t\\x20',
  cntrl: '\\x00-\\x1f\\x7f',
  digit: '0-9',
  graph: '\\x21-\\x7e',
  lower: 'a-z',
  print: '\\x20-\\x7e',
  punct: '\\x21-\\x2f\\x3a-\\x40\\x5b-\\x60\\x7b-\\x7e',
  space: '\\t\\n\\v\\f\\r\\x20',
  upper: 'A-Z',
  word: '0-9A-Z_a-z',
  xdigit: '0-9A-Fa-f',
}
const controls: Readonly<Record<string, number>> = { a: 7, f: 12, n: 10, r: 13, t: 9, v: 11 }
const generalCategory = /^(?:C[cfos]?|L[lmotu]?|M[cen]?|N[dlo]?|P[cdefios]?|S[ckmo]?|Z[lps]?)$/

/** Whether Unicode, in the version that JavaScript has, knows a category or script. */
function isProperty(property: string): boolean {
  try {
    return new RegExp(`\\p{${property}}`, 'v') !== undefined
  } catch {
    // Only an unknown name is refused here.
    return false
  }
}

/** Reads a pattern from left to right: its characters, escapes and classes. Classes come out as JavaScript classes, see `classSet`. */
export class PatternReader {
  readonly pattern: string
  at = 0

  constructor(pattern: string) {
    this.pattern = pattern
  }

  /** The UTF-16 unit that comes next; undefined at the end. */
  get next(): string | undefined {
    return this.pattern[this.at]
  }

  /** Takes one code point. */
  take(): string {
    const code = this.pattern.codePointAt(this.at)
    if (code === undefined) this.fail('unexpected end')
    const c = String.fromCodePoint(code)
    this.at += c.length
    return c
  }

  /** Takes what a sticky expression matches here; undefined, and nothing taken, where it does not. */
  takeMatch(sticky: RegExp): RegExpExecArray | undefined {
    sticky.lastIndex = this.at
    const match = sticky.exec(this.pattern)
    if (match === null) return undefined
    this.at += match[0].length
    return match
  }

  /** `d`, `W`, `pL`, `P{Greek}` behind a backslash: a set, both on its own and inside brackets; undefined (and nothing taken) for anything else. */
  takeClassEscape(): string | undefined {
    const c = this.next
    if (c === undefined) this.fail('trailing backslash at end of expression', '')
    const set = shorthands[c.toLowerCase()]
    if (set !== undefined) {
      this.at++
      return c === c.toLowerCase() ? `[${set}]` : `[^${set}]`
    }
    if (c !== 'p' && c !== 'P') return undefined
    const from = this.at - 1
    this.at++
    const braced = this.next === '{'
    const name = braced ? this.takeMatch(/\{([^}]*)\}/y)?.[1] : (this.takeMatch(/./suy)?.[0] ?? '')
    if (name === undefined) this.fail('invalid character class range', this.rest(from))
    const plain = name.replace(/^\^/, '')
    const negated = (c === 'P') !== (plain !== name)
    const property = plain === 'Any' || generalCategory.test(plain) ? plain : `Script=${plain}`
    if (!/^[A-Za-z_]+$/.test(plain) || !isProperty(property)) this.fail('invalid character class range', this.since(from))
    return `\\${negated ? 'P' : 'p'}{${property}}`
  }

  /** The code point that an escape stands for; the backslash is taken already. */
  takeEscaped(): number {
    if (this.next === undefined) this.fail('trailing backslash at end of expression', '')
    const from = this.at - 1
    const octal = this.takeMatch(/0[0-7]{0,2}|[1-7][0-7]{1,2}/y)
    if (octal !== undefined) return Number.parseInt(octal[0], 8)
    const c = this.take()
    const control = controls[c]
    if (control !== undefined) return control
    if (c === 'x') return this.#takeHex(from)
    if (/^[\0-/:-@[-`{-\x7f]$/.test(c)) return c.charCodeAt(0)
    this.fail('invalid escape sequence', this.since(from))
  }

  /** `41` or `{1f600}` behind `\x`. Where it is wrong, what is told ends with the first wrong character. */
  #takeHex(from: number): number {
    const braced = this.takeMatch(/\{/y) !== undefined
    let code = 0
    for (let digits = 0; braced || digits < 2; digits++) {
      const c = this.takeMatch(/./suy)?.[0]
      if (braced && c === '}' && digits > 0) return code
      const isDigit = c !== undefined && /^[\da-fA-F]$/.test(c)
      if (isDigit) code = code * 16 + Number.parseInt(c, 16)
      if (!isDigit || code > 0x10_ffff) {
        // Of two digits both are read before either is looked at.
        if (!braced && digits === 0) this.takeMatch(/./suy)
        this.fail('invalid escape sequence', this.since(from))
      }
    }
    return code
  }

  /** The rest of a class; its opening bracket is taken already. */
  takeClass(): string {
    const from = this.at - 1
    const negated = this.takeMatch(/\^/y) !== undefined
    let body = ''
    for (let first = true; first || this.next !== ']'; first = false) {
      if (this.next === undefined) this.fail('missing closing ]', this.since(from))
      body += this.#takeNamed() ?? this.#takeSetOrRange()
    }
    this.at++
    return `[${negated ? '^' : ''}${body}]`
  }

  /** `[:alpha:]` inside a class. */
  #takeNamed(): string | undefined {
    const from = this.at
    const named = this.takeMatch(/\[:(\^?)([a-z]+):\]/y)
    if (named === undefined) return undefined
    const set = Object.hasOwn(posix, named[2]!) ? posix[named[2]!] : undefined
    if (set === undefined) this.fail('invalid character class range', this.since(from))
    return `[${named[1]}${set}]`
  }

  #takeSetOrRange(): string {
    if (this.takeMatch(/\\(?=[dDsSwWpP])/y) !== undefined) return this.takeClassEscape()!
    const from = this.at
    const low = this.#takeClassCharacter()
    if (this.takeMatch(/-(?=[^\]])/y) === undefined) return inClass(low)
    const high = this.#takeClassCharacter()
    if (high < low) this.fail('invalid character class range', this.since(from))
    return `${inClass(low)}-${inClass(high)}`
  }

  #takeClassCharacter(): number {
    const c = this.take()
    return c === '\\' ? this.takeEscaped() : c.codePointAt(0)!
  }

  /** @param fragment - The part that is wrong; the whole pattern by default. @throws MW_STORE_MATCHER */
  fail(reason: string, fragment = this.pattern): never {
    throw malformed(fragment, reason)
  }

  /** All from a place on, whether read or not. */
  rest(from: number): string {
    return this.pattern.slice(from)
  }

  /** What was read from a place on. */
  since(from: number): string {
    return this.pattern.slice(from, this.at)
  }
}

/** One code point, so written that it stands for itself in a JavaScript class. */
export function inClass(code: number): string {
  return `\\u{${code.toString(16)}}`
}
