import { HIGH, LOW } from './workspace.ts'

/** Bytes being written: grows by doubling, and is used again after `clear`. All numbers are little-endian. */
export class ByteSink {
  /** The first `length` of them count. Exchanged for larger ones as the sink grows: read it anew after writing. */
  bytes: Uint8Array
  length = 0
  private view: DataView

  constructor(capacity = 4096) {
    this.bytes = new Uint8Array(Math.max(capacity, 16))
    this.view = new DataView(this.bytes.buffer)
  }

  clear(): void {
    this.length = 0
  }

  /** Makes room for further bytes; what was written stays. */
  reserve(extra: number): void {
    const needed = this.length + extra
    if (needed <= this.bytes.length) return
    const larger = new Uint8Array(Math.max(needed, this.bytes.length * 2))
    larger.set(this.bytes.subarray(0, this.length))
    this.bytes = larger
    this.view = new DataView(larger.buffer)
  }

  putU8(value: number): void {
    this.reserve(1)
    this.bytes[this.length++] = value
  }

  putU16(value: number): void {
    this.reserve(2)
    this.view.setUint16(this.length, value, true)
    this.length += 2
  }

  /** The low 32 bits of an integer. */
  putU32(value: number): void {
    this.reserve(4)
    this.view.setUint32(this.length, value, true)
    this.length += 4
  }

  /** The bits of `column[index]`, copied as words: no NaN changes on its way. */
  putF64(column: Float64Array, index: number): void {
    const words = new Uint32Array(column.buffer, column.byteOffset + index * 8, 2)
    this.putU32(words[LOW]!)
    this.putU32(words[HIGH]!)
  }

  /** @param value - An integer in [0, 2^53]; 7 bits a byte, low bits first. */
  putVarint(value: number): void {
    this.reserve(8)
    let rest = value
    while (rest >= 0x80) {
      this.bytes[this.length++] = (rest % 0x80) | 0x80
      rest = Math.floor(rest / 0x80)
    }
    this.bytes[this.length++] = rest
  }

  /**
   * An integer with a sign: sign in bit 6 of the first byte, then the magnitude as in `putVarint`. What zigzag is for, without doubling the
   * value, which above 2^52 would not be exact.
   *
   * @param value - An integer in [-2^53, 2^53].
   */
  putSignedVarint(value: number): void {
    const magnitude = Math.abs(value)
    const first = (magnitude % 0x40) | (value < 0 ? 0x40 : 0)
    const rest = Math.floor(magnitude / 0x40)
    if (rest === 0) this.putU8(first)
    else {
      this.putU8(first | 0x80)
      this.putVarint(rest)
    }
  }

  putBytes(bytes: Uint8Array): void {
    this.reserve(bytes.length)
    this.bytes.set(bytes, this.length)
    this.length += bytes.length
  }
}
