import assert from 'node:assert/strict'
import type { SampleBuffer } from '../sample-buffer.ts'
import type { ByteSink } from './byte-sink.ts'
import { ByteSource } from './byte-source.ts'
import { readOddValues } from './odd-values.ts'
import { countChanges, dropRepeats, readRepeats, spreadRepeats, writeRepeats } from './repeats.ts'
import { readTimes, writeTimes } from './times.ts'
import { isMadeOfWords, planValues, readValues, type ValuesPlan, writeValues } from './values.ts'
import { chunkSamplesMax, values, words } from './workspace.ts'

export { chunkSamplesMax } from './workspace.ts'

/** The bytes of one chunk, as the codec made them: `length` of them from `offset` on. Times are those of its first and last sample. */
export interface EncodedChunk {
  readonly minMs: number
  readonly maxMs: number
  readonly samples: number
  readonly bytes: Uint8Array
  readonly offset: number
  readonly length: number
}

/** Flags of a chunk: two bits for the mode of its times, three for that of its values, and: */
const ODD = 0x20
const REPEATS = 0x40
const UNKNOWN = 0x80

const source = new ByteSource()
const noWords = new Uint32Array(0)
const plan: ValuesPlan = { mode: 0, costBits: 0, odd: undefined }

/**
 * Encodes samples [from, to) of two columns behind `sink.length`. README.md has the layout.
 *
 * @param timesMs - Safe integers of milliseconds, strictly rising; negative ones too.
 * @param columnValues - Any bits: staleness markers, other NaNs, infinities and -0 come back as they are.
 * @returns Bytes written.
 * @throws {AssertionError} when there are not 1 to `chunkSamplesMax` samples.
 */
export function encodeChunk(timesMs: Float64Array, columnValues: Float64Array, from: number, to: number, sink: ByteSink): number {
  const count = to - from
  if (!(count >= 1 && count <= chunkSamplesMax)) assert.fail(`a chunk holds 1 to ${chunkSamplesMax} samples, not ${count}`)
  const start = sink.length
  sink.putU8(0) // The flags, when they are known.
  sink.putVarint(count - 1)
  let flags = writeTimes(timesMs, from, to, sink)
  const kept = planWithRepeats(columnValues, from, to)
  if (kept < count) {
    flags |= REPEATS
    writeRepeats(count, sink)
  }
  writeValues(plan, kept, sink)
  flags |= plan.mode << 2
  if (plan.odd !== undefined && plan.odd.count > 0) {
    flags |= ODD
    plan.odd.write(words, sink)
  }
  sink.bytes[start] = flags
  return sink.length - start
}

/**
 * Appends the samples of the chunk in bytes [offset, offset + length) to the buffer.
 *
 * @throws MW_STORE_CHUNK when the bytes cannot be a chunk; the buffer then has the samples it had. Nothing outside of the range is read, and
 *   no bytes give more than `chunkSamplesMax` samples. Damage that gives another valid chunk is not seen here: checksums are for that.
 */
export function decodeChunk(bytes: Uint8Array, offset: number, length: number, into: SampleBuffer): void {
  source.reset(bytes, offset, length)
  const flags = source.u8()
  if (flags >= UNKNOWN) throw source.damage(`the flags ${flags}, which only a newer version writes`)
  const count = source.varint() + 1
  if (count > chunkSamplesMax) throw source.damage(`${count} samples; ${chunkSamplesMax} are the most`)
  into.reserve(count)
  const at = into.length
  readTimes(source, flags & 3, count, into, at)
  const kept = (flags & REPEATS) === 0 ? count : readRepeats(source, count)
  const mode = (flags >> 2) & 7
  const decodedWords = (flags & (ODD | REPEATS)) !== 0 || isMadeOfWords(mode) ? wordsOf(into.values, at, count) : noWords
  readValues(source, mode, kept, into.values, at, decodedWords)
  if ((flags & ODD) !== 0) readOddValues(source, decodedWords, kept)
  if (kept < count) spreadRepeats(decodedWords, count, kept)
  if (source.at !== source.end) throw source.damage(`${source.end - source.at} bytes too many`)
  into.length = at + count
}

/**
 * Number of samples of the chunk that starts at the offset, without decoding it.
 * @throws MW_STORE_CHUNK when no chunk starts there.
 */
export function chunkSamples(bytes: Uint8Array, offset: number): number {
  const low = bytes[offset + 1]
  const high = low !== undefined && low >= 0x80 ? bytes[offset + 2] : 0
  const count = low === undefined || high === undefined ? Number.NaN : (low & 0x7f) + high * 0x80 + 1
  if (!(count <= chunkSamplesMax)) {
    source.reset(bytes, Math.min(offset, bytes.length), 0)
    throw source.damage(`${count} samples; ${chunkSamplesMax} are the most`)
  }
  return count
}

/** Values as words, two each. To make such a view costs as much as to decode twenty samples. */
function wordsOf(column: Float64Array, at: number, count: number): Uint32Array {
  return new Uint32Array(column.buffer, column.byteOffset + at * 8, count * 2)
}

/** Plans the values, with repeats taken out where that is smaller. @returns How many values are left in the workspace. */
function planWithRepeats(columnValues: Float64Array, from: number, to: number): number {
  const count = to - from
  const column = columnValues.subarray(from, to)
  values.set(column)
  const changes = countChanges(count)
  let plainBits = Number.POSITIVE_INFINITY
  // Where next to nothing changes, exceptions are cheaper than a bit for each sample; where most does, no bit is saved.
  if (changes < count >> 4 || changes > count >> 1) {
    planValues(count, plan)
    if (changes === 1 || changes > count >> 1 || plan.costBits < count + changes * 16) return count
    plainBits = plan.costBits
  }
  dropRepeats(count)
  planValues(changes, plan)
  const repeatsBits = plan.costBits + count
  // What the repeats would take if they were written as the changes are.
  const savedBits = (plan.costBits / changes) * (count - changes)
  if (plainBits === Number.POSITIVE_INFINITY ? savedBits > 2 * count : repeatsBits < plainBits) return changes
  values.set(column)
  planValues(count, plan)
  if (plan.costBits <= repeatsBits) return count
  dropRepeats(count)
  planValues(changes, plan)
  return changes
}
