import { Readable } from 'node:stream'
import type { FastifyReply } from 'fastify'
import { fromLabels, type Labels } from '../../core/labels.ts'
import { createPace, WORK_PER_LOOK } from '../../core/turns.ts'
import type { QueryResult, QueryValue } from '../../plane/promql/contract.ts'
import { JsonWriter } from './json-writer.ts'

/** What a piece costs to write, in units of a pace: so much that the clock is looked at after each. */
const PIECE_WORK = WORK_PER_LOOK
const TRUNCATED = 'results truncated due to limit'

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
  return items.length <= max ? { items, warnings: [] } : { items: items.slice(0, max), warnings: [TRUNCATED] }
}

/**
 * Sends a query's result in the API's shape. It is written by hand, and streamed where it is long: a matrix of a million points is neither built
 * as objects nor written in one go.
 */
export function sendResult(
  reply: FastifyReply,
  result: QueryResult,
  options: { readonly seriesMax: number; readonly stats: boolean },
): Promise<FastifyReply> {
  const { value, truncated } = cut(result.value, options.seriesMax)
  const writer = new JsonWriter()
  return sendPieces(reply, writer, function* () {
    writer.raw(`{"status":"success","data":{"resultType":"${value.kind}","result":`)
    yield* valuePieces(writer, value)
    if (options.stats && result.stats !== undefined) writer.raw(`,"stats":${JSON.stringify(result.stats)}`)
    writer.raw('}')
    writeNotes(writer, { warnings: truncated ? [...result.warnings, TRUNCATED] : result.warnings, infos: result.infos })
    writer.raw('}')
  })
}

/** Sends a list, in the order given. @param toJson - What stands for one item. */
export function sendList<T>(reply: FastifyReply, items: readonly T[], toJson: (item: T) => string, notes: Notes): Promise<FastifyReply> {
  const writer = new JsonWriter()
  return sendPieces(reply, writer, function* () {
    writer.raw('{"status":"success","data":[')
    for (const [i, item] of items.entries()) {
      writer.raw(i === 0 ? toJson(item) : `,${toJson(item)}`)
      if (writer.isFull) yield
    }
    writer.raw(']')
    writeNotes(writer, notes)
    writer.raw('}')
  })
}

/** Sends what the generator writes; it yields whenever a piece is full. */
async function sendPieces(reply: FastifyReply, writer: JsonWriter, write: () => Generator<undefined>): Promise<FastifyReply> {
  reply.type('application/json')
  const writing = write()
  if (writing.next().done === true) return reply.send(writer.take())
  return reply.send(Readable.from(pieces(writer, writing)))
}

async function* pieces(writer: JsonWriter, writing: Generator<undefined>): AsyncGenerator<Buffer> {
  const pace = createPace()
  for (let done = false; !done; ) {
    yield writer.take()
    if (pace.due(PIECE_WORK)) await pace.breathe()
    done = writing.next().done === true
  }
  yield writer.take()
}

function cut(value: QueryValue, max: number): { value: QueryValue; truncated: boolean } {
  if (value.kind === 'vector' && value.samples.length > max)
    return { value: { kind: 'vector', samples: value.samples.slice(0, max) }, truncated: true }
  if (value.kind === 'matrix' && value.series.length > max)
    return { value: { kind: 'matrix', series: value.series.slice(0, max) }, truncated: true }
  return { value, truncated: false }
}

function* valuePieces(writer: JsonWriter, value: QueryValue): Generator<undefined> {
  if (value.kind === 'scalar') return writer.scalar(value.timeMs, value.value)
  if (value.kind === 'string') return writer.raw(`[${value.timeMs / 1000},${JSON.stringify(value.value)}]`)
  writer.raw('[')
  if (value.kind === 'vector') {
    writer.expectPoints(1) // All have the same time.
    for (const [i, sample] of value.samples.entries()) {
      writer.raw(`${i === 0 ? '' : ','}{"metric":${labelsJson(sample.labels)},"value":`)
      writer.point(sample.timeMs, sample.value, 0)
      writer.raw('}')
      if (writer.isFull) yield
    }
  } else {
    for (const [i, { labels, timesMs, values }] of value.series.entries()) {
      writer.raw(`${i === 0 ? '' : ','}{"metric":${labelsJson(labels)},"values":[`)
      writer.expectPoints(timesMs.length)
      for (let p = 0; p < timesMs.length; p++) {
        if (p > 0) writer.comma()
        writer.point(timesMs[p]!, values[p]!, p)
        if (writer.isFull) yield
      }
      writer.raw(']}')
    }
  }
  writer.raw(']')
}

function writeNotes(writer: JsonWriter, { warnings = [], infos = [] }: Notes): void {
  if (warnings.length > 0) writer.raw(`,"warnings":${JSON.stringify(warnings)}`)
  if (infos.length > 0) writer.raw(`,"infos":${JSON.stringify(infos)}`)
}

export function labelsJson(labels: Labels): string {
  return JSON.stringify(fromLabels(labels))
}
