import type { ModelSchema } from '../../../watch/index.ts'
import { compilePredictionWriter, type PredictionWriter } from '../models/index.ts'
import type { ResultWriter } from './contract.ts'

/** Writes results by schema, each compiled once. */
export function createResultWriter(): ResultWriter {
  const compiled = new WeakMap<ModelSchema, PredictionWriter>()
  return (served, outputs, rows, nowMs) => {
    let write = compiled.get(served.schema)
    if (write === undefined) {
      write = compilePredictionWriter(served.schema)
      compiled.set(served.schema, write)
    }
    return `{"predictions":${write.rows(served, outputs, rows, nowMs)}}`
  }
}
