import { isUtf8 } from 'node:buffer'
import { remoteWriteErrors } from './errors.ts'

const LENGTH_DELIMITED = 2

/** A place in a protobuf message, and how to read on from it. Whatever is read ends before `end` of the message it stands in. */
export class ProtobufCursor {
  bytes: Uint8Array<ArrayBuffer> = new Uint8Array(0)
  view = new DataView(this.bytes.buffer)
  protected at = 0
  protected end = 0
  /** Turns false when a text that is read is not valid UTF-8. */
  protected isText = true

  /** @param bytes - The message; it must stay as it is until the reading ends. */
  begin(bytes: Uint8Array<ArrayBuffer>): void {
    this.bytes = bytes
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.at = 0
    this.end = bytes.length
  }

  /** A varint that is a tag or a length: what does not fit 32 bits is damaged. */
  protected varint(end: number): number {
    let value = 0
    for (let i = 0; i < 5 && this.at < end; i++) {
      const byte = this.bytes[this.at++]!
      value += (byte & 127) * 2 ** (7 * i)
      if (byte < 128) return value
    }
    throw this.damaged('a number is cut off or too long')
  }

  protected int64(end: number): number {
    let low = 0
    let high = 0
    let top = 0
    for (let i = 0; i < 10 && this.at < end; i++) {
      const byte = this.bytes[this.at++]!
      if (i < 4) low |= (byte & 127) << (7 * i)
      else if (i < 8) high |= (byte & 127) << (7 * (i - 4))
      else if (i === 8) top = byte & 127
      else top |= (byte & 1) << 7
      if (byte < 128) return toInt64(low, high, top)
    }
    throw this.damaged('a number is cut off or too long')
  }

  protected messageEnd(end: number): number {
    const length = this.varint(end)
    if (this.at + length > end) throw this.damaged(`a field of ${length} bytes does not fit`)
    return this.at + length
  }

  protected text(end: number): string {
    const to = this.messageEnd(end)
    const bytes = Buffer.from(this.bytes.buffer, this.bytes.byteOffset + this.at, to - this.at)
    const text = bytes.toString('utf8')
    // What is no UTF-8 was replaced by U+FFFD; one that was sent as such is none the worse.
    if (text.includes('\ufffd') && !isUtf8(bytes)) this.isText = false
    this.at = to
    return text
  }

  /** Passes over a field that is not known, as protobuf demands. */
  protected skip(tag: number, end: number): void {
    const wire = tag & 7
    if (tag < 8) throw this.damaged('a field has the number 0')
    if (wire === 0) this.int64(end)
    else if (wire === LENGTH_DELIMITED) this.at = this.messageEnd(end)
    else if (wire === 1 || wire === 5) this.at += wire === 1 ? 8 : 4
    else throw this.damaged(`a field has the wire type ${wire}`)
    if (this.at > end) throw this.damaged('a field is cut off')
  }

  protected damaged(reason: string) {
    return remoteWriteErrors.MW_REMOTE_WRITE_BODY(`the body is no prometheus.WriteRequest: ${reason} near byte ${this.at}`)
  }
}

/** 28 low bits, 28 bits above them, and the 8 highest of an integer in two's complement. Past 2^53 it is rounded, and no valid time. */
export function toInt64(low: number, high: number, top: number): number {
  return (top > 127 ? top - 256 : top) * 2 ** 56 + high * 2 ** 28 + low
}
