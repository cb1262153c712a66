import type { DurationBinary, DurationExpr, DurationNumber } from './ast.ts'
import { DURATION_SECONDS_MAX } from './literals.ts'
import type { Token } from './token.ts'
import type { Place, TokenReader } from './token-reader.ts'

const precedences = new Map<string, number>([
  ['+', 1],
  ['-', 1],
  ['*', 2],
  ['/', 2],
  ['%', 2],
  ['^', 3],
])
const POWER = 3

/**
 * Reads the arithmetic of a duration: numbers (as seconds) and durations, `+ - * / % ^`, signs and parentheses.
 * @param place - What a message says where the next token does not fit.
 * @throws MW_PROMQL_PARSE
 */
function parseDurationExpr(reader: TokenReader, place: Place, depth: number): DurationExpr {
  return climb(reader, place, 0, depth)
}

/** As above, for a range or a step, which is longer than nothing; what is more than a number is checked when it has been computed. */
export function parsePositiveDuration(reader: TokenReader, place: Place, depth: number): DurationExpr {
  const duration = parseDurationExpr(reader, place, depth)
  if (duration.kind === 'durationNumber' && duration.seconds <= 0) throw reader.error(duration.from, 'duration must be greater than 0')
  return duration
}

/**
 * Reads what stands behind `offset`. A number, with one sign at most, ends there, so that `a offset 5m * 2` is a product of two; behind
 * anything else the arithmetic goes on.
 */
export function parseOffsetDuration(reader: TokenReader, place: Place, depth: number): DurationExpr {
  const first = reader.peek()
  if (isNumber(first)) return number(reader, reader.take(), undefined)
  if (first.kind !== '+' && first.kind !== '-') return climb(reader, place, 0, depth)
  reader.take()
  if (isNumber(reader.peek())) return number(reader, reader.take(), first)
  return climbFrom(reader, place, 0, depth, signed(reader, first, climb(reader, place, POWER, depth + 1)))
}

function climb(reader: TokenReader, place: Place, minimum: number, depth: number): DurationExpr {
  reader.checkDepth(depth)
  return climbFrom(reader, place, minimum, depth, operand(reader, place, depth))
}

function climbFrom(reader: TokenReader, place: Place, minimum: number, depth: number, first: DurationExpr): DurationExpr {
  let lhs = first
  for (let operators = 0; ; operators++) {
    const token = reader.peek()
    const precedence = precedences.get(token.kind)
    if (precedence === undefined || precedence < minimum) return lhs
    // Each operator makes the tree of the duration one level deeper.
    reader.checkDepth(depth + operators)
    reader.take()
    const rhs = climb(reader, place, precedence === POWER ? POWER : precedence + 1, depth + 1)
    if (rhs.kind === 'durationNumber' && rhs.seconds === 0) {
      if (token.kind === '/') throw reader.error(token.from, 'division by zero')
      if (token.kind === '%') throw reader.error(token.from, 'modulo by zero')
    }
    lhs = { kind: 'durationBinary', op: token.kind as DurationBinary['op'], lhs, rhs, wrapped: false, from: lhs.from, to: rhs.to }
  }
}

function operand(reader: TokenReader, place: Place, depth: number): DurationExpr {
  const token = reader.peek()
  if (isNumber(token)) return number(reader, reader.take(), undefined)
  if (token.kind === '+' || token.kind === '-') {
    reader.take()
    return signed(reader, token, climb(reader, place, POWER, depth + 1))
  }
  if (token.kind !== '(') return reader.unexpected(place)
  reader.take()
  const inner = climb(reader, place, 0, depth + 1)
  reader.expect(')', place)
  // The span stays that of what is inside, and a number stays a number: Prometheus prints and points at it so.
  return inner.kind === 'durationNumber' ? inner : { ...inner, wrapped: true }
}

const isNumber = ({ kind }: Token) => kind === 'number' || kind === 'duration'

function number(reader: TokenReader, token: Token, sign: Token | undefined): DurationNumber {
  const seconds = reader.numberOf(token)
  const from = sign?.from ?? token.from
  return checked(reader, {
    kind: 'durationNumber',
    seconds: sign?.kind === '-' ? -seconds : seconds,
    isDuration: token.kind === 'duration',
    from,
    to: token.to,
  })
}

function checked(reader: TokenReader, duration: DurationNumber): DurationNumber {
  if (Math.abs(duration.seconds) <= DURATION_SECONDS_MAX) return duration
  throw reader.error(duration.from, 'duration out of range')
}

function signed(reader: TokenReader, sign: Token, rhs: DurationExpr): DurationExpr {
  if (rhs.kind === 'durationNumber')
    return checked(reader, { ...rhs, seconds: sign.kind === '-' ? -rhs.seconds : rhs.seconds, from: sign.from })
  return sign.kind === '-' ? { kind: 'durationNegation', rhs, wrapped: false, from: sign.from, to: rhs.to } : rhs
}
