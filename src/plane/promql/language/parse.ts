import { queryEngineDefaults } from '../config.ts'
import { promqlErrors } from '../errors.ts'
import type { Expr } from './ast.ts'
import { ExpressionParser } from './parse-expression.ts'
import { resolve } from './resolve.ts'
import { typecheck } from './typecheck.ts'

export interface ParseOptions {
  /** Whether functions and aggregations that Prometheus calls experimental may be used; false by default. */
  readonly experimentalFunctions?: boolean
}

/**
 * Parses PromQL: everything that Prometheus 3.5 reads, arithmetic on durations included, and says what is wrong in its words.
 *
 * The parser is written by hand rather than taken from the grammar of Prometheus's editor: that one is made to show half a query in colours,
 * so it does not say what it expected, leaves precedence open in places, and follows the newest Prometheus rather than 3.5.
 *
 * @returns The tree, its types checked, and resolved: see `resolve`.
 * @throws MW_PROMQL_PARSE with line and column; MW_PROMQL_UNSUPPORTED for a regular expression beyond the store's means;
 *   MW_PROMQL_LIMIT for an expression that is nested too deep or has too many operators in a row.
 */
export function parse(query: string, options: ParseOptions = {}): Expr {
  return resolve(query, parseUnresolved(query, options))
}

/**
 * As `parse`, for printing: experimental functions are allowed, and durations that are more than a number stay as they are written, with NaN
 * for their milliseconds.
 * @throws as `parse`; MW_PROMQL_LIMIT also for a longer query than engines take by default.
 */
export function parseToPrint(query: string): Expr {
  const { queryLengthMax } = queryEngineDefaults
  if (query.length > queryLengthMax)
    throw promqlErrors.MW_PROMQL_LIMIT(`the query has ${query.length} characters; at most ${queryLengthMax} are accepted`, {
      hint: 'Print a shorter part of it.',
    })
  return parseUnresolved(query, { experimentalFunctions: true })
}

/** As `parse`, for who calls `resolve` later: durations that are more than a number are still to be worked out. @throws as `parse`. */
export function parseUnresolved(query: string, { experimentalFunctions = false }: ParseOptions): Expr {
  const parser = new ExpressionParser(query, experimentalFunctions)
  const expr = parser.parse()
  typecheck(query, expr)
  parser.refuseLetterColon()
  return expr
}
