import { isUtf8 } from 'node:buffer'
import type { FeatureValues } from '../../../../watch/index.ts'
import type { Datatype } from './datatypes.ts'
import { invalid } from './invalid.ts'

/** The header that says how long the JSON is in front of the binary data. */
export const HEADER_LENGTH = 'inference-header-content-length'
const LENGTH_BYTES = 4

/** A body cut where its JSON ends. */
export interface InferBody {
  readonly json: Buffer
  /** Undefined where the client said nothing of binary data. */
  readonly binary: BinaryData | undefined
}

/**
 * @param length - The header's value, undefined where there is none: then all is JSON.
 * @throws MW_BODY_INVALID when it is not the length of some of the body.
 */
export function cutBody(body: Buffer, length: string | readonly string[] | undefined): InferBody {
  if (length === undefined) return { json: body, binary: undefined }
  const end = typeof length === 'string' && /^\d{1,15}$/.test(length) ? Number(length) : 0
  if (end === 0 || end > body.length) {
    const got = JSON.stringify(String(length).slice(0, 40))
    throw invalid(
      `Inference-Header-Content-Length must be the length of the JSON, from 1 to the ${body.length} bytes of the body, got ${got}`,
    )
  }
  return { json: body.subarray(0, end), binary: new BinaryData(body.subarray(end)) }
}

/** Where elements are laid so that arrays can be: in a body they begin anywhere, and an array must begin at a multiple of its width. Of one request at a time. */
const kept = new ArrayBuffer(65_536)
const WIDTH_MAX = 8

/**
 * The data behind the JSON, handed out tensor by tensor in the order of the inputs. What is handed out is good until the next request is read: whoever keeps it, copies it.
 */
export class BinaryData {
  readonly #bytes: Buffer
  #at = 0
  #laid = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  /** The elements of a tensor. @throws MW_BODY_INVALID when the bytes that are left are not `count` elements of the type in `size` bytes. */
  read(size: number, { datatype, datatypeName, count, shown }: TensorElements): FeatureValues['data'] {
    const left = this.#bytes.length - this.#at
    if (size > left) throw invalid(`${shown}: binary_data_size is ${size}, but of the body ${left} bytes are left`)
    const bytes = this.#bytes.subarray(this.#at, this.#at + size)
    this.#at += size
    if (datatype.binary === undefined) return cutElements(bytes, count, shown)
    const want = count * datatype.binary.size
    if (want !== size) throw invalid(`${shown}: ${count} values of ${datatypeName} are ${want} bytes, binary_data_size is ${size}`)
    const data = datatype.binary.decode(this.#lay(bytes), count)
    if (data === undefined) throw invalid(`${shown}: a ${datatypeName} of binary data is one byte, 1 or 0`)
    return data
  }

  /** @throws MW_BODY_INVALID when some of it belongs to no input. */
  end(): void {
    const left = this.#bytes.length - this.#at
    if (left > 0) throw invalid(`${left} bytes are left behind the data of all inputs`)
  }

  #lay(bytes: Buffer): Uint8Array<ArrayBuffer> {
    const fits = this.#laid + bytes.length <= kept.byteLength
    const laid = fits ? new Uint8Array(kept, this.#laid, bytes.length) : new Uint8Array(bytes.length)
    if (fits) this.#laid += Math.ceil(bytes.length / WIDTH_MAX) * WIDTH_MAX
    laid.set(bytes)
    return laid
  }
}

/** What the data of a tensor must be. */
export interface TensorElements {
  readonly datatype: Datatype
  readonly datatypeName: string
  /** Elements, as its shape says. */
  readonly count: number
  /** Its name, in an error. */
  readonly shown: string
}

/** Elements of BYTES: the length of each in four bytes, and then itself. */
function cutElements(bytes: Buffer, count: number, shown: string): readonly Uint8Array[] {
  const wrong = () => invalid(`${shown}: its ${bytes.length} bytes are not ${count} elements, each behind its length in four bytes`)
  if (count * LENGTH_BYTES > bytes.length) throw wrong()
  const elements = new Array<Uint8Array>(count)
  let at = 0
  for (let i = 0; i < count; i++) {
    if (at + LENGTH_BYTES > bytes.length) throw wrong()
    const start = at + LENGTH_BYTES
    at = start + bytes.readUInt32LE(at)
    if (at > bytes.length) throw wrong()
    elements[i] = bytes.subarray(start, at)
  }
  if (at !== bytes.length) throw wrong()
  return elements
}

/** @throws MW_BODY_INVALID when an element is not UTF-8. */
export function toTexts(elements: readonly Uint8Array[], shown: string): string[] {
  return elements.map((element, i) => {
    if (!isUtf8(element)) throw invalid(`${shown}, datum ${i}: text must be UTF-8`)
    return (element as Buffer).toString('utf8')
  })
}

/** Values of an output as binary data: numbers as they lie in memory. */
export const toBytes = (column: Float64Array | BigInt64Array | BigUint64Array): Buffer =>
  Buffer.from(column.buffer, column.byteOffset, column.byteLength)

/** Text or bytes as elements of BYTES. */
export function toElements(values: readonly (string | Uint8Array)[]): Buffer {
  const parts: Uint8Array[] = []
  for (const value of values) {
    const bytes = typeof value === 'string' ? Buffer.from(value) : value
    const length = Buffer.allocUnsafe(LENGTH_BYTES)
    length.writeUInt32LE(bytes.length)
    parts.push(length, bytes)
  }
  return Buffer.concat(parts)
}
