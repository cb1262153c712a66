import { type Labels, METRIC_NAME } from '../../core/labels.ts'
import { parseNumber } from '../../core/number-text.ts'
import type { MetricMetadata } from '../store/contract.ts'
import { BRACE_OPEN, HASH, MINUS, POINT, SPACE } from './characters.ts'
import {
  bracesEnd,
  type LabelPair,
  nameEnd,
  normalizeBound,
  parseLabels,
  parseSeries,
  quotedEnd,
  SeriesSyntaxError,
  show,
  unescapeLabel,
} from './series.ts'

/** Longest line; a file without line ends would otherwise be gathered whole. */
const LINE_CHARS_MAX = 10_000_000
/** Series remembered by their text; past it, all are forgotten and learned anew. */
const KNOWN_SERIES_MAX = 100_000

/** Receives what an OpenMetrics file says, in its order. */
export interface OpenMetricsSink<S> {
  /** A series that the parser has not come across, or has forgotten: labels sorted, without empty ones. @returns what `add` is given for it. */
  series(labels: Labels): S
  add(series: S, timeMs: number, value: number): void
  /** Called again as lines add to what is known of the metric. */
  metadata(metric: string, metadata: MetricMetadata): void
}

/** A series as the file writes it. */
interface KnownSeries<S> {
  readonly raw: string
  readonly series: S
  /** The one whose line followed last time. */
  next: KnownSeries<S> | undefined
}

const types: Readonly<Record<string, MetricMetadata['type']>> = {
  counter: 'counter',
  gauge: 'gauge',
  histogram: 'histogram',
  gaugehistogram: 'gaugehistogram',
  summary: 'summary',
  info: 'info',
  stateset: 'stateset',
  unknown: 'unknown',
}

/**
 * Reads OpenMetrics 1.0 text of any size, a chunk at a time: strictly, every sample with its time. Exemplars are checked and left out. Times are rounded to
 * the nearest millisecond, so that a time written with three decimals is read as it was. What it throws is a `SeriesSyntaxError` about `line`.
 */
export class OpenMetricsFileParser<S> {
  readonly #sink: OpenMetricsSink<S>
  readonly #known = new Map<string, KnownSeries<S>>()
  #last: KnownSeries<S> | undefined
  /** What the lines about one metric have said so far. */
  #metric = ''
  #metadata: MetricMetadata = { type: 'unknown', help: '', unit: '' }
  #text = ''
  #at = 0
  /** The line that is read, from 1 on; behind the last one, that one. */
  line = 0
  /** Whether `# EOF` was read. */
  isAtEnd = false

  constructor(sink: OpenMetricsSink<S>) {
    this.#sink = sink
  }

  /** Reads the lines that are whole, and keeps the beginning of the next. */
  push(chunk: string): void {
    this.#text = this.#at < this.#text.length ? this.#text.slice(this.#at) + chunk : chunk
    this.#at = 0
    for (let end = this.#text.indexOf('\n'); end >= 0 && !this.isAtEnd; end = this.#text.indexOf('\n', this.#at)) {
      this.line++
      this.#readLine(this.#at, end)
      this.#at = end + 1
    }
    const rest = this.#text.length - this.#at
    if (rest > 0 && this.isAtEnd) throw this.#nextLine('unexpected data after # EOF')
    if (rest > LINE_CHARS_MAX) throw this.#nextLine(`the line has more than ${LINE_CHARS_MAX} characters`)
  }

