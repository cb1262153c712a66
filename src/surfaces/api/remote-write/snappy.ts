import { setImmediate } from 'node:timers/promises'
import { remoteWriteErrors } from './errors.ts'

/** No element makes more of its bytes than a copy of 64 bytes told in 3. */
const EXPANSION_MAX = 22
/** Below this a loop beats the call of a method that copies. */
const SHORT = 24
/** A buffer that grew past this for one large request is not kept for the next. */
const KEPT_BYTES_MAX = 16 << 20
/** What is unpacked before others on the event loop get their turn: one or two milliseconds. */
const SLICE_BYTES = 1 << 20

/**
 * Unpacks snappy blocks (the raw format, not the framed one). The buffer is used again and again: what `decode` gives stays as it is until the next
 * call, unless it is taken by `take`.
 * @see https://github.com/google/snappy/blob/main/format_description.txt
 */
export class SnappyDecoder {
  #buffer: Uint8Array<ArrayBuffer> = new Uint8Array(0)

  /**
   * @param bytesMax - Longest content that is unpacked; nothing is allocated for more.
   * @returns a view of the content; a promise of it where it is so long that others get their turn in between: that one is the caller's own.
   * @throws MW_REMOTE_WRITE_BODY when the block is damaged, MW_REMOTE_WRITE_TOO_LARGE when it says it is larger.
   */
  decode(input: Uint8Array, bytesMax: number): Uint8Array<ArrayBuffer> | Promise<Uint8Array<ArrayBuffer>> {
    const { length, at } = readLength(input)
    if (length > bytesMax)
      throw remoteWriteErrors.MW_REMOTE_WRITE_TOO_LARGE(`the request unpacks to ${length} bytes, more than ${bytesMax}`)
    if (length > input.length * EXPANSION_MAX) throw corrupt(`${input.length} bytes cannot hold the ${length} they announce`)
    if (this.#buffer.length < length) this.#buffer = new Uint8Array(Math.max(length, Math.min(this.#buffer.length * 2, KEPT_BYTES_MAX)))
    const output = this.#buffer
    const unpacking = new Unpacking(input, at, output, length)
    if (unpacking.run()) {
      if (length > KEPT_BYTES_MAX) this.take()
      return output.subarray(0, length)
    }
    this.take()
    return inTurns(unpacking, output.subarray(0, length))
  }

  /** Makes the last result the caller's own. */
  take(): void {
    this.#buffer = new Uint8Array(0)
  }
}

async function inTurns(unpacking: Unpacking, content: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  do await setImmediate()
  while (!unpacking.run())
  return content
}

/** The length of the content, which stands at the head of a block as a varint of 32 bits. */
function readLength(input: Uint8Array): { length: number; at: number } {
  let length = 0
  for (let at = 0; at < 5 && at < input.length; at++) {
    const byte = input[at]!
    length += (byte & 127) * 2 ** (7 * at)
    if (byte < 128) {
      if (length >= 2 ** 32) break
      return { length, at: at + 1 }
    }
  }
  throw corrupt('it has no length')
}

/** A block that is being unpacked. */
class Unpacking {
  readonly #input: Uint8Array
  readonly #output: Uint8Array
  readonly #length: number
  #at: number
  #to = 0
  /** Bytes of a literal that are still to come. */
  #literal = 0

  constructor(input: Uint8Array, at: number, output: Uint8Array, length: number) {
    this.#input = input
    this.#at = at
    this.#output = output
    this.#length = length
  }

  /** Unpacks as much as a slice may take. @returns whether that was the last of it. */
  run(): boolean {
    const sliceEnd = this.#to + SLICE_BYTES
    const input = this.#input
    while (this.#to < sliceEnd) {
      if (this.#literal > 0) this.#copyLiteral()
      else if (this.#at < input.length) this.#readElement(input[this.#at++]!)
      else {
        if (this.#to !== this.#length) throw corrupt(`it holds ${this.#to} bytes in place of ${this.#length}`)
        return true
      }
    }
    return false
  }

  #copyLiteral(): void {
    const size = Math.min(this.#literal, SLICE_BYTES)
    this.#output.set(this.#input.subarray(this.#at, this.#at + size), this.#to)
    this.#at += size
    this.#to += size
    this.#literal -= size
  }

  #readElement(tag: number): void {
    const input = this.#input
    const output = this.#output
    const to = this.#to
    let at = this.#at
    const kind = tag & 3
    if (kind === 0) {
      let size = (tag >>> 2) + 1
      if (size > 60) {
        const extra = size - 60
        if (at + extra > input.length) throw corrupt(`a literal at byte ${at} is cut off`)
        size = 1
        for (let i = 0; i < extra; i++) size += input[at++]! * 2 ** (8 * i)
      }
      if (at + size > input.length || to + size > this.#length) throw corrupt(`a literal of ${size} bytes at byte ${at} does not fit`)
      this.#at = at
      if (size > SHORT) {
        this.#literal = size
        return
      }
      for (let i = 0; i < size; i++) output[to + i] = input[at + i]!
      this.#at = at + size
      this.#to = to + size
      return
    }
    const offsetBytes = kind === 1 ? 1 : kind === 2 ? 2 : 4
    if (at + offsetBytes > input.length) throw corrupt(`a copy at byte ${at} is cut off`)
    const size = kind === 1 ? ((tag >>> 2) & 7) + 4 : (tag >>> 2) + 1
    let offset: number
    if (kind === 1) offset = ((tag >>> 5) << 8) | input[at]!
    else if (kind === 2) offset = input[at]! | (input[at + 1]! << 8)
    else offset = input[at]! + input[at + 1]! * 2 ** 8 + input[at + 2]! * 2 ** 16 + input[at + 3]! * 2 ** 24
    at += offsetBytes
    if (offset === 0 || offset > to || to + size > this.#length)
      throw corrupt(`a copy of ${size} bytes from ${offset} before byte ${to} does not fit`)
    if (size > SHORT && offset >= size) output.copyWithin(to, to - offset, to - offset + size)
    // One by one: a copy may read what it has just written.
    else for (let i = 0, from = to - offset; i < size; i++) output[to + i] = output[from + i]!
    this.#at = at
    this.#to = to + size
  }
}

function corrupt(reason: string) {
  return remoteWriteErrors.MW_REMOTE_WRITE_BODY(`the body is no snappy block: ${reason}`)
}
