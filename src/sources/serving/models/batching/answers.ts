import { type Column, joinColumns } from '../../../../watch/index.ts'
import { modelErrors } from '../errors.ts'
import { cutColumn } from './columns.ts'
import type { Segment, WaitingRequest } from './request-queue.ts'

/**
 * Rows may be answered with the wrong neighbour's values otherwise.
 * @throws MW_MODEL_FAILED unless every output has the same number of values for each row.
 */
export function checkAnswer(outputs: readonly Column[], rows: number): readonly Column[] {
  for (const [o, { length }] of outputs.entries()) {
    if (rows === 0 ? length !== 0 : length % rows !== 0 || length === 0) {
      throw modelErrors.MW_MODEL_FAILED(`output ${o} of the model has ${length} values for ${rows} rows`)
    }
  }
  return outputs
}

/**
 * Hands each request its rows of an answer; a request that was cut gets its answer when the last piece is there.
 * @param outputs - Those of the call. @param rows - All rows of the call.
 * @returns how many requests were answered.
 */
export function deliver(
  segments: readonly Segment[],
  outputs: readonly Column[],
  rows: number,
  answer: (request: WaitingRequest, outputs: readonly Column[]) => void,
): number {
  let at = 0
  let answered = 0
  for (const { request, from, to } of segments) {
    const start = at
    at += to - from
    if (request.isSettled) continue
    const own = segments.length === 1 ? outputs : outputs.map((column) => cutColumn(column, rows, start, at))
    if (to - from === request.columns.rows) {
      answer(request, own)
      answered++
      continue
    }
    request.pieces ??= []
    request.pieces.push({ from, to, outputs: own })
    request.rowsDone += to - from
    if (request.rowsDone < request.columns.rows) continue
    const pieces = request.pieces.sort((a, b) => a.from - b.from)
    answer(
      request,
      pieces[0]!.outputs.map((_, o) => joinColumns(pieces.map((piece) => piece.outputs[o]!))),
    )
    answered++
  }
  return answered
}
