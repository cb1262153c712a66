import { Readable } from 'node:stream'
import { setImmediate } from 'node:timers/promises'
import type { FastifyReply } from 'fastify'
import { fromLabels, type Labels } from '../../core/labels.ts'
import { formatNumber } from '../../core/number-text.ts'
import type { QueryResult, QueryValue } from '../../plane/promql/contract.ts'

export interface Notes {
  readonly warnings?: readonly string[]
  readonly infos?: readonly string[]
}

/** The API's envelope around plain data. */
export function success(data: unknown, notes: Notes = {}): Record<string, unknown> {
  const { warnings = [], infos = [] } = notes
  return { status: 'success', data, ...(warnings.length > 0 && { warnings }), ...(infos.length > 0 && { infos }) }
}

/** A time as the API shows it outside of samples: RFC 3339; the year 1 is Go's "never". */
export function timestamp(timeMs: number | undefined): string {
  return timeMs === undefined ? '0001-01-01T00:00:00Z' : new Date(timeMs).toISOString()
}

/** The first `max` items, and the warning that there were more. */
export function limited<T>(items: readonly T[], max: number): { items: readonly T[]; warnings: string[] } {
  return items.length <= max ? { items, warnings: [] } : { items: items.slice(0, max), warnings: ['results truncated due to limit'] }
}

/** Text is handed to the socket in pieces of about this many characters, with a turn of the event loop between them. */
const PIECE_LENGTH = 1 << 16

/**
 * Sends a query's result in the API's shape. The text is put together by hand, and streamed where it is long: a matrix of a million
 * points is neither built as objects nor written in one go.
 */
export async function sendResult(reply: FastifyReply, result: QueryResult, seriesMax: number): Promise<FastifyReply> {
  const { value, truncated } = cut(result.value, seriesMax)
  const warnings = truncated ? [...result.warnings, 'results truncated due to limit'] : result.warnings
  const pieces = resultPieces(value, { warnings, infos: result.infos })
  reply.type('application/json; charset=utf-8')
  const first = pieces.next()
  const second = first.done === true ? first : pieces.next()
  if (first.done === true || second.done === true) return reply.send(first.value ?? '')
  return reply.send(Readable.from(paced(first.value, second.value, pieces)))
}

async function* paced(first: string, second: string, rest: Iterable<string>): AsyncGenerator<string> {
  yield first
  yield second
  for (const piece of rest) {
    await setImmediate()
    yield piece
  }
}

function cut(value: QueryValue, max: number): { value: QueryValue; truncated: boolean } {
  if (value.kind === 'vector' && value.samples.length > max)
    return { value: { kind: 'vector', samples: value.samples.slice(0, max) }, truncated: true }
  if (value.kind === 'matrix' && value.series.length > max)
    return { value: { kind: 'matrix', series: value.series.slice(0, max) }, truncated: true }
  return { value, truncated: false }
}

function* resultPieces(value: QueryValue, notes: Required<Notes>): Generator<string, undefined> {
  let text = `{"status":"success","data":{"resultType":"${value.kind}","result":`
  if (value.kind === 'scalar') text += point(value.timeMs, value.value)
  else if (value.kind === 'string') text += `[${value.timeMs / 1000},${JSON.stringify(value.value)}]`
  else if (value.kind === 'vector') {
    text += '['
    for (const [i, sample] of value.samples.entries()) {
      text += `${i === 0 ? '' : ','}{"metric":${labelsJson(sample.labels)},"value":${point(sample.timeMs, sample.value)}}`
      if (text.length < PIECE_LENGTH) continue
      yield text
      text = ''
    }
    text += ']'
  } else {
    text += '['
    for (const [i, { labels, timesMs, values }] of value.series.entries()) {
      text += `${i === 0 ? '' : ','}{"metric":${labelsJson(labels)},"values":[`
      for (let p = 0; p < timesMs.length; p++) {
        text += (p === 0 ? '' : ',') + point(timesMs[p]!, values[p]!)
        if (text.length < PIECE_LENGTH) continue
        yield text
        text = ''
      }
      text += ']}'
    }
    text += ']'
  }
  text += '}'
  if (notes.warnings.length > 0) text += `,"warnings":${JSON.stringify(notes.warnings)}`
  if (notes.infos.length > 0) text += `,"infos":${JSON.stringify(notes.infos)}`
  yield `${text}}`
}

/** Seconds on the wire, and values as texts, because JSON has neither NaN nor infinity. */
function point(timeMs: number, value: number): string {
  return `[${timeMs / 1000},"${formatNumber(value)}"]`
}

function labelsJson(labels: Labels): string {
  return JSON.stringify(fromLabels(labels))
}
