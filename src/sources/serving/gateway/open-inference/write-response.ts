import type { Column, ModelSchema, Output } from '../../../../watch/index.ts'
import { datatypeOf } from './datatypes.ts'
import { toWholeInteger } from './json-text.ts'

/** What an answer is made of. */
export interface InferAnswer {
  readonly revision: string
  readonly id: string | undefined
  readonly rows: number
  /** By output, in the schema's order. */
  readonly columns: readonly Column[]
  /** Outputs asked for, by their place in the schema. */
  readonly outputs: readonly number[]
  /** One a row. */
  readonly predictionIds: readonly string[]
}

/** Compiles the writer of inference answers: JSON text, data flat, 64-bit integers with all their digits, null where the model gave no number. */
export function compileResponseWriter(schema: ModelSchema): (answer: InferAnswer) => string {
  const heads = schema.outputs.map((output) => ({ name: output.name, datatype: datatypeOf(output), inner: output.shape ?? [] }))
  const writers = schema.outputs.map(compileData)
  return ({ revision, id, rows, columns, outputs, predictionIds }) =>
    JSON.stringify({
      model_name: schema.name,
      model_version: revision,
      id,
      parameters: { prediction_ids: predictionIds.join(',') },
      outputs: outputs.map((o) => {
        const { name, datatype, inner } = heads[o]!
        return { name, shape: [rows, ...inner], datatype, data: writers[o]!(columns[o]!) }
      }),
    })
}

type DataWriter = (column: Column) => readonly unknown[]

function compileData({ kind, type }: Output): DataWriter {
  if (kind === 'classification' || type === 'text') return (column) => column as readonly string[]
  if (type === 'image') return (column) => (column as readonly Uint8Array[]).map(toBase64)
  if (type === 'int64' || type === 'uint64') return (column) => Array.from(column as BigInt64Array, toWholeInteger)
  return (column) => Array.from(column as Float64Array, (value) => (Number.isFinite(value) ? value : null))
}

const toBase64 = (bytes: Uint8Array) =>
  bytes.length === 0 ? null : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64')
