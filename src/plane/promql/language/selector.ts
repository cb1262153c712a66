import { compileMatcher, type Matcher } from '../../store/index.ts'
import { ExpressionParser } from './parse-expression.ts'
import { parseError } from './position.ts'

/**
 * Reads a series selector, such as `up{job="x"}`, without offset or range.
 * @throws MW_PROMQL_PARSE when the text is anything else, or may mean all series.
 */
export function parseSelector(text: string): readonly Matcher[] {
  const { matchers } = new ExpressionParser(text, false).parseSelector()
  if (matchers.every((matcher) => compileMatcher(matcher).matchesEmpty))
    throw parseError(text, 0, 'vector selector must contain at least one non-empty matcher')
  return matchers
}
