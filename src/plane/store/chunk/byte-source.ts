import { chunkErrors } from './errors.ts'

/** Reads the numbers that a ByteSink writes, and nothing outside the range it was set to: running past its end is MW_STORE_CHUNK. */
export class ByteSource {
  /** Over the whole buffer: making a view costs more than decoding ten samples, so one is kept while chunks of one buffer are read. */
  view: DataView<ArrayBufferLike> = new DataView(new ArrayBuffer(0))
  /** Place of the next byte, counted from the start of the buffer; `end` is behind the last. */
  at = 0
  end = 0
  private start = 0

  /** @throws MW_STORE_CHUNK when the range is not inside the bytes. */
  reset(bytes: Uint8Array, offset: number, length: number): void {
    if (!(offset >= 0 && length >= 0 && offset + length <= bytes.length)) {
      throw chunkErrors.MW_STORE_CHUNK(`a chunk of ${length} bytes at ${offset} lies outside its ${bytes.length} bytes`)
    }
    if (this.view.buffer !== bytes.buffer) this.view = new DataView(bytes.buffer)
    this.start = this.at = bytes.byteOffset + offset
    this.end = this.at + length
  }

  /** For what cannot be: names the place within the chunk. */
  damage(what: string): Error {
    return chunkErrors.MW_STORE_CHUNK(`${what}, at byte ${this.at - this.start} of a chunk of ${this.end - this.start} bytes`)
  }

  need(count: number): void {
    if (this.at + count > this.end) throw this.damage(`${count} more bytes are needed, ${this.end - this.at} are left`)
  }

  u8(): number {
    this.need(1)
    return this.view.getUint8(this.at++)
  }

  u32(): number {
    this.need(4)
    this.at += 4
    return this.view.getUint32(this.at - 4, true)
  }

  /** @returns An integer in [0, 2^53]. */
  varint(): number {
    let value = 0
    let scale = 1
    for (;;) {
      const byte = this.u8()
      value += (byte & 0x7f) * scale
      if (value > 2 ** 53) throw this.damage('a number above 2^53')
      if (byte < 0x80) return value
      scale *= 0x80
      if (scale > 2 ** 53) throw this.damage('a number of more than 8 bytes')
    }
  }

  /** @returns An integer in [-2^53, 2^53]. */
  signedVarint(): number {
    const first = this.u8()
    let magnitude = first & 0x3f
    if (first >= 0x80) {
      magnitude += this.varint() * 0x40
      if (magnitude > 2 ** 53) throw this.damage('a number above 2^53')
    }
    return (first & 0x40) === 0 ? magnitude : -magnitude
  }
}
