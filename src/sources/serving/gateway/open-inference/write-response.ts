import type { Column, ModelSchema, Output } from '../../../../watch/index.ts'
import { toBytes, toElements } from './binary-data.ts'
import { datatypeOf } from './datatypes.ts'
import type { AskedOutput } from './read-request.ts'

/** What an answer is made of. */
export interface InferAnswer {
  readonly revision: string
  readonly id: string | undefined
  readonly rows: number
  /** By output, in the schema's order. */
  readonly columns: readonly Column[]
  readonly outputs: readonly AskedOutput[]
  /** Of all rows, separated by commas. */
  readonly predictionIds: string
}

/** An answer as it is sent. */
export interface InferResponse {
  readonly body: string | Buffer
  /** Bytes of JSON in front of the binary data; undefined where there is none. */
  readonly headerLength: number | undefined
}

/**
 * Compiles the writer of inference answers: JSON, data flat, 64-bit integers with all their digits, null where the model gave no number; and behind it, in their order,
 * the outputs that are answered as binary data. The text is written at once, for objects made only to be written are half of what an answer costs.
 */
export function compileResponseWriter(schema: ModelSchema): (answer: InferAnswer) => InferResponse {
  const modelName = JSON.stringify(schema.name)
  const heads = schema.outputs.map((output) => {
    const inner = (output.shape ?? []).map((length) => `,${length}`).join('')
    return { before: `{"name":${JSON.stringify(output.name)},"shape":[`, after: `${inner}],"datatype":"${datatypeOf(output)}",` }
  })
  const toText = schema.outputs.map(compileText)
  const toBinary = schema.outputs.map(compileBinary)

  return ({ revision, id, rows, columns, outputs, predictionIds }) => {
    const parts: Buffer[] = []
    let text = `{"model_name":${modelName},"model_version":${JSON.stringify(revision)},`
    if (id !== undefined) text += `"id":${JSON.stringify(id)},`
    text += `"parameters":{"prediction_ids":"${predictionIds}"},"outputs":[`
    for (const [i, { index, binary }] of outputs.entries()) {
      const { before, after } = heads[index]!
      text += `${i === 0 ? '' : ','}${before}${rows}${after}`
      if (binary) {
        const bytes = toBinary[index]!(columns[index]!)
        parts.push(bytes)
        text += `"parameters":{"binary_data_size":${bytes.length}}}`
      } else text += `"data":[${toText[index]!(columns[index]!)}]}`
    }
    text += ']}'
    if (parts.length === 0) return { body: text, headerLength: undefined }
    const headerLength = Buffer.byteLength(text)
    const body = Buffer.allocUnsafe(parts.reduce((length, part) => length + part.length, headerLength))
    let at = body.write(text)
    for (const part of parts) at += part.copy(body, at)
    return { body, headerLength }
  }
}

function compileText({ kind, type }: Output): (column: Column) => string {
  if (kind === 'classification' || type === 'text')
    return (column) => (column as readonly string[]).map((text) => JSON.stringify(text)).join(',')
  if (type === 'image') return (column) => (column as readonly Uint8Array[]).map(toBase64).join(',')
  if (type === 'int64' || type === 'uint64') return (column) => (column as BigInt64Array).join(',')
  return (column) => toNumbers(column as Float64Array)
}

function toNumbers(column: Float64Array): string {
  let text = ''
  for (let i = 0; i < column.length; i++) {
    const value = column[i]!
    text += `${i === 0 ? '' : ','}${Number.isFinite(value) ? value : 'null'}`
  }
  return text
}

const toBase64 = (bytes: Uint8Array) =>
  bytes.length === 0 ? 'null' : `"${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64')}"`

/** Numbers in 64 bits, NaN where the model gave none; text in UTF-8; a picture is its file. */
function compileBinary({ kind, type }: Output): (column: Column) => Buffer {
  const isBytes = kind === 'classification' || type === 'text' || type === 'image'
  return (column) => (isBytes ? toElements(column as readonly (string | Uint8Array)[]) : toBytes(column as Float64Array))
}
