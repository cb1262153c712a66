import { type Column, compileAnswerWriter, type ModelSchema, PREDICTION_ID_LENGTH } from '../../../watch/index.ts'
import type { ServedRevision } from './contract.ts'

/**
 * Writes predictions: each as the fields `"prediction_id":"…","outputs":{…}` of JSON text. A prediction is remembered under its id, so that a label can find it:
 * write each once.
 */
export interface PredictionWriter {
  /** The fields of one row, for whoever puts them into an object. */
  row(served: Pick<ServedRevision, 'quality'>, outputs: readonly Column[], row: number, nowMs: number): string
  /** All rows, in their order: `[{…},{…}]`. */
  rows(served: Pick<ServedRevision, 'quality'>, outputs: readonly Column[], rows: number, nowMs: number): string
}

export function compilePredictionWriter(schema: ModelSchema): PredictionWriter {
  const write = compileAnswerWriter(schema)
  return {
    row: ({ quality }, outputs, row, nowMs) =>
      `"prediction_id":"${quality.predicted(outputs, row, nowMs)}","outputs":${write(outputs, row)}`,
    rows({ quality }, outputs, rows, nowMs) {
      const ids = quality.predictedRows(outputs, rows, nowMs)
      let text = '['
      for (let row = 0, at = 0; row < rows; row++, at += PREDICTION_ID_LENGTH + 1) {
        text += `${row === 0 ? '' : ','}{"prediction_id":"${ids.slice(at, at + PREDICTION_ID_LENGTH)}","outputs":${write(outputs, row)}}`
      }
      return `${text}]`
    },
  }
}