  /** Nothing follows: the last line alone, `# EOF`, may lack its end. */
  finish(): void {
    if (this.#at >= this.#text.length) return
    this.line++
    if (this.#text.slice(this.#at) === '# EOF') this.isAtEnd = true
  }

  #nextLine(message: string): SeriesSyntaxError {
    this.line++
    return new SeriesSyntaxError(message)
  }

  #readLine(start: number, end: number): void {
    if (this.#text.charCodeAt(start) === HASH) this.#readComment(start, end)
    else this.#readSample(start, end)
  }

  #readSample(start: number, end: number): void {
    const text = this.#text
    const known = this.#seriesAt(start, end)
    let at = start + known.raw.length
    if (text.charCodeAt(at) !== SPACE) throw new SeriesSyntaxError(`expected value after metric, got ${show(text, at)}`)
    const valueEnd = wordEnd(text, at + 1, end)
    const value = toNumber(text, at + 1, valueEnd, 'value after metric')
    at = valueEnd
    if (at >= end || text.startsWith(' # {', at)) throw new SeriesSyntaxError('the sample has no time, and without one it has no place')
    const timeEnd = wordEnd(text, at + 1, end)
    const timeMs = Math.round(toNumber(text, at + 1, timeEnd, 'timestamp') * 1000)
    if (!Number.isSafeInteger(timeMs)) throw new SeriesSyntaxError(`invalid timestamp ${text.slice(at + 1, timeEnd)}`)
    at = timeEnd
    if (text.startsWith(' # {', at)) at = this.#skipExemplar(at + 3, end)
    if (at < end) throw new SeriesSyntaxError(`expected next entry after timestamp, got ${show(text, at)}`)
    this.#sink.add(known.series, timeMs, value)
    this.#last = known
  }

  /** Most lines bear the series of the line before, or the one that followed it the last time: then nothing is cut out or looked up. */
  #seriesAt(start: number, end: number): KnownSeries<S> {
    const last = this.#last
    if (last !== undefined) {
      if (this.#isAt(last, start)) return last
      if (last.next !== undefined && this.#isAt(last.next, start)) return last.next
    }
    const raw = this.#text.slice(start, this.#seriesEnd(start, end))
    const known = this.#known.get(raw) ?? this.#learn(Buffer.from(raw).toString()) // A copy: a piece of a text keeps all of it in memory.
    if (last !== undefined) last.next = known
    return known
  }

  #isAt({ raw }: KnownSeries<S>, start: number): boolean {
    return this.#text.startsWith(raw, start) && this.#text.charCodeAt(start + raw.length) === SPACE
  }

