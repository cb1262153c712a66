import type { ModelwatchError } from '../../../core/errors.ts'
import { promqlErrors } from '../errors.ts'
import type { DurationExpr } from './ast.ts'
import { DURATION_SECONDS_MAX } from './literals.ts'

/** Milliseconds of a duration that is one number; NaN of arithmetic, which `computeDurationMs` works out. */
export function literalDurationMs(duration: DurationExpr): number {
  // Nanoseconds first, as in Prometheus, so that 1.5 and 1500ms are the same.
  return duration.kind === 'durationNumber' ? Math.trunc(Math.round(duration.seconds * 1e9) / 1e6) : Number.NaN
}

/**
 * Computes a duration.
 * @param query - For the place in messages, which is in bytes from and to, as Prometheus has it for these errors.
 * @returns Whole milliseconds, cut off towards 0.
 * @throws MW_PROMQL_PARSE on a division by zero, beyond some 292 years, and, unless it may be negative, where nothing is left.
 */
export function computeDurationMs(query: string, duration: DurationExpr, mayBeNegative: boolean): number {
  if (duration.kind === 'durationNumber') return literalDurationMs(duration)
  const seconds = evaluate(query, duration)
  if (seconds <= 0 && !mayBeNegative) throw failure(query, duration, 'duration must be greater than 0')
  if (!(Math.abs(seconds) <= DURATION_SECONDS_MAX)) throw failure(query, duration, 'duration is out of range')
  return Math.trunc(seconds * 1000)
}

function evaluate(query: string, duration: DurationExpr): number {
  if (duration.kind === 'durationNumber') return duration.seconds
  if (duration.kind === 'durationNegation') return -evaluate(query, duration.rhs)
  const lhs = evaluate(query, duration.lhs)
  const rhs = evaluate(query, duration.rhs)
  switch (duration.op) {
    case '+':
      return lhs + rhs
    case '-':
      return lhs - rhs
    case '*':
      return lhs * rhs
    case '/':
      if (rhs === 0) throw failure(query, duration, 'division by zero')
      return lhs / rhs
    case '%':
      if (rhs === 0) throw failure(query, duration, 'modulo by zero')
      return lhs % rhs
    case '^':
      return lhs ** rhs
  }
}

function failure(query: string, { from, to }: DurationExpr, message: string): ModelwatchError {
  const bytes = (offset: number) => Buffer.byteLength(query.slice(0, offset))
  return promqlErrors.MW_PROMQL_PARSE(`${bytes(from)}:${bytes(to)}: ${message}`)
}
