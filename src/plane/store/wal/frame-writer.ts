import { walErrors } from './errors.ts'
import { FRAME_HEAD_BYTES, FRAME_TAIL_BYTES, PAYLOAD_BYTES_MAX, sealFrame } from './frame.ts'

/** A record is closed before its payload passes this. */
export const RECORD_BYTES_MAX = 1024 * 1024
/** A buffer that grew past this for one large commit is not kept for the small ones after it. */
const KEPT_BYTES_MAX = 4 * 1024 * 1024
const utf8 = new TextEncoder()

/** Framed records in one growing buffer. Entries of one type that follow each other share a record. */
export class FrameWriter {
  bytes = new Uint8Array(4096)
  view = new DataView(this.bytes.buffer)
  /** Behind the last byte written. */
  length = 0
  /** Type of the open record, 0 when none is open. */
  type = 0
  #start = 0

  get sizeBytes(): number {
    return this.length + (this.type === 0 ? 0 : FRAME_TAIL_BYTES)
  }

  /** Bytes of the open record's payload may reach up to here, entries included that began before. */
  get limit(): number {
    return Math.min(this.bytes.length - FRAME_TAIL_BYTES, this.#start + FRAME_HEAD_BYTES + RECORD_BYTES_MAX)
  }

  /**
   * Makes room for an entry of at most `entryBytes` in a record of this type.
   * @returns whether the entry is the first of its record.
   * @throws MW_WAL_ENTRY_TOO_LARGE when no record could hold it.
   */
  begin(type: number, entryBytes: number): boolean {
    if (entryBytes > PAYLOAD_BYTES_MAX) {
      throw walErrors.MW_WAL_ENTRY_TOO_LARGE(`an entry of up to ${entryBytes} bytes is more than a record holds (${PAYLOAD_BYTES_MAX})`)
    }
    let isFirst = false
    if (this.type !== type || this.length - this.#start - FRAME_HEAD_BYTES + entryBytes > RECORD_BYTES_MAX) {
      this.#close()
      isFirst = true
    }
    this.#grow(FRAME_HEAD_BYTES + entryBytes + FRAME_TAIL_BYTES)
    if (isFirst) {
      this.#start = this.length
      this.length += FRAME_HEAD_BYTES
      this.type = type
    }
    return isFirst
  }

  /** An integer in [0, 2³²), seven bits a byte, lowest first. Room must have been made by `begin`, here and below. */
  varint(value: number): void {
    let rest = value >>> 0
    while (rest > 0x7f) {
      this.bytes[this.length++] = (rest & 0x7f) | 0x80
      rest >>>= 7
    }
    this.bytes[this.length++] = rest
  }

  float64(value: number): void {
    this.view.setFloat64(this.length, value, true)
    this.length += 8
  }

  /** UTF-8, its length before it. */
  text(text: string): void {
    const { bytes } = this
    const units = text.length
    if (units < 0x80) {
      // Most labels are short and ASCII: faster here than across into native code, and the length takes one byte.
      const start = this.length + 1
      let i = 0
      for (; i < units; i++) {
        const unit = text.charCodeAt(i)
        if (unit > 0x7f) break
        bytes[start + i] = unit
      }
      if (i === units) {
        bytes[this.length] = units
        this.length = start + units
        return
      }
    }
    const encoded = utf8.encode(text)
    this.varint(encoded.length)
    this.bytes.set(encoded, this.length)
    this.length += encoded.length
  }

  /** Closes the open record. @returns everything since `reset`; a view, good until the next write. */
  seal(): Uint8Array {
    this.#close()
    return this.bytes.subarray(0, this.length)
  }

  reset(): void {
    this.length = 0
    this.type = 0
    this.#start = 0
    if (this.bytes.length > KEPT_BYTES_MAX) this.#exchange(new Uint8Array(4096))
  }

  #close(): void {
    if (this.type === 0) return
    sealFrame(this.bytes, this.view, this.#start, this.type, this.length - this.#start - FRAME_HEAD_BYTES)
    this.length += FRAME_TAIL_BYTES
    this.type = 0
  }

  #grow(extra: number): void {
    if (this.length + extra <= this.bytes.length) return
    const larger = new Uint8Array(Math.max(this.length + extra, this.bytes.length * 2))
    larger.set(this.bytes.subarray(0, this.length))
    this.#exchange(larger)
  }

  #exchange(bytes: Uint8Array<ArrayBuffer>): void {
    this.bytes = bytes
    this.view = new DataView(bytes.buffer)
  }
}
