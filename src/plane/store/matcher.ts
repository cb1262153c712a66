import type { Matcher } from './contract.ts'
import { compileRegExp } from './regexp.ts'

/** Answers remembered per regular expression: label values repeat, and a look-up is cheaper than a match. */
const MEMO_MAX = 10_000

/** A matcher ready for use. */
export interface CompiledMatcher extends Matcher {
  /** @param value - The label's value, '' when the label is missing. */
  matches(value: string): boolean
  /** Whether a series without the label matches. */
  readonly matchesEmpty: boolean
}

/**
 * Makes a matcher ready for use. Expressions are anchored RE2, see `compileRegExp`.
 * @throws MW_STORE_MATCHER, MW_STORE_MATCHER_UNSUPPORTED
 */
export function compileMatcher(matcher: Matcher): CompiledMatcher {
  const matches = predicate(matcher)
  return { name: matcher.name, op: matcher.op, value: matcher.value, matches, matchesEmpty: matches('') }
}

function predicate({ op, value }: Matcher): (text: string) => boolean {
  if (op === '=') return (text) => text === value
  if (op === '!=') return (text) => text !== value
  const expression = compileRegExp(value)
  const wanted = op === '=~'
  const memo = new Map<string, boolean>()
  return (text) => {
    const known = memo.get(text)
    if (known !== undefined) return known
    const answer = expression.test(text) === wanted
    if (memo.size < MEMO_MAX) memo.set(text, answer)
    return answer
  }
}
