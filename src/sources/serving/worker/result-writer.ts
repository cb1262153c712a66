import { compileAnswerWriter, type ModelSchema } from '../../../watch/index.ts'
import type { ResultWriter } from './contract.ts'

/** Writes results by schema, each compiled once. */
export function createResultWriter(): ResultWriter {
  const compiled = new WeakMap<ModelSchema, ReturnType<typeof compileAnswerWriter>>()
  return ({ schema, quality }, outputs, rows, nowMs) => {
    let write = compiled.get(schema)
    if (write === undefined) {
      write = compileAnswerWriter(schema)
      compiled.set(schema, write)
    }
    const predictions = new Array<{ prediction_id: string; outputs: Record<string, unknown> }>(rows)
    for (let r = 0; r < rows; r++) predictions[r] = { prediction_id: quality.predicted(outputs, r, nowMs), outputs: write(outputs, r) }
    return JSON.stringify({ predictions })
  }
}
