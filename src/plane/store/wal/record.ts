import type { Labels } from '../../../core/labels.ts'
import type { MetricMetadata } from '../contract.ts'
import { FrameWriter } from './frame-writer.ts'
import { metadataTypes, recordTypes } from './record-types.ts'
import { SampleEncoder } from './sample-encoder.ts'

export type { RecordType } from './record-types.ts'

/** Takes what a log holds, in the order in which it was written. */
export interface RecordHandler {
  series(ref: number, labels: Labels): void
  /**
   * The first `length` of each column count; the columns are used again after the call, so copy what you keep, values by their bits.
   * `refs` may name series that no record declared, when that record was damaged.
   */
  samples(refs: Uint32Array, timesMs: Float64Array, values: Float64Array, length: number): void
  /** Samples of the series in [fromMs, toMs] that were written before this record are deleted. */
  tombstone(ref: number, fromMs: number, toMs: number): void
  metadata(metric: string, metadata: MetricMetadata): void
}

/** Buffers that wait to hold a commit again, and the largest that does: commits follow each other, and their bytes are of much the same size. */
const SPARE_MAX = 4
const SPARE_BYTES_MAX = 1024 * 1024

/**
 * Builds the framed records of one commit. Used again and again by one owner: `finish` empties it.
 * Series stand before everything else of the commit, so that no sample comes before its series; the rest keeps its order.
 */
export class RecordEncoder {
  readonly #series = new FrameWriter()
  readonly #rest = new FrameWriter()
  readonly #samples = new SampleEncoder(this.#rest)
  /** Texts of the open series record: a text that comes again is written as its number. */
  readonly #texts = new Map<string, number>()
  readonly #spare: Uint8Array[] = []

  /** How much `finish` will give, in bytes; 0 when there is nothing to write. */
  get sizeBytes(): number {
    return this.#series.sizeBytes + this.#rest.sizeBytes
  }

  /**
   * Declares a series.
   * @param ref - An integer in [1, 2³²).
   * @throws MW_WAL_ENTRY_TOO_LARGE when its labels take more than 16 MiB.
   */
  series(ref: number, labels: Labels): void {
    const out = this.#series
    // At worst three bytes of UTF-8 for each unit of a text, and a number before each.
    let bytes = 16
    for (const [name, value] of labels) bytes += (name.length + value.length) * 3 + 12
    if (out.begin(recordTypes.series, bytes)) this.#texts.clear()
    out.varint(ref)
    out.varint(labels.length)
    for (const [name, value] of labels) {
      this.#text(name)
      this.#text(value)
    }
  }

  /** Adds one sample; the value is copied by its bits from `values[i]`. Time in milliseconds, any number. */
  sample(ref: number, timeMs: number, values: Float64Array, i: number): void {
    this.#samples.add(ref, timeMs, values, i)
  }

  /** Adds samples [from, to) of three columns: the same as `sample` for each, and faster. */
  samples(refs: Uint32Array, timesMs: Float64Array, values: Float64Array, from: number, to: number): void {
    this.#samples.addColumns(refs, timesMs, values, from, to)
  }

  /** Deletes the samples of a series in [fromMs, toMs], both ends included; infinities are allowed. */
  tombstone(ref: number, fromMs: number, toMs: number): void {
    const out = this.#rest
    out.begin(recordTypes.tombstones, 32)
    out.varint(ref)
    out.float64(fromMs)
    out.float64(toMs)
  }

  /** @throws MW_WAL_ENTRY_TOO_LARGE when its texts take more than 16 MiB. */
  metadata(metric: string, metadata: MetricMetadata): void {
    const out = this.#rest
    const { type, help, unit } = metadata
    out.begin(recordTypes.metadata, (metric.length + help.length + unit.length) * 3 + 32)
    out.text(metric)
    out.varint(Math.max(0, metadataTypes.indexOf(type)))
    out.text(help)
    out.text(unit)
  }

  /** Everything since the last call, as whole records of about 1 MiB at most; a buffer of the caller's own, empty when nothing was added. */
  finish(): Uint8Array {
    const series = this.#series.seal()
    const rest = this.#rest.seal()
    const records = this.#take(series.length + rest.length)
    records.set(series)
    records.set(rest, series.length)
    this.discard()
    return records
  }

  /** Takes back what `finish` gave, to use it again. @param records - Nobody looks at it any more. */
  release(records: Uint8Array): void {
    const { buffer } = records
    if (this.#spare.length < SPARE_MAX && buffer.byteLength <= SPARE_BYTES_MAX) this.#spare.push(new Uint8Array(buffer))
  }

  #take(length: number): Uint8Array {
    const at = this.#spare.findIndex((buffer) => buffer.length >= length)
    if (at >= 0) return this.#spare.splice(at, 1)[0]!.subarray(0, length)
    // All are too small, and what comes next may be like this one. With room to spare, for no two commits are of the same size.
    this.#spare.shift()
    return new Uint8Array(length + (length >> 2)).subarray(0, length)
  }

  /** Forgets everything since the last `finish`: the commit was rolled back. */
  discard(): void {
    this.#series.reset()
    this.#rest.reset()
    this.#texts.clear()
  }

  #text(text: string): void {
    const known = this.#texts.get(text)
    if (known !== undefined) {
      this.#series.varint(known)
      return
    }
    this.#texts.set(text, this.#texts.size + 1)
    this.#series.varint(0)
    this.#series.text(text)
  }
}
