import type { Column } from './columns.ts'
import type { ModelSchema, Output } from './schema.ts'

/**
 * Compiles the writer of a model's answers. What it gives for a row is ready for `JSON.stringify`: numbers, and null where the model gave none
 * (JSON has no NaN); the class; a shape as nested lists; 64-bit integers as numbers where JSON carries them exactly, and as strings of digits beyond
 * ±(2^53 − 1); text; a picture's file in base64, null for one of no bytes.
 */
export function compileAnswerWriter(schema: ModelSchema): (outputs: readonly Column[], row: number) => Record<string, unknown> {
  const names = schema.outputs.map(({ name }) => name)
  const writers = schema.outputs.map(compileWriter)
  return (outputs, row) => {
    const answer: Record<string, unknown> = {}
    for (let o = 0; o < names.length; o++) answer[names[o]!] = writers[o]!(outputs[o]!, row)
    return answer
  }
}

type Writer = (column: Column, row: number) => unknown

function compileWriter({ kind, type, shape }: Output): Writer {
  if (kind === 'classification' || type === 'text') return (column, row) => column[row]
  if (type === 'image') return (column, row) => toBase64((column as readonly Uint8Array[])[row]!)
  if (type === 'int64' || type === 'uint64') return (column, row) => toSafe((column as BigInt64Array | BigUint64Array)[row]!)
  if (shape === undefined) return (column, row) => toFinite((column as Float64Array)[row]!)
  return (column, row) => toNested(column as Float64Array, row, shape)
}

const toFinite = (value: number) => (Number.isFinite(value) ? value : null)

const toSafe = (value: bigint) =>
  value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : String(value)

/** The text of bytes in base64; null where there are none. */
function toBase64(bytes: Uint8Array): string | null {
  return bytes.length === 0 ? null : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64')
}

function toNested(column: Float64Array, row: number, shape: readonly number[]): unknown[] {
  let at = row * shape.reduce((product, length) => product * length, 1)
  const nest = (dimension: number): unknown[] =>
    Array.from({ length: shape[dimension]! }, () => (dimension + 1 === shape.length ? toFinite(column[at++]!) : nest(dimension + 1)))
  return nest(0)
}
