import { parseNumber } from '../../core/number-text.ts'
import { BRACE_CLOSE, BRACE_OPEN, HASH, MINUS, NEWLINE, POINT, QUOTE, SPACE } from './characters.ts'
import { expositionErrors } from './errors.ts'
import {
  bracesEnd,
  type ExpositionFormat,
  isBlank,
  isDigit,
  isNameStart,
  type LabelPair,
  nameEnd,
  normalizeBound,
  parseLabels,
  parseSeries,
  quotedEnd,
  SeriesSyntaxError,
  show,
  skipBlanks,
  unescapeLabel,
} from './series.ts'

export type MetadataKind = 'type' | 'help' | 'unit'

/** What a remembered series must have; the rest is its owner's. */
export interface SeriesEntry {
  /** The series exactly as it was exposed. */
  readonly raw: string
  /** The entry whose line followed last time. */
  next: this | undefined
}

/** Receives what the parser reads, and remembers series for it, so that of a known series only the value is parsed. */
export interface ExpositionSink<E extends SeriesEntry> {
  find(raw: string): E | undefined
  /** A series not remembered. `raw` may be part of the whole body's string: copy what you keep. */
  create(raw: string, labels: readonly LabelPair[]): E
  /** @param timeMs - The sample's own time, if it has one. */
  sample(entry: E, value: number, timeMs: number | undefined): void
  metadata(kind: MetadataKind, metric: string, text: string): void
}

const typesOf = {
  text: new Set(['counter', 'gauge', 'histogram', 'summary', 'untyped']),
  openmetrics: new Set(['counter', 'gauge', 'histogram', 'gaugehistogram', 'summary', 'info', 'stateset', 'unknown']),
}

/**
 * Reads the Prometheus text format 0.0.4 or OpenMetrics 1.0, as strictly as Prometheus 3 does, a slice of lines at a time.
 * Exemplars are checked and skipped.
 */
export class ExpositionParser<E extends SeriesEntry> {
  readonly #text: string
  readonly #format: ExpositionFormat
  readonly #sink: ExpositionSink<E>
  readonly #first: E | undefined
  #at = 0
  #last: E | undefined
  #type = 'unknown'

  /** @param first - The entry of the first line last time. */
  constructor(text: string, format: ExpositionFormat, sink: ExpositionSink<E>, first: E | undefined) {
    this.#text = text
    this.#format = format
    this.#sink = sink
    this.#first = first
  }

