import { type Column, compileAnswerWriter, type ModelSchema } from '../../../watch/index.ts'
import type { ServedRevision } from './contract.ts'

/**
 * Writes predictions: the fields of one row as JSON text, `"prediction_id":"…","outputs":{…}`, for whoever puts them into an object. The prediction is
 * remembered under its id, so that a label can find it: write each once.
 */
export type PredictionWriter = (served: Pick<ServedRevision, 'quality'>, outputs: readonly Column[], row: number, nowMs: number) => string

export function compilePredictionWriter(schema: ModelSchema): PredictionWriter {
  const write = compileAnswerWriter(schema)
  return ({ quality }, outputs, row, nowMs) =>
    `"prediction_id":"${quality.predicted(outputs, row, nowMs)}","outputs":${write(outputs, row)}`
}

/** All rows, in their order: `[{…},{…}]`. */
export function writePredictions(
  write: PredictionWriter,
  served: Pick<ServedRevision, 'quality'>,
  outputs: readonly Column[],
  rows: number,
  nowMs: number,
): string {
  let text = '['
  for (let row = 0; row < rows; row++) text += `${row === 0 ? '{' : ',{'}${write(served, outputs, row, nowMs)}}`
  return `${text}]`
}
