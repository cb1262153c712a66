/**
 * Requests of remote write as senders make them: protobuf by hand, in a snappy block of literals only, as `bench/plane.mjs` of the shared benchmarks
 * sends it, or with copies.
 */
export interface WireSeries {
  /** Written in this order. */
  readonly labels: readonly (readonly [name: string, value: string])[]
  /** A value may be given by its bits. */
  readonly samples: readonly (readonly [timeMs: number | bigint, value: number | bigint])[]
  readonly exemplars?: number
  readonly histograms?: number
}

export interface WireMetadata {
  readonly type: number
  readonly metric: string
  readonly help?: string
  readonly unit?: string
}

/** A protobuf message under construction. */
export class ProtobufWriter {
  #bytes = Buffer.allocUnsafe(1024)
  #length = 0

  varint(value: number | bigint): this {
    this.#reserve(10)
    let rest = BigInt.asUintN(64, BigInt(value))
    while (rest > 127n) {
      this.#bytes[this.#length++] = Number(rest & 127n) | 128
      rest >>= 7n
    }
    this.#bytes[this.#length++] = Number(rest)
    return this
  }

  double(value: number | bigint): this {
    this.#reserve(8)
    if (typeof value === 'bigint') this.#bytes.writeBigUInt64LE(value, this.#length)
    else this.#bytes.writeDoubleLE(value, this.#length)
    this.#length += 8
    return this
  }

  /** A length-delimited field: a text, bytes or a message. */
  field(number: number, content: string | Uint8Array): this {
    const bytes = typeof content === 'string' ? Buffer.from(content) : content
    this.varint((number << 3) | 2).varint(bytes.length)
    return this.raw(bytes)
  }

  raw(bytes: Uint8Array): this {
    this.#reserve(bytes.length)
    this.#bytes.set(bytes, this.#length)
    this.#length += bytes.length
    return this
  }

  finish(): Buffer {
    return Buffer.from(this.#bytes.subarray(0, this.#length))
  }

  #reserve(extra: number): void {
    if (this.#length + extra <= this.#bytes.length) return
    const larger = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, this.#length + extra))
    larger.set(this.#bytes.subarray(0, this.#length))
    this.#bytes = larger
  }
}

/** A `prometheus.WriteRequest`, not yet compressed. */
export function encodeWriteRequest(series: readonly WireSeries[], metadata: readonly WireMetadata[] = []): Buffer {
  const request = new ProtobufWriter()
  for (const one of series) request.field(1, encodeSeries(one))
  for (const { type, metric, help = '', unit = '' } of metadata) {
    request.field(3, new ProtobufWriter().varint(8).varint(type).field(2, metric).field(4, help).field(5, unit).finish())
  }
  return request.finish()
}

function encodeSeries({ labels, samples, exemplars = 0, histograms = 0 }: WireSeries): Buffer {
  const series = new ProtobufWriter()
  for (const [name, value] of labels) series.field(1, new ProtobufWriter().field(1, name).field(2, value).finish())
  for (const [timeMs, value] of samples)
    series.field(2, new ProtobufWriter().varint(0x09).double(value).varint(0x10).varint(timeMs).finish())
  for (let i = 0; i < exemplars; i++) series.field(3, new ProtobufWriter().varint(0x11).double(1).varint(0x18).varint(1).finish())
  for (let i = 0; i < histograms; i++) series.field(4, new ProtobufWriter().varint(0x19).double(1).varint(0x78).varint(1).finish())
  return series.finish()
}

/** A snappy block of literals. */
export function snappyLiterals(content: Uint8Array, literalBytes = 65_536): Buffer {
  const block = new ProtobufWriter().varint(content.length)
  for (let at = 0; at < content.length; at += literalBytes) block.raw(literal(content.subarray(at, at + literalBytes)))
  return block.finish()
}

/** A snappy block in which whatever repeats is a copy: a plain compressor, for all kinds of elements to occur. */
export function snappyCompress(content: Uint8Array): Buffer {
  const block = new ProtobufWriter().varint(content.length)
  const seen = new Map<number, number>()
  const view = new DataView(content.buffer, content.byteOffset, content.byteLength)
  let from = 0
  let at = 0
  while (at + 4 <= content.length) {
    const word = view.getUint32(at, true)
    const before = seen.get(word)
    seen.set(word, at)
    if (before === undefined) {
      at++
      continue
    }
    let size = 4
    while (at + size < content.length && size < 64 && content[before + size] === content[at + size]) size++
    if (at > from) block.raw(literal(content.subarray(from, at)))
    block.raw(copy(at - before, size))
    at += size
    from = at
  }
  if (from < content.length) block.raw(literal(content.subarray(from)))
  return block.finish()
}

function literal(part: Uint8Array): Uint8Array {
  const size = part.length - 1
  if (size < 60) return Buffer.concat([Buffer.from([size << 2]), part])
  const extra = size < 2 ** 8 ? 1 : size < 2 ** 16 ? 2 : size < 2 ** 24 ? 3 : 4
  const head = Buffer.alloc(1 + extra)
  head[0] = (59 + extra) << 2
  for (let i = 0; i < extra; i++) head[1 + i] = Math.floor(size / 2 ** (8 * i)) & 255
  return Buffer.concat([head, part])
}

function copy(offset: number, size: number): Uint8Array {
  if (size <= 11 && offset < 2048) return Buffer.from([1 | ((size - 4) << 2) | ((offset >> 8) << 5), offset & 255])
  if (offset < 65_536) return Buffer.from([2 | ((size - 1) << 2), offset & 255, offset >> 8])
  const element = Buffer.alloc(5)
  element[0] = 3 | ((size - 1) << 2)
  element.writeUInt32LE(offset, 1)
  return element
}
