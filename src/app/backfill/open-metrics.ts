import { type Labels, METRIC_NAME } from '../../core/labels.ts'
import { parseNumber } from '../../core/number-text.ts'
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
} from '../../plane/exposition/index.ts'
import type { MetricMetadata } from '../../plane/store/contract.ts'
import type { BackfillReader, BackfillSeries, SampleTarget } from './contract.ts'
import { backfillErrors } from './errors.ts'
import type { BackfillInput } from './input.ts'

/** Longest line; a file without line ends would otherwise be gathered whole. */
const LINE_CHARS_MAX = 10_000_000
/** Series remembered by their text; past it, all are forgotten and learned anew. */
const KNOWN_SERIES_MAX = 100_000
const SPACE = 0x20
const HASH = 0x23
const MINUS = 0x2d
const POINT = 0x2e
const BRACE_OPEN = 0x7b

/**
 * Reads OpenMetrics 1.0 text of any size: strictly, a chunk at a time, every sample with its time, `# EOF` at the end.
 * Times are rounded to the nearest millisecond, so that a time written with three decimals is read as it was. Exemplars are checked and left out.
 * @throws MW_BACKFILL_SYNTAX naming file and line, MW_BACKFILL_NO_EOF, and what reading throws. What stands before the fault was read.
 */
export async function* readOpenMetrics(input: BackfillInput, target: SampleTarget): BackfillReader {
  const parser = new OpenMetricsParser(target)
  try {
    for await (const chunk of input.text()) {
      parser.push(chunk)
      yield { skippedRows: 0 }
    }
    parser.finish()
  } catch (error) {
    if (!(error instanceof SeriesSyntaxError)) throw error
    throw backfillErrors.MW_BACKFILL_SYNTAX(`${input.name}:${parser.line}: ${error.message}`)
  }
  if (!parser.isAtEnd)
    throw backfillErrors.MW_BACKFILL_NO_EOF(`${input.name} does not end with # EOF; its last line is line ${parser.line}`)
}

/** A series as the file writes it. */
interface KnownSeries {
  readonly raw: string
  readonly series: BackfillSeries
  /** The one whose line followed last time. */
  next: KnownSeries | undefined
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

class OpenMetricsParser {
  readonly #target: SampleTarget
  readonly #known = new Map<string, KnownSeries>()
  #last: KnownSeries | undefined
  /** What the lines about one metric have said so far. */
  #metric = ''
  #metadata: MetricMetadata = { type: 'unknown', help: '', unit: '' }
  #text = ''
  #at = 0
  /** The line that is read, from 1 on; behind the last one, that one. */
  line = 0
  /** Whether `# EOF` was read. */
  isAtEnd = false

  constructor(target: SampleTarget) {
    this.#target = target
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
    this.#target.add(known.series, timeMs, value)
    this.#last = known
  }

  /** Most lines bear the series of the line before, or the one that followed it the last time: then nothing is cut out or looked up. */
  #seriesAt(start: number, end: number): KnownSeries {
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

  #isAt({ raw }: KnownSeries, start: number): boolean {
    return this.#text.startsWith(raw, start) && this.#text.charCodeAt(start + raw.length) === SPACE
  }

  #learn(raw: string): KnownSeries {
    const labels = toLabels(normalizeBound(parseSeries(raw, 'openmetrics'), this.#metadata.type))
    const known: KnownSeries = { raw, series: this.#target.series(labels), next: undefined }
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
    this.#target.metadata(metric, this.#metadata)
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
