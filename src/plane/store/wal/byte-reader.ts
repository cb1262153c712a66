/** Reads the parts of a payload one after the other. It never throws and never reads past the end: then it gives nothing, and `isBad` is true. */
export class ByteReader {
  readonly #bytes: Buffer
  readonly #view: DataView
  #at: number
  readonly #to: number
  /** Whether something did not fit. What was read since is worth nothing. */
  isBad = false

  /** @param view - Over the same memory as `bytes`. */
  constructor(bytes: Uint8Array, view: DataView, from: number, to: number) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
    this.#view = view
    this.#at = from
    this.#to = to
  }

  get isAtEnd(): boolean {
    return this.isBad || this.#at === this.#to
  }

  varint(): number {
    let value = 0
    for (let shift = 0; shift < 35 && this.#at < this.#to; shift += 7) {
      const byte = this.#bytes[this.#at++]!
      value |= (byte & 0x7f) << shift
      if (byte <= 0x7f) return value >>> 0
    }
    this.isBad = true
    return 0
  }

  float64(): number {
    if (!this.#has(8)) return Number.NaN
    this.#at += 8
    return this.#view.getFloat64(this.#at - 8, true)
  }

  /** UTF-8, its length before it. */
  text(): string {
    const length = this.varint()
    if (!this.#has(length)) return ''
    this.#at += length
    return this.#bytes.toString('utf8', this.#at - length, this.#at)
  }

  #has(bytes: number): boolean {
    if (this.#at + bytes > this.#to) this.isBad = true
    return !this.isBad
  }
}