  /**
   * Reads up to `linesMax` lines.
   * @returns Whether the end was reached.
   * @throws MW_EXPOSITION_SYNTAX with the line's number, in the words of Prometheus's parser.
   */
  parse(linesMax: number): boolean {
    try {
      for (let n = 0; n < linesMax; n++) if (!(this.#format === 'text' ? this.#textLine() : this.#openMetricsLine())) return true
      return false
    } catch (error) {
      if (!(error instanceof SeriesSyntaxError)) throw error
      let line = 1
      for (let i = this.#text.indexOf('\n'); i >= 0 && i < this.#at; i = this.#text.indexOf('\n', i + 1)) line++
      throw expositionErrors.MW_EXPOSITION_SYNTAX(`line ${line}: ${error.message}`)
    }
  }

  /** In the older format blanks are free, and the last line may lack its end. */
  #textLine(): boolean {
    const text = this.#text
    const at = skipBlanks(text, this.#at)
    if (at >= text.length) return false
    const code = text.charCodeAt(at)
    if (code === NEWLINE) this.#at = at + 1
    else if (code === HASH) this.#textComment(at)
    else this.#textSample(at)
    return true
  }

  #textComment(at: number): void {
    const text = this.#text
    const end = lineEnd(text, at)
    const word = skipBlanks(text, at + 1)
    const keyword = text.slice(word, word + 4)
    this.#at = end + 1
    if (word === at + 1 || !(keyword === 'HELP' || keyword === 'TYPE') || !isBlank(text.charCodeAt(word + 4))) return
    this.#metadata(keyword, skipBlanks(text, word + 4), end)
  }

  #metadata(keyword: string, at: number, end: number): void {
    const text = this.#text
    const quoted = text.charCodeAt(at) === QUOTE
    const stop = quoted ? quotedEnd(text, at) : nameEnd(text, at)
    if (stop <= at || stop > end) throw new SeriesSyntaxError(`expected metric name after ${keyword}, got ${show(text, at)}`)
    const metric = quoted ? unescapeLabel(text.slice(at + 1, stop - 1)) : text.slice(at, stop)
    if (this.#format === 'openmetrics' && text.charCodeAt(stop) !== SPACE) throw new SeriesSyntaxError(`expected text in ${keyword}`)
    const rest = text.slice(stop + 1, Math.max(end, stop + 1))
    if (keyword === 'TYPE') {
      if (!typesOf[this.#format].has(rest)) throw new SeriesSyntaxError(`invalid metric type ${JSON.stringify(rest)}`)
      this.#type = rest === 'untyped' ? 'unknown' : rest
      this.#sink.metadata('type', metric, this.#type)
    } else if (keyword === 'HELP') {
      this.#sink.metadata('help', metric, this.#format === 'text' ? unescapeHelp(rest) : unescapeLabel(rest))
    } else {
      if (rest !== '' && !metric.endsWith(`_${rest}`)) throw new SeriesSyntaxError(`unit "${rest}" not a suffix of metric "${metric}"`)
      this.#sink.metadata('unit', metric, rest)
    }
  }

  /** The series that is written here: the one whose turn it is, or whichever its text names. */
  #seriesAt(start: number): E {
    return this.#guess(start) ?? this.#resolve(this.#text.slice(start, this.#seriesEnd(start)))
  }

  #textSample(start: number): void {
    const text = this.#text
    const entry = this.#seriesAt(start)
    let at = start + entry.raw.length
    at = skipBlanks(text, at)
    const value = this.#number(at, 'value after metric')
    at = skipBlanks(text, this.#at)
    let timeMs: number | undefined
    if (isDigit(text.charCodeAt(at))) {
      const from = at
      while (isDigit(text.charCodeAt(at))) at++
      timeMs = Number(text.slice(from, at))
      at = skipBlanks(text, at)
    }
    if (at < text.length && text.charCodeAt(at) !== NEWLINE) {
      const wanted = timeMs === undefined ? 'timestamp or new record' : 'next entry after timestamp'
      throw new SeriesSyntaxError(`expected ${wanted}, got ${show(text, at)}`)
    }
    this.#sink.sample(entry, value, timeMs)
    this.#last = entry
    this.#at = at + 1
  }

  /** In OpenMetrics one space stands where one must, each line ends, and the last one is `# EOF`. */
  #openMetricsLine(): boolean {
    const text = this.#text
    const start = this.#at
    if (start >= text.length) {
      // A target may expose nothing at all.
      if (text.length > 0) throw new SeriesSyntaxError('data does not end with # EOF')
      return false
    }
    if (text.charCodeAt(start) === HASH) return this.#openMetricsComment(start)
    const entry = this.#seriesAt(start)
    const at = start + entry.raw.length
    if (text.charCodeAt(at) !== SPACE) throw new SeriesSyntaxError(`expected value after metric, got ${show(text, at)}`)
    const value = this.#number(at + 1, 'value after metric')
    let timeMs: number | undefined
    if (text.charCodeAt(this.#at) === SPACE && !text.startsWith(' # {', this.#at)) {
      const seconds = this.#number(this.#at + 1, 'timestamp')
      if (!Number.isFinite(seconds)) throw new SeriesSyntaxError(`invalid timestamp ${seconds}`)
      timeMs = Math.trunc(seconds * 1000)
    }
    if (text.startsWith(' # {', this.#at)) this.#exemplar(this.#at + 3)
    this.#endOfLine(timeMs === undefined ? 'timestamp or new record' : 'next entry after timestamp')
    this.#sink.sample(entry, value, timeMs)
    this.#last = entry
    return true
  }

  #openMetricsComment(start: number): boolean {
    const text = this.#text
    if (text.startsWith('# EOF', start)) {
      const end = start + 5
      if (end < text.length && !(text.charCodeAt(end) === NEWLINE && end + 1 === text.length)) {
        this.#at = end
        throw new SeriesSyntaxError('unexpected data after # EOF')
      }
      this.#at = text.length
      return false
    }
    const keyword = text.slice(start + 2, start + 6)
    const known = keyword === 'HELP' || keyword === 'TYPE' || keyword === 'UNIT'
    if (text.charCodeAt(start + 1) !== SPACE || !known || text.charCodeAt(start + 6) !== SPACE) {
      throw new SeriesSyntaxError(
        `expected a valid start token, got ${JSON.stringify(text.slice(start, Math.min(lineEnd(text, start), start + 20)))}`,
      )
    }
    const end = lineEnd(text, start)
    if (end === text.length) throw new SeriesSyntaxError('data does not end with # EOF')
    this.#metadata(keyword, start + 7, end)
    this.#at = end + 1
    return true
  }

  #exemplar(brace: number): void {
    const text = this.#text
    const end = bracesEnd(text, brace)
    if (end < 0) throw new SeriesSyntaxError('expected label name in exemplar')
    const { quotedName } = parseLabels(text.slice(brace, end), 0, 'openmetrics')
    if (quotedName !== undefined) throw new SeriesSyntaxError('expected equal in exemplar')
    if (text.charCodeAt(end) !== SPACE) throw new SeriesSyntaxError(`expected value after exemplar labels, got ${show(text, end)}`)
    this.#number(end + 1, 'value after exemplar labels')
    if (text.charCodeAt(this.#at) !== SPACE) return
    const seconds = this.#number(this.#at + 1, 'exemplar timestamp')
    if (!Number.isFinite(seconds)) throw new SeriesSyntaxError(`invalid exemplar timestamp ${seconds}`)
  }

  #endOfLine(wanted: string): void {
    const text = this.#text
    if (this.#at >= text.length) throw new SeriesSyntaxError('data does not end with # EOF')
    if (text.charCodeAt(this.#at) !== NEWLINE) throw new SeriesSyntaxError(`expected ${wanted}, got ${show(text, this.#at)}`)
    this.#at++
  }

  /** The entry that followed the last one last time, if this line begins with it: then nothing is cut out or looked up. */
  #guess(start: number): E | undefined {
    const guess = this.#last === undefined ? this.#first : this.#last.next
    if (guess === undefined || !this.#text.startsWith(guess.raw, start)) return undefined
    const end = start + guess.raw.length
    if (this.#text.charCodeAt(end - 1) === BRACE_CLOSE) return guess
    // A bare name could be the beginning of a longer one, or go on with labels.
    if (!isBlank(this.#text.charCodeAt(end))) return undefined
    return this.#text.charCodeAt(skipBlanks(this.#text, end)) === BRACE_OPEN ? undefined : guess
  }

  #resolve(raw: string): E {
    const entry = this.#sink.find(raw) ?? this.#sink.create(raw, normalizeBound(parseSeries(raw, this.#format), this.#type))
    if (this.#last !== undefined) this.#last.next = entry
    return entry
  }

  #seriesEnd(start: number): number {
    const text = this.#text
    this.#at = start
    const code = text.charCodeAt(start)
    if (!isNameStart(code) && code !== BRACE_OPEN) throw new SeriesSyntaxError(`expected a valid start token, got ${show(text, start)}`)
    const end = nameEnd(text, start)
    const brace = this.#format === 'text' ? skipBlanks(text, end) : end
    if (text.charCodeAt(brace) !== BRACE_OPEN) return end
    const close = bracesEnd(text, brace)
    if (close >= 0) return close
    // The braces never close: the strict reader says at which label it goes wrong.
    parseSeries(text.slice(start, lineEnd(text, start)), this.#format)
    throw new SeriesSyntaxError('expected label value, got the end of the line')
  }

  /** Reads a number at `at` and moves behind it. Short decimals, nearly all there are, need no string of their own. */
  #number(at: number, what: string): number {
    const text = this.#text
    const negative = text.charCodeAt(at) === MINUS
    let i = negative ? at + 1 : at
    const from = i
    let mantissa = 0
    let decimals = -1
    for (; i - from < 16; i++) {
      const code = text.charCodeAt(i)
      if (isDigit(code)) {
        mantissa = mantissa * 10 + (code - 0x30)
        if (decimals >= 0) decimals++
      } else if (code === POINT && decimals < 0) decimals = 0
      else break
    }
    const digits = decimals < 0 ? i - from : i - from - 1
    // Up to 15 digits and a power of ten up to 22 are exact doubles, so one division rounds correctly.
    if (digits > 0 && digits <= 15 && this.#endsNumber(i)) {
      this.#at = i
      const value = decimals > 0 ? mantissa / powersOfTen[decimals]! : mantissa
      return negative ? -value : value
    }
    while (i < text.length && !this.#endsNumber(i)) i++
    this.#at = i
    const token = text.slice(at, i)
    if (token === '') throw new SeriesSyntaxError(`expected ${what}, got ${show(text, at)}`)
    const value = parseNumber(token)
    if (value === undefined) throw new SeriesSyntaxError(`expected ${what}: ${JSON.stringify(token)} is not a number`)
    return value
  }

  #endsNumber(at: number): boolean {
    const code = this.#text.charCodeAt(at)
    if (code === NEWLINE || code === SPACE || at >= this.#text.length) return true
    return this.#format === 'text' && (code === 0x09 || code === BRACE_OPEN)
  }
}

const powersOfTen = Float64Array.from({ length: 23 }, (_, i) => Number(`1e${i}`))

function lineEnd(text: string, at: number): number {
  const end = text.indexOf('\n', at)
  return end < 0 ? text.length : end
}

/** In HELP of the older format quotes need no escape. */
function unescapeHelp(text: string): string {
  return text.includes('\\') ? text.replace(/\\([\\n])/g, (_, c: string) => (c === 'n' ? '\n' : c)) : text
}
