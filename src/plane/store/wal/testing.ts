import { randomUUID } from 'node:crypto'
import { rmSync } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import type { Labels } from '../../../core/labels.ts'
import type { MetricMetadata } from '../contract.ts'
import type { Damage } from './frame.ts'
import { RecordEncoder, type RecordHandler } from './record.ts'
import { RecordReader } from './record-reader.ts'
import { metadataTypes } from './record-types.ts'
import { type Readable, readRecords } from './replay.ts'
import { SEGMENT_HEAD_BYTES, segmentHead } from './segment.ts'

/** One thing that a log holds, in a form that tests compare: values by their bits. */
export type Entry =
  | { kind: 'series'; ref: number; labels: Labels }
  | { kind: 'sample'; ref: number; timeMs: number; bits: bigint }
  | { kind: 'tombstone'; ref: number; fromMs: number; toMs: number }
  | { kind: 'metadata'; metric: string; metadata: MetricMetadata }

/** Collects what is replayed. */
export function collector(): RecordHandler & { readonly entries: Entry[] } {
  const entries: Entry[] = []
  return {
    entries,
    series: (ref, labels) => entries.push({ kind: 'series', ref, labels }),
    samples(refs, timesMs, values, length) {
      const bits = new BigUint64Array(values.buffer, values.byteOffset, length)
      for (let i = 0; i < length; i++) entries.push({ kind: 'sample', ref: refs[i]!, timeMs: timesMs[i]!, bits: bits[i]! })
    },
    tombstone: (ref, fromMs, toMs) => entries.push({ kind: 'tombstone', ref, fromMs, toMs }),
    metadata: (metric, metadata) => entries.push({ kind: 'metadata', metric, metadata }),
  }
}

/** Gives an entry to an encoder; samples one by one. */
export function encodeEntry(encoder: RecordEncoder, entry: Entry): void {
  if (entry.kind === 'series') encoder.series(entry.ref, entry.labels)
  else if (entry.kind === 'sample') encoder.sample(entry.ref, entry.timeMs, valueOfBits(entry.bits), 0)
  else if (entry.kind === 'tombstone') encoder.tombstone(entry.ref, entry.fromMs, entry.toMs)
  else encoder.metadata(entry.metric, entry.metadata)
}

export function encodeEntries(entries: readonly Entry[]): Uint8Array {
  const encoder = new RecordEncoder()
  for (const entry of entries) encodeEntry(encoder, entry)
  return encoder.finish()
}

/** A column of one value with these bits, which no number could carry. */
export function valueOfBits(bits: bigint): Float64Array {
  return new Float64Array(BigUint64Array.of(bits).buffer)
}

/** The order in which a commit is written: series first, the rest as it came. */
export function asWritten(entries: readonly Entry[]): Entry[] {
  return [...entries.filter(({ kind }) => kind === 'series'), ...entries.filter(({ kind }) => kind !== 'series')]
}

/** Bytes as a file, for reading. */
export function memoryFile(bytes: Uint8Array): Readable {
  const read = async (into: Uint8Array, at: number, length: number, position: number) => {
    const piece = bytes.subarray(position, position + length)
    into.set(piece, at)
    return { bytesRead: piece.length, buffer: into }
  }
  return { read: read as FileHandle['read'] }
}

/** Replays records from memory as if they stood in a segment. */
export async function replayBytes(records: Uint8Array, options: { windowBytes?: number; batchSamplesMax?: number } = {}) {
  const segment = Buffer.concat([segmentHead(1), records])
  const handler = collector()
  const reader = new RecordReader(handler, options.batchSamplesMax)
  const damages: Damage[] = []
  const count = await readRecords(memoryFile(segment), segment.length, reader, (damage) => damages.push(damage), options.windowBytes)
  reader.flush()
  return {
    entries: handler.entries,
    records: count,
    unknownRecords: reader.unknownRecords,
    // Offsets as within the records, not within the segment.
    damages: damages.map((damage) => ({ ...damage, offset: damage.offset - SEGMENT_HEAD_BYTES })),
  }
}

const text = fc.string({ unit: 'grapheme', maxLength: 40 })
const ref = fc.oneof(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 0xffff_ffff }))
const timeMs = fc.oneof(
  fc.integer({ min: 0, max: 200 }).map((i) => 1_700_000_000_000 + i * 15_000),
  fc.maxSafeInteger(),
  fc.constantFrom(0, -1, 2 ** 31, -(2 ** 31), 2 ** 53 - 1, -(2 ** 53) + 1),
)
const bits = fc.oneof(
  fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  fc.integer({ min: -1_000_000, max: 1_000_000 }).map((value) => new BigUint64Array(Float64Array.of(value).buffer)[0]!),
  // Zero, minus zero, the staleness marker, a quiet NaN, an infinity, the smallest number there is, and ones in single bytes.
  fc.constantFrom(
    0n,
    1n << 63n,
    0x7ff0000000000002n,
    0x7ff8000000000000n,
    0x7ff0000000000000n,
    1n,
    1n << 8n,
    1n << 16n,
    1n << 24n,
    1n << 32n,
    1n << 48n,
  ),
)

/** Anything a log may hold. */
export const anyEntry: fc.Arbitrary<Entry> = fc.oneof(
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('series' as const), ref, labels: fc.array(fc.tuple(text, text), { maxLength: 6 }) }),
  },
  { weight: 10, arbitrary: fc.record({ kind: fc.constant('sample' as const), ref, timeMs, bits }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('tombstone' as const),
      ref,
      fromMs: fc.oneof(timeMs, fc.constant(Number.NEGATIVE_INFINITY)),
      toMs: fc.oneof(timeMs, fc.constant(Number.POSITIVE_INFINITY)),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('metadata' as const),
      metric: text,
      metadata: fc.record({ type: fc.constantFrom(...metadataTypes), help: text, unit: text }),
    }),
  },
)

/** A folder of one's own that is gone after `using`. */
export function temporaryFolder(): { path: string } & Disposable {
  const path = join(tmpdir(), `modelwatch-wal-${randomUUID()}`)
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) }
}

/** A log of events that tests look into. */
export function recordingLog() {
  const lines: { level: 'warn' | 'error'; fields: object; message: string }[] = []
  return {
    lines,
    warn: (fields: object, message: string) => void lines.push({ level: 'warn', fields, message }),
    error: (fields: object, message: string) => void lines.push({ level: 'error', fields, message }),
  }
}
