import { ByteSink } from '../chunk/byte-sink.ts'
import type { EncodedChunk } from '../chunk/chunk.ts'
import { encodeChunk } from '../chunk/chunk.ts'

const PAGE_BYTES = 256 * 1024
/** More than the largest encoding of one sample, and of a chunk's header. */
const SAMPLE_BYTES_MAX = 32
const HEADER_BYTES_MAX = 256

/** Keeps encoded chunks, many to a page. A page goes when the last of its chunks does; chunks of one time tend to go together. */
export class Arena {
  #sink = new ByteSink(0)

  /** Encodes samples [from, to) of two columns, which must not be empty. */
  encode(timesMs: Float64Array, values: Float64Array, from: number, to: number): EncodedChunk {
    const sink = this.#room((to - from) * SAMPLE_BYTES_MAX + HEADER_BYTES_MAX)
    const offset = sink.length
    const length = encodeChunk(timesMs, values, from, to, sink)
    return { minMs: timesMs[from]!, maxMs: timesMs[to - 1]!, samples: to - from, bytes: sink.bytes, offset, length }
  }

  /** Keeps a copy of a chunk that lies elsewhere. */
  copy({ minMs, maxMs, samples, bytes, offset: from, length }: EncodedChunk): EncodedChunk {
    const sink = this.#room(length)
    const offset = sink.length
    sink.bytes.set(bytes.subarray(from, from + length), offset)
    sink.length += length
    return { minMs, maxMs, samples, bytes: sink.bytes, offset, length }
  }

  #room(bytes: number): ByteSink {
    // A sink that grows takes new memory: chunks already in it would no longer lie in its bytes.
    if (this.#sink.bytes.length - this.#sink.length < bytes) this.#sink = new ByteSink(Math.max(PAGE_BYTES, bytes))
    return this.#sink
  }
}
