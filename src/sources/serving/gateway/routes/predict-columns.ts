import type { FastifyReply, FastifyRequest } from 'fastify'
import { type Clock, MS_PER_SECOND } from '../../../../core/time.ts'
import type { Column, ModelSchema, ReadRows } from '../../../../watch/index.ts'
import type { Predicted, ServedModel, ServedRevision } from '../../models/contract.ts'
import { servedBy } from '../model-requests.ts'
import { toInputError } from './rows.ts'

/** Rows on their way through a model, and how their answer is written. */
export interface ColumnsRequest {
  readonly read: ReadRows
  /** Whether the client sent one row by itself, for the words of a refusal. */
  readonly single: boolean
  /** The body of the answer; sets its headers. Each row is remembered for its label meanwhile: called once. @param outputs - By output, in the schema's order. */
  write(served: ServedRevision, outputs: readonly Column[], nowMs: number): string | Buffer
}

/**
 * What every form of a prediction has in common: counts the values, refuses what is at fault, asks the model, counts its answers, writes and times the answer, and
 * copies the rows to the shadow.
 * @throws MW_INPUT_INVALID with `detail`, and what `ServedRevision.predict` throws.
 */
export async function predictColumns(
  request: FastifyRequest,
  reply: FastifyReply,
  { model, clock }: { readonly model: ServedModel; readonly clock: Clock },
  { read, single, write }: ColumnsRequest,
): Promise<FastifyReply> {
  const served = servedBy(request)
  served.observer.inputs(read)
  if (read.faultCount > 0) throw toInputError(read.faults, read.faultCount, single)
  const predicted = read.columns.rows === 0 ? noRows(served.schema) : await served.predict(read.columns, { deadlineMs: request.deadlineMs })
  const { outputs } = predicted
  served.observer.outputs(outputs)
  const startMs = performance.now()
  const body = write(served, outputs, clock.now())
  const encodeMs = performance.now() - startMs
  served.encodeDuration.observe(encodeMs / MS_PER_SECOND)
  reply.header('server-timing', toServerTiming(predicted, encodeMs)).send(body)
  model.mirror(read, outputs, served)
  return reply
}

/** A batch of nothing is answered with nothing, without asking the model. */
function noRows({ outputs }: ModelSchema): Predicted {
  return { outputs: outputs.map(() => []), queueMs: 0, batchMs: 0, computeMs: 0 }
}

/** Where the time went, in milliseconds, as browsers and `curl -i` show it (W3C Server Timing). */
function toServerTiming({ queueMs, batchMs, computeMs }: Predicted, encodeMs: number): string {
  return `queue;dur=${toText(queueMs)}, batch;dur=${toText(batchMs)}, compute;dur=${toText(computeMs)}, encode;dur=${toText(encodeMs)}`
}

const MICROS_PER_MS = 1000
const thousandths = Array.from({ length: MICROS_PER_MS }, (_, i) => `.${String(i).padStart(3, '0')}`)

/** To microseconds. Of two whole numbers, for the text of a fraction takes longer than all else here. */
function toText(timeMs: number): string {
  const micros = Math.max(0, Math.round(timeMs * MICROS_PER_MS))
  return Math.floor(micros / MICROS_PER_MS) + thousandths[micros % MICROS_PER_MS]!
}
