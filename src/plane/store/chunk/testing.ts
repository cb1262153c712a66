import { SampleBuffer } from '../sample-buffer.ts'
import { ByteSink } from './byte-sink.ts'
import { decodeChunk, encodeChunk } from './chunk.ts'

/** A column of values given as numbers, or as 64 bits where a number would not keep them. */
export function columnOf(values: readonly (number | bigint)[]): Float64Array {
  const column = new Float64Array(values.length)
  const bits = new BigUint64Array(column.buffer)
  for (const [i, value] of values.entries()) {
    if (typeof value === 'bigint') bits[i] = value
    else column[i] = value
  }
  return column
}

export const bitsOf = (column: Float64Array): bigint[] => Array.from(new BigUint64Array(column.slice().buffer))

export function encoded(timesMs: Float64Array, values: Float64Array): Uint8Array {
  const sink = new ByteSink(16)
  encodeChunk(timesMs, values, 0, timesMs.length, sink)
  return sink.bytes.slice(0, sink.length)
}

export function decoded(bytes: Uint8Array): { timesMs: number[]; bits: bigint[] } {
  const buffer = new SampleBuffer(1)
  decodeChunk(bytes, 0, bytes.length, buffer)
  return { timesMs: Array.from(buffer.timesMs.subarray(0, buffer.length)), bits: bitsOf(buffer.values.subarray(0, buffer.length)) }
}

/** Numbers in [0, 1) that look random: the same for the same seed. */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x9e3779b9) >>> 0
    let mixed = Math.imul(state ^ (state >>> 16), 0x21f0aaad)
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97)
    return ((mixed ^ (mixed >>> 15)) >>> 0) / 2 ** 32
  }
}
