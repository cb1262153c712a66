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
  return `queue;dur=${round(queueMs)}, batch;dur=${round(batchMs)}, compute;dur=${round(computeMs)}, encode;dur=${round(encodeMs)}`
}

/** To microseconds, without the cost of `toFixed`. */
const round = (timeMs: number) => Math.round(timeMs * 1000) / 1000
