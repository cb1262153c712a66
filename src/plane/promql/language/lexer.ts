import { isAlpha, isAlphaNumeric, isDigit, isSpace, scanDuration, scanNumber, scanString } from './lexer-scan.ts'
import { quote, quoteRune } from './literals.ts'
import { parseError } from './position.ts'
import { type Token, type TokenKind, wordKind } from './token.ts'

const signs: Readonly<Record<string, TokenKind>> = { ',': ',', '*': '*', '/': '/', '%': '%', '+': '+', '-': '-', '^': '^', '@': '@' }

/**
 * Cuts a query into tokens, one at a time and on demand: an error further on must not hide one that the parser finds before it.
 *
 * There are three places, and each has rules of its own, as in Prometheus: outside, inside of `{…}` (no keywords there), and behind a `[`
 * up to the first number (only what a duration may begin with). Blanks and comments are skipped.
 */
export class Lexer {
  readonly query: string
  #at = 0
  #parentheses = 0
  #inBraces = false
  #inBrackets = false
  /** Behind a `[` and before the first number. */
  #expectsDuration = false
  #sawColon = false
  #letterColonAt: number | undefined
  /** Never reset: Prometheus looks for a duration before `:` in the first pair of brackets only. */
  #sawDuration = false

  constructor(query: string) {
    this.query = query
  }

