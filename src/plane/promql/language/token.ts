import type { Span } from './ast.ts'
import { quote } from './literals.ts'

const aggregations = [
  'sum',
  'avg',
  'count',
  'min',
  'max',
  'group',
  'stddev',
  'stdvar',
  'topk',
  'bottomk',
  'count_values',
  'quantile',
  'limitk',
  'limit_ratio',
] as const
const wordOperators = ['and', 'or', 'unless', 'atan2'] as const
const keywords = ['offset', 'by', 'without', 'on', 'ignoring', 'group_left', 'group_right', 'bool'] as const
const preprocessors = ['start', 'end'] as const
const signOperators = ['+', '-', '*', '/', '%', '^', '==', '!=', '<=', '<', '>=', '>', '=~', '!~', '@'] as const
const punctuation = ['(', ')', '{', '}', '[', ']', ',', ':', '='] as const
const classes = ['identifier', 'metric identifier', 'string', 'number', 'duration', 'end of input'] as const

type Word = (typeof aggregations)[number] | (typeof wordOperators)[number] | (typeof keywords)[number] | (typeof preprocessors)[number]
type Sign = (typeof signOperators)[number] | (typeof punctuation)[number]

/** What a token is: a word or a sign by its own text, in lower case; everything else by its class. */
export type TokenKind = (typeof classes)[number] | Word | Sign

export interface Token extends Span {
  readonly kind: TokenKind
  /** As it stands in the query. */
  readonly text: string
}

const words = new Set<string>([...aggregations, ...wordOperators, ...keywords, ...preprocessors])
const aggregationSet = new Set<string>(aggregations)
const operatorSet = new Set<string>([...wordOperators, ...signOperators])
const keywordSet = new Set<string>(keywords)
const classSet = new Set<string>(classes)

/** The kind of a word outside of braces: keywords in any case, `inf` and `nan` are numbers. */
export function wordKind(text: string): TokenKind {
  const lower = text.toLowerCase()
  if (words.has(lower)) return lower as Word
  if (lower === 'inf' || lower === 'nan') return 'number'
  return text.includes(':') ? 'metric identifier' : 'identifier'
}

export function isAggregation(kind: TokenKind): boolean {
  return aggregationSet.has(kind)
}

const notMetricNames = new Set<TokenKind>(['on', 'ignoring', 'group_left', 'group_right', 'bool', 'atan2'])

/** Whether the word may name a metric where an expression begins. */
export function isMetricName(kind: TokenKind): boolean {
  return kind === 'identifier' || kind === 'metric identifier' || (words.has(kind) && !notMetricNames.has(kind))
}

/** Whether the word may stand unquoted in a list of labels; `without` alone of all words may not. */
export function isGroupingLabel(kind: TokenKind): boolean {
  return kind === 'identifier' || kind === 'metric identifier' || (words.has(kind) && kind !== 'without')
}

/** The token as messages name it, in Prometheus's words. */
export function describeToken({ kind, text }: Token): string {
  if (kind === 'end of input') return kind
  if (kind === 'identifier' || kind === 'metric identifier') return `${kind} ${quote(text)}`
  if (keywordSet.has(kind)) return `<${text}>`
  if (operatorSet.has(kind)) return `<op:${text}>`
  if (aggregationSet.has(kind)) return `<aggr:${text}>`
  const short = Buffer.byteLength(text) > SHOWN_MAX ? `${quote(firstRunes(text, SHOWN_MAX))}...` : quote(text)
  return classSet.has(kind) ? `${kind} ${short}` : short
}

/** Longest token shown whole. */
const SHOWN_MAX = 10

function firstRunes(text: string, count: number): string {
  let end = 0
  for (let i = 0; i < count && end < text.length; i++) end += text.codePointAt(end)! > 0xffff ? 2 : 1
  return text.slice(0, end)
}
