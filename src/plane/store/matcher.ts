import type { Matcher } from './contract.ts'
import { type AnchoredRegExp, compileRegExp } from './regexp.ts'

/** Answers remembered per regular expression: label values repeat, and a look-up is cheaper than a match. */
const MEMO_MAX = 10_000

/** A matcher ready for use. */
export interface CompiledMatcher extends Matcher {
  /** @param value - The label's value, '' when the label is missing. */
  matches(value: string): boolean
  /** Whether a series without the label matches. */
  readonly matchesEmpty: boolean
  /** All values that match, where they can be listed. */
  readonly values?: ReadonlySet<string>
}

/**
 * Makes a matcher ready for use. Expressions are anchored RE2, see `compileRegExp`.
 * @throws MW_STORE_MATCHER, MW_STORE_MATCHER_UNSUPPORTED
 */
export function compileMatcher(matcher: Matcher): CompiledMatcher {
  const { name, op, value } = matcher
  if (op === '=') return { name, op, value, matches: (text) => text === value, matchesEmpty: value === '', values: new Set([value]) }
  if (op === '!=') return { name, op, value, matches: (text) => text !== value, matchesEmpty: value !== '' }
  const expression = compileRegExp(value)
  const matches = predicate(expression, op === '=~')
  const listed = op === '=~' && expression.literals !== undefined
  return { name, op, value, matches, matchesEmpty: matches(''), ...(listed && { values: expression.literals }) }
}

function predicate(expression: AnchoredRegExp, wanted: boolean): (text: string) => boolean {
  if (expression.literals !== undefined) return (text) => expression.test(text) === wanted
  const memo = new Map<string, boolean>()
  return (text) => {
    const known = memo.get(text)
    if (known !== undefined) return known
    const answer = expression.test(text) === wanted
    if (memo.size < MEMO_MAX) memo.set(text, answer)
    return answer
  }
}
