import { METRIC_NAME } from '../../core/labels.ts'
import { formatGeneral, parseNumber } from '../../core/number-text.ts'
import { BACKSLASH, BRACE_CLOSE, BRACE_OPEN, COMMA, EQUALS, NEWLINE, QUOTE } from './characters.ts'

export type ExpositionFormat = 'text' | 'openmetrics'

/** A syntax error inside one series; the caller knows the line. */
export class SeriesSyntaxError extends Error {}

export type LabelPair = readonly [name: string, value: string]

/** Whether a character may begin a metric name: a letter, `_` or `:`. */
export function isNameStart(code: number): boolean {
  return (code >= 0x61 && code <= 0x7a) || (code >= 0x41 && code <= 0x5a) || code === 0x5f || code === 0x3a
}

export function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39
}

export function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09
}

/** The end of the name that begins at `at`; `at` itself when none does. */
export function nameEnd(text: string, at: number): number {
  if (!isNameStart(text.charCodeAt(at))) return at
  let i = at + 1
  while (isNameStart(text.charCodeAt(i)) || isDigit(text.charCodeAt(i))) i++
  return i
}

/** The position behind the closing quote of the string that opens at `at`, or -1. */
export function quotedEnd(text: string, at: number): number {
  for (let i = at + 1; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code === BACKSLASH) i++
    else if (code === QUOTE) return i + 1
  }
  return -1
}

/** The position behind the `}` that closes the `{` at `at`, or -1. It only looks for the end; `parseSeries` is the judge. */
export function bracesEnd(text: string, at: number): number {
  for (let i = at + 1; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code === BRACE_CLOSE) return i + 1
    if (code === QUOTE) {
      i = quotedEnd(text, i) - 1
      if (i < 0) return -1
    }
  }
  return -1
}

/**
 * Takes a series as exposed, such as `name{a="b"}` or `{"quoted.name", a="b"}`, apart.
 * @returns The labels with `__name__` first, as exposed: not sorted, empty values kept.
 * @throws SeriesSyntaxError in the words of Prometheus's parser.
 */
export function parseSeries(raw: string, format: ExpositionFormat): LabelPair[] {
  const end = nameEnd(raw, 0)
  const name = end > 0 ? raw.slice(0, end) : undefined
  let at = end
  if (format === 'text') at = skipBlanks(raw, at)
  if (raw.charCodeAt(at) !== BRACE_OPEN) return [[METRIC_NAME, name ?? '']]
  const { labels, quotedName } = parseLabels(raw, at, format)
  if (name !== undefined && quotedName !== undefined) throw new SeriesSyntaxError('metric name already set')
  const metric = name ?? quotedName
  if (metric === undefined || metric === '') throw new SeriesSyntaxError('metric name not set')
  const all: LabelPair[] = [[METRIC_NAME, metric], ...labels]
  const seen = new Set<string>()
  for (const [label] of all) {
    if (seen.has(label)) throw new SeriesSyntaxError(`label name "${label}" is not unique: invalid sample`)
    seen.add(label)
  }
  return all
}

/** What stands between braces, from the `{` at `at`. A quoted text without a value is a metric name. */
export function parseLabels(raw: string, at: number, format: ExpositionFormat): { labels: LabelPair[]; quotedName: string | undefined } {
  const blanks = format === 'text'
  const skip = (i: number) => (blanks ? skipBlanks(raw, i) : i)
  const labels: LabelPair[] = []
  let quotedName: string | undefined
  let i = skip(at + 1)
  while (raw.charCodeAt(i) !== BRACE_CLOSE) {
    const quoted = raw.charCodeAt(i) === QUOTE
    const stop = quoted ? quotedEnd(raw, i) : labelNameEnd(raw, i)
    if (stop <= i) throw new SeriesSyntaxError(`expected label name, got ${show(raw, i)}`)
    const name = quoted ? unescapeLabel(raw.slice(i + 1, stop - 1)) : raw.slice(i, stop)
    i = skip(stop)
    const after = raw.charCodeAt(i)
    if (quoted && (after === COMMA || after === BRACE_CLOSE)) {
      if (quotedName !== undefined) throw new SeriesSyntaxError('metric name already set')
      quotedName = name
      if (after === COMMA) i = skip(i + 1)
      continue
    }
    if (after !== EQUALS) throw new SeriesSyntaxError(`expected equal, got ${show(raw, i)}`)
    i = skip(i + 1)
    const close = raw.charCodeAt(i) === QUOTE ? quotedEnd(raw, i) : -1
    const value = raw.slice(i + 1, close - 1)
    if (close < 0 || (format === 'openmetrics' && value.includes('\n')))
      throw new SeriesSyntaxError(`expected label value, got ${show(raw, i)}`)
    labels.push([name, unescapeLabel(value)])
    i = skip(close)
    if (raw.charCodeAt(i) === COMMA) i = skip(i + 1)
    // The older format lets the comma be missing; its reference parser always did.
    else if (raw.charCodeAt(i) !== BRACE_CLOSE && !blanks) throw new SeriesSyntaxError(`expected comma or brace close, got ${show(raw, i)}`)
  }
  return { labels, quotedName }
}

/**
 * Bounds of buckets and quantiles in one spelling: `1` and `1e0` become `1.0`, whatever client library wrote them, so that series of
 * different libraries join. Prometheus does so since 3.0.
 */
export function normalizeBound(labels: LabelPair[], metricType: string): LabelPair[] {
  const bound = metricType === 'histogram' ? 'le' : metricType === 'summary' ? 'quantile' : undefined
  if (bound === undefined) return labels
  return labels.map(([name, value]): LabelPair => {
    const number = name === bound ? parseNumber(value) : undefined
    return number === undefined ? [name, value] : [name, formatBound(number)]
  })
}

function formatBound(value: number): string {
  const text = formatGeneral(value)
  return Number.isFinite(value) && !/[.e]/.test(text) ? `${text}.0` : text
}

/** Undoes `\\`, `\"` and `\n`; any other backslash stands for itself. */
export function unescapeLabel(text: string): string {
  return text.includes('\\') ? text.replace(/\\([\\"n])/g, (_, c: string) => (c === 'n' ? '\n' : c)) : text
}

/** A label's name has no colon. */
function labelNameEnd(raw: string, at: number): number {
  const end = nameEnd(raw, at)
  const colon = raw.indexOf(':', at)
  return colon >= at && colon < end ? colon : end
}

export function skipBlanks(text: string, at: number): number {
  let i = at
  while (isBlank(text.charCodeAt(i))) i++
  return i
}

/** The character a message is about. */
export function show(text: string, at: number): string {
  if (at >= text.length) return 'the end'
  return text.charCodeAt(at) === NEWLINE ? 'the end of the line' : JSON.stringify(String.fromCodePoint(text.codePointAt(at)!))
}
