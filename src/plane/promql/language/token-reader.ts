import type { ModelwatchError } from '../../../core/errors.ts'
import { Lexer } from './lexer.ts'
import { parseDurationSeconds, parseNumber, unquote } from './literals.ts'
import { nestedTooDeep, parseError } from './position.ts'
import { describeToken, type Token, type TokenKind } from './token.ts'

/** Deepest nesting of parentheses, calls, signs and powers: each level costs stack, here and when it is evaluated. */
const DEPTH_MAX = 400

/** What a message about an unexpected token says of the place: `unexpected X in <place>, expected <expected>`. */
export interface Place {
  readonly place: string
  readonly expected: string
}

/** A query as tokens, with one to look ahead. The next one is cut only when asked for, so that errors are told from left to right. */
export class TokenReader {
  readonly query: string
  readonly #lexer: Lexer
  #ahead: Token | undefined
  /** Where the last token taken ends. */
  lastTo = 0

  constructor(query: string) {
    this.query = query
    this.#lexer = new Lexer(query)
  }

  /** The token that comes next. @throws MW_PROMQL_PARSE */
  peek(): Token {
    this.#ahead ??= this.#lexer.next()
    return this.#ahead
  }

  /** Takes the next token. */
  take(): Token {
    const token = this.peek()
    this.#ahead = undefined
    this.lastTo = token.to
    return token
  }

  /** Takes the next token if it is of a kind. */
  accept(kind: TokenKind): Token | undefined {
    return this.peek().kind === kind ? this.take() : undefined
  }

  /** Takes the next token, which must be of a kind. @throws MW_PROMQL_PARSE */
  expect(kind: TokenKind, place: Place): Token {
    return this.accept(kind) ?? this.unexpected(place)
  }

  /** The next token is none that may stand here. */
  unexpected({ place, expected }: Place): never {
    const token = this.peek()
    const where = place === '' ? '' : ` in ${place}`
    const wanted = expected === '' ? '' : `, expected ${expected}`
    throw this.error(token.from, `unexpected ${describeToken(token)}${where}${wanted}`)
  }

  error(at: number, message: string): ModelwatchError {
    return parseError(this.query, at, message)
  }

  /** @throws MW_PROMQL_LIMIT */
  checkDepth(depth: number): void {
    if (depth > DEPTH_MAX) throw nestedTooDeep(this.query, this.peek().from, DEPTH_MAX)
  }

  /** See `Lexer.refuseLetterColon`. @throws MW_PROMQL_PARSE */
  refuseLetterColon(): void {
    this.#lexer.refuseLetterColon()
  }

  /** The text of a string token. */
  stringOf(token: Token): string {
    const text = unquote(token.text)
    if (text === undefined) throw this.error(token.from, `error unquoting string ${JSON.stringify(token.text)}: invalid syntax`)
    return text
  }

  /** The value of a number, or of a duration in seconds. */
  numberOf(token: Token): number {
    try {
      return token.kind === 'duration' ? parseDurationSeconds(token.text) : parseNumber(token.text)
    } catch (error) {
      if (error instanceof SyntaxError) throw this.error(token.from, error.message)
      throw error
    }
  }
}
