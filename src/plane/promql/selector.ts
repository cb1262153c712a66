import type { Matcher } from '../store/contract.ts'
import { parse } from './parse.ts'
import { parseError } from './position.ts'
import { typecheck } from './typecheck.ts'

/**
 * Reads a series selector, such as `up{job="x"}`, without offset or range.
 * @throws MW_PROMQL_PARSE when the text is anything else.
 */
export function parseSelector(text: string): readonly Matcher[] {
  const expr = parse(text)
  typecheck(text, expr)
  if (expr.kind !== 'vectorSelector' || expr.offsetMs !== undefined || expr.at !== undefined)
    throw parseError(text, 0, 'expected a series selector')
  return expr.matchers
}