  #learn(raw: string): KnownSeries<S> {
    const labels = toLabels(normalizeBound(parseSeries(raw, 'openmetrics'), this.#metadata.type))
    const known: KnownSeries<S> = { raw, series: this.#sink.series(labels), next: undefined }
    if (this.#known.size >= KNOWN_SERIES_MAX) this.#known.clear()
    this.#known.set(raw, known)
    return known
  }

  #seriesEnd(start: number, end: number): number {
    const text = this.#text
    const stop = nameEnd(text, start)
    if (text.charCodeAt(stop) !== BRACE_OPEN) {
      if (stop === start) throw new SeriesSyntaxError(`expected a valid start token, got ${show(text, start)}`)
      return stop
    }
    const close = bracesEnd(text, stop)
    if (close > 0 && close <= end) return close
    // The strict reader says at which label it goes wrong.
    parseSeries(text.slice(start, end), 'openmetrics')
    throw new SeriesSyntaxError('expected label value, got the end of the line')
  }

  #readComment(start: number, end: number): void {
    const text = this.#text
    if (end - start === 5 && text.startsWith('# EOF', start)) {
      this.isAtEnd = true
      return
    }
    const keyword = text.slice(start + 2, start + 6)
    const isKnown = keyword === 'HELP' || keyword === 'TYPE' || keyword === 'UNIT'
    if (text.charCodeAt(start + 1) !== SPACE || !isKnown || text.charCodeAt(start + 6) !== SPACE)
      throw new SeriesSyntaxError(`expected a valid start token, got ${JSON.stringify(text.slice(start, Math.min(end, start + 20)))}`)
    const at = start + 7
    const isQuoted = text.charAt(at) === '"'
    const stop = isQuoted ? quotedEnd(text, at) : nameEnd(text, at)
    if (stop <= at || stop > end) throw new SeriesSyntaxError(`expected metric name after ${keyword}, got ${show(text, at)}`)
    if (text.charCodeAt(stop) !== SPACE) throw new SeriesSyntaxError(`expected text in ${keyword}`)
    const metric = isQuoted ? unescapeLabel(text.slice(at + 1, stop - 1)) : Buffer.from(text.slice(at, stop)).toString()
    this.#describe(metric, keyword, Buffer.from(text.slice(stop + 1, end)).toString())
  }

  #describe(metric: string, keyword: string, said: string): void {
    if (metric !== this.#metric) this.#metadata = { type: 'unknown', help: '', unit: '' }
    this.#metric = metric
    if (keyword === 'TYPE') {
      const type = types[said]
      if (type === undefined) throw new SeriesSyntaxError(`invalid metric type ${JSON.stringify(said)}`)
      this.#metadata = { ...this.#metadata, type }
    } else if (keyword === 'HELP') this.#metadata = { ...this.#metadata, help: unescapeLabel(said) }
    else {
      if (said !== '' && !metric.endsWith(`_${said}`)) throw new SeriesSyntaxError(`unit "${said}" not a suffix of metric "${metric}"`)
      this.#metadata = { ...this.#metadata, unit: said }
    }
    this.#sink.metadata(metric, this.#metadata)
  }

  /** Checks an exemplar whose braces open at `brace`. @returns Where it ends. */
  #skipExemplar(brace: number, end: number): number {
    const text = this.#text
    const close = bracesEnd(text, brace)
    if (close < 0 || close > end) throw new SeriesSyntaxError('expected label name in exemplar')
    if (parseLabels(text.slice(brace, close), 0, 'openmetrics').quotedName !== undefined)
      throw new SeriesSyntaxError('expected equal in exemplar')
    if (text.charCodeAt(close) !== SPACE) throw new SeriesSyntaxError(`expected value after exemplar labels, got ${show(text, close)}`)
    const valueEnd = wordEnd(text, close + 1, end)
    toNumber(text, close + 1, valueEnd, 'value after exemplar labels')
    if (valueEnd === end) return end
    const timeEnd = wordEnd(text, valueEnd + 1, end)
    const seconds = toNumber(text, valueEnd + 1, timeEnd, 'exemplar timestamp')
    if (!Number.isFinite(seconds)) throw new SeriesSyntaxError(`invalid exemplar timestamp ${seconds}`)
    return timeEnd
  }
}

/** As the store keeps them: sorted, without empty ones. */
function toLabels(pairs: readonly LabelPair[]): Labels {
  const labels = pairs.filter(([name, value]) => value !== '' || name === METRIC_NAME)
  return labels.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
}

function wordEnd(text: string, at: number, end: number): number {
  const space = text.indexOf(' ', at)
  return space < 0 || space > end ? end : space
}

const powersOfTen = Float64Array.from({ length: 16 }, (_, i) => Number(`1e${i}`))

/** The number at [at, end). Short decimals, nearly all there are, need no string of their own. */
function toNumber(text: string, at: number, end: number, what: string): number {
  const isNegative = text.charCodeAt(at) === MINUS
  const from = isNegative ? at + 1 : at
  // Up to 15 digits and a power of ten up to 22 are exact doubles, so one division rounds correctly.
  if (end - from <= 16 && end > from) {
    let mantissa = 0
    let point = -1
    let i = from
    for (; i < end; i++) {
      const digit = text.charCodeAt(i) - 0x30
      if (digit >= 0 && digit <= 9) mantissa = mantissa * 10 + digit
      else if (digit === POINT - 0x30 && point < 0) point = i
      else break
    }
    const digits = end - from - (point < 0 ? 0 : 1)
    if (i === end && digits > 0 && digits <= 15) {
      const value = point < 0 ? mantissa : mantissa / powersOfTen[end - point - 1]!
      return isNegative ? -value : value
    }
  }
  if (end <= at) throw new SeriesSyntaxError(`expected ${what}, got ${show(text, at)}`)
  const token = text.slice(at, end)
  const value = parseNumber(token)
  if (value === undefined) throw new SeriesSyntaxError(`expected ${what}: ${JSON.stringify(token)} is not a number`)
  return value
}
