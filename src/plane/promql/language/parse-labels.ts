import { ModelwatchError } from '../../../core/errors.ts'
import { METRIC_NAME } from '../../../core/labels.ts'
import { compileMatcher, type Matcher, type MatchOp } from '../../store/index.ts'
import { promqlErrors } from '../errors.ts'
import { quote } from './literals.ts'
import { positionOf } from './position.ts'
import { isGroupingLabel, type Token } from './token.ts'
import type { Place, TokenReader } from './token-reader.ts'

const inMatching = (expected: string): Place => ({ place: 'label matching', expected })
const inGrouping = (expected: string): Place => ({ place: 'grouping opts', expected })
const matcherOrEnd = inMatching('identifier or "}"')
const commaOrEnd = inMatching('"," or "}"')
const matcherOperator = inMatching('label matching operator')
const matcherValue = inMatching('string')
const groupingBegin = inGrouping('"("')
const groupingLabel = inGrouping('label')
const groupingEnd = inGrouping('"," or ")"')

/** Reads `{…}`: matchers, and the metric's name as a string by itself. @throws MW_PROMQL_PARSE, MW_PROMQL_UNSUPPORTED */
export function parseMatchers(reader: TokenReader): Matcher[] {
  reader.expect('{', matcherOrEnd)
  const matchers: Matcher[] = []
  while (reader.accept('}') === undefined) {
    matchers.push(parseMatcher(reader))
    if (reader.accept(',') === undefined) {
      reader.expect('}', commaOrEnd)
      break
    }
  }
  return matchers
}

const isMatchOp = ({ kind }: Token) => kind === '=' || kind === '!=' || kind === '=~' || kind === '!~'

function parseMatcher(reader: TokenReader): Matcher {
  const label = reader.peek()
  if (label.kind !== 'identifier' && label.kind !== 'string') return reader.unexpected(matcherOrEnd)
  reader.take()
  const name = label.kind === 'string' ? reader.stringOf(label) : label.text
  if (!isMatchOp(reader.peek())) {
    if (label.kind === 'string') return { name: METRIC_NAME, op: '=', value: name }
    return reader.unexpected(matcherOperator)
  }
  const op = reader.take().text as MatchOp
  const value = reader.stringOf(reader.expect('string', matcherValue))
  const matcher = { name, op, value }
  if (op === '=~' || op === '!~') checkExpression(reader, label, matcher)
  return matcher
}

function checkExpression(reader: TokenReader, label: Token, matcher: Matcher): void {
  try {
    compileMatcher(matcher)
  } catch (error) {
    if (!(error instanceof ModelwatchError)) throw error
    if (error.kind === 'unsupported')
      throw promqlErrors.MW_PROMQL_UNSUPPORTED(`${positionOf(reader.query, label.from)}: ${error.message}`, { cause: error })
    throw reader.error(label.from, error.message)
  }
}

/** Reads the labels behind `by`, `without`, `on`, `ignoring`, `group_left` and `group_right`. @throws MW_PROMQL_PARSE */
export function parseGrouping(reader: TokenReader): string[] {
  reader.expect('(', groupingBegin)
  const labels: string[] = []
  while (reader.accept(')') === undefined) {
    labels.push(parseGroupingLabel(reader))
    if (reader.accept(',') === undefined) {
      reader.expect(')', groupingEnd)
      break
    }
  }
  return labels
}

function parseGroupingLabel(reader: TokenReader): string {
  const token = reader.peek()
  if (token.kind !== 'string' && !isGroupingLabel(token.kind)) return reader.unexpected(groupingLabel)
  reader.take()
  const label = token.kind === 'string' ? reader.stringOf(token) : token.text
  if (label === '' || !label.isWellFormed()) throw reader.error(token.from, `invalid label name for grouping: ${quote(label)}`)
  return label
}
