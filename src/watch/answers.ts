import type { Column } from './columns.ts'
import type { ModelSchema, Output } from './schema.ts'

/**
 * Compiles the writer of a model's answers: of one row, as the text of a JSON object. Numbers, and null where the model gave none (JSON has no NaN); the
 * class; a shape as nested lists; 64-bit integers as numbers where JSON carries them exactly, and as strings of digits beyond ±(2^53 − 1); text; a picture's
 * file in base64, null for one of no bytes. It is text at once, for objects made only to be written are half of what an answer of many rows costs.
 */
export function compileAnswerWriter(schema: ModelSchema): (outputs: readonly Column[], row: number) => string {
  const heads = schema.outputs.map(({ name }, o) => `${o === 0 ? '{' : ','}${JSON.stringify(name)}:`)
  const writers = schema.outputs.map(compileWriter)
  return (outputs, row) => {
    let text = ''
    for (let o = 0; o < heads.length; o++) text += heads[o]! + writers[o]!(outputs[o]!, row)
    return `${text}}`
  }
}

type Writer = (column: Column, row: number) => string

function compileWriter({ kind, type, shape }: Output): Writer {
  if (kind === 'classification' || type === 'text') return (column, row) => JSON.stringify(column[row])
  if (type === 'image') return (column, row) => toBase64((column as readonly Uint8Array[])[row]!)
  if (type === 'int64' || type === 'uint64') return (column, row) => toSafe((column as BigInt64Array | BigUint64Array)[row]!)
  if (shape === undefined) return (column, row) => toFinite((column as Float64Array)[row]!)
  return (column, row) => toNested(column as Float64Array, row, shape)
}

/** A minus zero becomes 0, as JSON.stringify has it. */
const toFinite = (value: number) => (Number.isFinite(value) ? String(value) : 'null')

const toSafe = (value: bigint) =>
  value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER) ? String(value) : `"${value}"`

/** The text of bytes in base64, which needs no escapes; null where there are none. */
function toBase64(bytes: Uint8Array): string {
  return bytes.length === 0 ? 'null' : `"${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64')}"`
}

function toNested(column: Float64Array, row: number, shape: readonly number[]): string {
  let at = row * shape.reduce((product, length) => product * length, 1)
  const nest = (dimension: number): string => {
    const isLast = dimension + 1 === shape.length
    return `[${Array.from({ length: shape[dimension]! }, () => (isLast ? toFinite(column[at++]!) : nest(dimension + 1))).join(',')}]`
  }
  return nest(0)
}
