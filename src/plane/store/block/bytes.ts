import { blockErrors } from './errors.ts'

/** A growing row of bytes with what the index is made of: unsigned variable-length integers up to 2⁵³. */
export class ByteWriter {
  bytes: Uint8Array<ArrayBuffer>
  length = 0

  constructor(capacity = 1024) {
    this.bytes = new Uint8Array(capacity)
  }

  reserve(extra: number): void {
    if (this.length + extra <= this.bytes.length) return
    const larger = new Uint8Array(Math.max(this.length + extra, this.bytes.length * 2))
    larger.set(this.bytes.subarray(0, this.length))
    this.bytes = larger
  }

  /** @param value - An integer in [0, 2⁵³). Seven bits to a byte, low ones first; the high bit says that more follow. */
  varint(value: number): void {
    this.reserve(8)
    while (value > 0x7fff_ffff) {
      this.bytes[this.length++] = (value % 128) | 128
      value = Math.floor(value / 128)
    }
    while (value > 127) {
      this.bytes[this.length++] = (value & 127) | 128
      value >>>= 7
    }
    this.bytes[this.length++] = value
  }

  raw(bytes: Uint8Array): void {
    this.reserve(bytes.length)
    this.bytes.set(bytes, this.length)
    this.length += bytes.length
  }

  float64(value: number): void {
    this.reserve(8)
    new DataView(this.bytes.buffer).setFloat64(this.length, value, true)
    this.length += 8
  }

  view(): Uint8Array<ArrayBuffer> {
    return this.bytes.subarray(0, this.length)
  }
}

/** What stands in which file, for the sentence about damage. */
export interface Place {
  readonly file: string
  /** What the bytes are: `series`, `symbols`, … */
  readonly part: string
}

/** Reads what a ByteWriter wrote. Whatever does not add up is MW_STORE_BLOCK_DAMAGED with file, part and offset, never a wrong number. */
export class ByteReader {
  readonly bytes: Uint8Array
  position: number
  readonly end: number
  readonly #place: Place

  constructor(bytes: Uint8Array, place: Place, position = 0, end = bytes.length) {
    this.bytes = bytes
    this.position = position
    this.end = end
    this.#place = place
  }

  get remaining(): number {
    return this.end - this.position
  }

  varint(): number {
    const { bytes, end } = this
    let position = this.position
    if (position < end && bytes[position]! < 128) {
      this.position = position + 1
      return bytes[position]!
    }
    let value = 0
    let scale = 1
    for (;;) {
      if (position >= end) throw this.damaged('a number is cut off')
      const byte = bytes[position++]!
      value += (byte & 127) * scale
      if (byte < 128) break
      scale *= 128
      if (scale > Number.MAX_SAFE_INTEGER) throw this.damaged('a number does not end')
    }
    if (value > Number.MAX_SAFE_INTEGER) throw this.damaged('a number is too large')
    this.position = position
    return value
  }

  /** A varint that counts things of at least `bytesEach` bytes, all of which must still follow: no count makes anybody allocate without bound. */
  count(bytesEach = 1): number {
    const value = this.varint()
    if (value * bytesEach > this.remaining) throw this.damaged(`${value} entries are announced where ${this.remaining} bytes follow`)
    return value
  }

  /** A varint below a limit. */
  below(limit: number, what: string): number {
    const value = this.varint()
    if (value >= limit) throw this.damaged(`${what} ${value} where there are ${limit}`)
    return value
  }

  float64(): number {
    if (this.remaining < 8) throw this.damaged('a number is cut off')
    const value = new DataView(this.bytes.buffer, this.bytes.byteOffset + this.position).getFloat64(0, true)
    this.position += 8
    return value
  }

  skip(length: number): void {
    if (length > this.remaining) throw this.damaged(`${length} bytes are announced where ${this.remaining} follow`)
    this.position += length
  }

  finish(): void {
    if (this.remaining !== 0) throw this.damaged(`${this.remaining} bytes too many`)
  }

  damaged(what: string): Error {
    return damaged(this.#place.file, `${this.#place.part}, offset ${this.position}: ${what}`)
  }
}

/** @param what - Where in the file, and what is wrong there. */
export function damaged(file: string, what: string, cause?: unknown): Error {
  return blockErrors.MW_STORE_BLOCK_DAMAGED(`${file} is damaged: ${what}`, cause === undefined ? undefined : { cause })
}

/** A column of unsigned integers that grows. */
export class Uint32List {
  items = new Uint32Array(256)
  length = 0

  push(value: number): void {
    if (this.length === this.items.length) {
      const larger = new Uint32Array(this.length * 2)
      larger.set(this.items)
      this.items = larger
    }
    this.items[this.length++] = value
  }
}

/** Reads varints below 2³¹ from bytes that a ByteReader has been over already: nothing is checked again. */
export class CheckedBytes {
  readonly bytes: Uint8Array
  at = 0

  constructor(bytes: Uint8Array) {
    this.bytes = bytes
  }

  next(): number {
    const { bytes } = this
    let value = bytes[this.at++]!
    if (value < 128) return value
    value &= 127
    for (let shift = 7; ; shift += 7) {
      const byte = bytes[this.at++]!
      value |= (byte & 127) << shift
      if (byte < 128) return value
    }
  }
}
