import type { Labels } from '../../core/labels.ts'

/** One series of a request of remote write. */
export interface RequestSeries {
  readonly labels: Labels
  /** Milliseconds since 1970, rising, and the value of each. */
  readonly timesMs: readonly number[]
  readonly values: readonly number[]
}

/**
 * A `prometheus.WriteRequest` (remote write 1.0), in a snappy block:
 *
 *   WriteRequest { repeated TimeSeries timeseries = 1 }
 *   TimeSeries   { repeated Label labels = 1; repeated Sample samples = 2 }
 *   Label        { string name = 1; string value = 2 }
 *   Sample       { double value = 1; int64 timestamp = 2 }
 *
 * The block holds literals alone: it is sent once, and a compressor would cost more than it saves.
 */
export function encodeWriteRequest(series: Iterable<RequestSeries>): Uint8Array {
  const request = new ProtobufWriter()
  const message = new ProtobufWriter()
  const inner = new ProtobufWriter()
  for (const { labels, timesMs, values } of series) {
    message.clear()
    for (const [name, value] of labels) {
      inner.clear()
      inner.bytes(1, Buffer.from(name))
      inner.bytes(2, Buffer.from(value))
      message.bytes(1, inner.content())
    }
    for (let i = 0; i < timesMs.length; i++) {
      inner.clear()
      inner.double(1, values[i]!)
      inner.int64(2, timesMs[i]!)
      message.bytes(2, inner.content())
    }
    request.bytes(1, message.content())
  }
  return snappyBlock(request.content())
}

const VARINT_BYTES_MAX = 10

/** One protobuf message, in a buffer that grows and is used again. */
class ProtobufWriter {
  #buffer = Buffer.alloc(256)
  #length = 0

  clear(): void {
    this.#length = 0
  }

  /** What was written since `clear`; it changes with the next. */
  content(): Uint8Array {
    return this.#buffer.subarray(0, this.#length)
  }

  /** A text, or a message within this one. */
  bytes(field: number, content: Uint8Array): void {
    this.#reserve(1 + VARINT_BYTES_MAX + content.length)
    this.#buffer[this.#length++] = (field << 3) | 2
    this.#length = writeVarint(this.#buffer, this.#length, content.length)
    this.#buffer.set(content, this.#length)
    this.#length += content.length
  }

  double(field: number, value: number): void {
    this.#reserve(9)
    this.#buffer[this.#length++] = (field << 3) | 1
    this.#length = this.#buffer.writeDoubleLE(value, this.#length)
  }

  /** Of a negative number the 64 bits of its two's complement. */
  int64(field: number, value: number): void {
    this.#reserve(1 + VARINT_BYTES_MAX)
    this.#buffer[this.#length++] = field << 3
    if (value >= 0) {
      this.#length = writeVarint(this.#buffer, this.#length, value)
      return
    }
    let bits = BigInt.asUintN(64, BigInt(value))
    for (; bits > 127n; bits >>= 7n) this.#buffer[this.#length++] = Number(bits & 127n) | 0x80
    this.#buffer[this.#length++] = Number(bits)
  }

  #reserve(extra: number): void {
    if (this.#length + extra <= this.#buffer.length) return
    const larger = Buffer.alloc(Math.max(this.#buffer.length * 2, this.#length + extra))
    larger.set(this.#buffer)
    this.#buffer = larger
  }
}

/** @param value - In [0, 2⁵³): beyond what the operators on 32 bits can do. @returns The position behind it. */
function writeVarint(bytes: Uint8Array, at: number, value: number): number {
  let rest = value
  let end = at
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes[end++] = (rest % 128) | 0x80
  bytes[end++] = rest
  return end
}

const LITERAL_BYTES_MAX = 65_536

/** Snappy's block format without its compression: the length of the content, then literals, each of at most 64 KiB. */
function snappyBlock(content: Uint8Array): Uint8Array {
  const head = new Uint8Array(VARINT_BYTES_MAX)
  const parts: Uint8Array[] = [head.subarray(0, writeVarint(head, 0, content.length))]
  for (let at = 0; at < content.length; at += LITERAL_BYTES_MAX) {
    const literal = content.subarray(at, at + LITERAL_BYTES_MAX)
    const last = literal.length - 1
    parts.push(Uint8Array.of(61 << 2, last & 0xff, last >>> 8), literal)
  }
  return Buffer.concat(parts)
}