  /** @throws MW_PROMQL_PARSE where no token can begin. At the end of the query it gives `end of input`, again and again. */
  next(): Token {
    this.#skip()
    if (this.#inBraces) return this.#insideBraces()
    return this.#expectsDuration ? this.#beginOfDuration() : this.#outside()
  }

  /**
   * Prometheus takes a letter between brackets for a colon, and so reads `a[5 m]` as `a[5:]`. Nobody means that, so it is refused; but last, so
   * that the messages about everything else are the same.
   * @throws MW_PROMQL_PARSE
   */
  refuseLetterColon(): void {
    const at = this.#letterColonAt
    if (at !== undefined) this.#fail(`unexpected character: ${this.#rune(at)}, expected ':'`, at)
  }

  #skip(): void {
    const { query } = this
    for (;;) {
      while (isSpace(query.charCodeAt(this.#at))) this.#at++
      if (query[this.#at] !== '#' || this.#expectsDuration) return
      while (this.#at < query.length && query[this.#at] !== '\n' && query[this.#at] !== '\r') this.#at++
    }
  }

  #token(kind: TokenKind, length: number): Token {
    const from = this.#at
    this.#at += length
    return { kind, from, to: this.#at, text: this.query.slice(from, this.#at) }
  }

  #fail(message: string, at = this.#at): never {
    throw parseError(this.query, at, message)
  }

  /** The character at an offset as messages show it. */
  #rune(at = this.#at): string {
    const code = this.query.codePointAt(at)
    return quoteRune(code ?? 0xfffd)
  }

  #outside(): Token {
    const { query } = this
    const at = this.#at
    if (at >= query.length) {
      if (this.#parentheses !== 0) this.#fail('unclosed left parenthesis')
      if (this.#inBrackets) this.#fail('unclosed left bracket')
      return this.#token('end of input', 0)
    }
    const char = query[at]!
    const sign = signs[char]
    if (sign !== undefined) return this.#token(sign, 1)
    const code = query.charCodeAt(at)
    if (isDigit(code) || (char === '.' && isDigit(query.charCodeAt(at + 1)))) return this.#number()
    if (isAlpha(code) || char === ':') return this.#inBrackets ? this.#colon(char) : this.#word()
    switch (char) {
      case '=':
        if (query[at + 1] === '=') return this.#token('==', 2)
        if (query[at + 1] === '~') this.#fail(`unexpected character after '=': '~'`)
        return this.#token('=', 1)
      case '!':
        if (query[at + 1] !== '=') this.#fail(`unexpected character after '!': ${this.#rune(at + 1)}`)
        return this.#token('!=', 2)
      case '<':
      case '>': {
        const orEqual = query[at + 1] === '='
        return this.#token(orEqual ? `${char}=` : char, orEqual ? 2 : 1)
      }
      case '"':
      case "'":
      case '`':
        return this.#string()
      case '(':
      case ')':
        return this.#parenthesis(char)
      case '{':
        this.#inBraces = true
        return this.#token('{', 1)
      case '[':
        if (this.#inBrackets) this.#fail(`unexpected left bracket '['`)
        this.#inBrackets = true
        this.#expectsDuration = true
        this.#sawColon = false
        return this.#token('[', 1)
      case ']':
        if (!this.#inBrackets) this.#fail(`unexpected right bracket ']'`)
        this.#inBrackets = false
        return this.#token(']', 1)
      default:
        return this.#fail(`unexpected character: ${this.#rune()}`)
    }
  }

  #parenthesis(char: '(' | ')'): Token {
    this.#parentheses += char === '(' ? 1 : -1
    // Prometheus points behind what it has already taken in; so it does with a colon below.
    if (this.#parentheses < 0) this.#fail(`unexpected right parenthesis ')'`, this.#at + 1)
    return this.#token(char, 1)
  }

  #colon(char: string): Token {
    if (this.#sawColon) this.#fail(`unexpected colon ${this.#rune()}`)
    this.#sawColon = true
    if (char !== ':') this.#letterColonAt ??= this.#at
    return this.#token(':', 1)
  }

  #word(): Token {
    const { query } = this
    let end = this.#at
    for (let code = query.charCodeAt(end); isAlphaNumeric(code) || query[end] === ':'; code = query.charCodeAt(end)) end++
    return this.#token(wordKind(query.slice(this.#at, end)), end - this.#at)
  }

  #number(): Token {
    const { query } = this
    this.#sawDuration ||= this.#expectsDuration
    this.#expectsDuration = false
    const number = scanNumber(query, this.#at)
    if (number.valid) return this.#token('number', number.end - this.#at)
    const duration = scanDuration(query, number.end)
    if (duration.valid) return this.#token('duration', duration.end - this.#at)
    return this.#fail(`bad number or duration syntax: ${quote(query.slice(this.#at, duration.end))}`)
  }

  #string(): Token {
    const { end, error } = scanString(this.query, this.#at)
    if (error !== undefined) this.#fail(error)
    return this.#token('string', end - this.#at)
  }

  #insideBraces(): Token {
    const { query } = this
    const at = this.#at
    if (at >= query.length) this.#fail('unexpected end of input inside braces')
    const char = query[at]!
    if (isAlpha(query.charCodeAt(at))) {
      let end = at + 1
      while (isAlphaNumeric(query.charCodeAt(end))) end++
      return this.#token('identifier', end - at)
    }
    switch (char) {
      case ',':
        return this.#token(',', 1)
      case '"':
      case "'":
      case '`':
        return this.#string()
      case '=':
        return query[at + 1] === '~' ? this.#token('=~', 2) : this.#token('=', 1)
      case '!':
        if (query[at + 1] === '~') return this.#token('!~', 2)
        if (query[at + 1] === '=') return this.#token('!=', 2)
        return this.#fail(`unexpected character after '!' inside braces: ${this.#rune(at + 1)}`)
      case '{':
        return this.#fail(`unexpected left brace '{'`)
      case '}':
        this.#inBraces = false
        return this.#token('}', 1)
      default:
        return this.#fail(`unexpected character inside braces: ${this.#rune()}`)
    }
  }

  #beginOfDuration(): Token {
    const { query } = this
    const at = this.#at
    if (at >= query.length) this.#fail('unexpected end of input in duration expression')
    const char = query[at]!
    switch (char) {
      case ']':
        this.#inBrackets = false
        this.#expectsDuration = false
        this.#sawColon = false
        return this.#token(']', 1)
      case ':':
        if (!this.#sawDuration) this.#fail('unexpected colon before duration in duration expression', at + 1)
        if (this.#sawColon) this.#fail('unexpected repeated colon in duration expression', at + 1)
        this.#sawColon = true
        return this.#token(':', 1)
      case '(':
      case ')':
        return this.#parenthesis(char)
      case '+':
      case '-':
      case '*':
      case '/':
      case '%':
      case '^':
        return this.#token(char, 1)
      default:
        if (isDigit(query.charCodeAt(at)) || (char === '.' && isDigit(query.charCodeAt(at + 1)))) return this.#number()
        return this.#fail(`unexpected character in duration expression: ${this.#rune()}`)
    }
  }
}
