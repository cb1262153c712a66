import type { Labels } from '../../../core/labels.ts'
import { ByteReader } from './byte-reader.ts'
import type { Window } from './frame.ts'
import type { RecordHandler } from './record.ts'
import { metadataTypes, recordTypes } from './record-types.ts'
import { SampleBatch, SampleDecoder } from './sample-decoder.ts'

/** Samples handed over at once: enough that a call costs nothing, few enough for the few milliseconds that one turn may take. */
export const BATCH_SAMPLES_MAX = 10_000

/** Turns records back into what was written, in the order in which it was, samples of many records in one batch. */
export class RecordReader {
  readonly #handler: RecordHandler
  readonly #decoder = new SampleDecoder()
  readonly #batch: SampleBatch
  samples = 0
  unknownRecords = 0

  constructor(handler: RecordHandler, batchSamplesMax = BATCH_SAMPLES_MAX) {
    this.#handler = handler
    this.#batch = new SampleBatch(batchSamplesMax)
  }

  /** Begins a record; the window must be readable `READ_ROOM_BYTES` behind it. @returns as `go` does. */
  begin(type: number, window: Window, from: number, to: number): 'done' | 'more' | 'bad' {
    if (type === recordTypes.samples) {
      this.#decoder.begin(from, to)
      return this.go(window)
    }
    // What was written before comes before: a deletion concerns the samples that stand before it.
    this.flush()
    const reader = new ByteReader(window.bytes, window.view, from, to)
    if (type === recordTypes.series) this.#readSeries(reader)
    else if (type === recordTypes.tombstones) this.#readTombstones(reader)
    else if (type === recordTypes.metadata) this.#readMetadata(reader)
    else this.unknownRecords++
    return reader.isBad ? 'bad' : 'done'
  }

  /** Goes on with a record of samples. @returns 'more' when a batch was handed over and the record holds further samples. */
  go(window: Window): 'done' | 'more' | 'bad' {
    const outcome = this.#decoder.fill(window.bytes, window.view, this.#batch)
    if (this.#batch.isFull) this.flush()
    return outcome
  }

  /** Hands over the samples that wait. */
  flush(): void {
    const { refs, timesMs, values, length } = this.#batch
    if (length === 0) return
    this.samples += length
    this.#batch.length = 0
    this.#handler.samples(refs, timesMs, values, length)
  }

  #readSeries(reader: ByteReader): void {
    const texts: string[] = []
    const text = () => {
      const known = reader.varint()
      if (known > 0) {
        if (known > texts.length) reader.isBad = true
        return texts[known - 1] ?? ''
      }
      const fresh = reader.text()
      texts.push(fresh)
      return fresh
    }
    while (!reader.isAtEnd) {
      const ref = reader.varint()
      const count = reader.varint()
      const labels: [string, string][] = []
      for (let i = 0; i < count && !reader.isBad; i++) labels.push([text(), text()])
      if (ref === 0) reader.isBad = true
      if (!reader.isBad) this.#handler.series(ref, labels satisfies Labels)
    }
  }

  #readTombstones(reader: ByteReader): void {
    while (!reader.isAtEnd) {
      const ref = reader.varint()
      const fromMs = reader.float64()
      const toMs = reader.float64()
      if (!reader.isBad) this.#handler.tombstone(ref, fromMs, toMs)
    }
  }

  #readMetadata(reader: ByteReader): void {
    while (!reader.isAtEnd) {
      const metric = reader.text()
      const type = metadataTypes[reader.varint()] ?? 'unknown'
      const help = reader.text()
      const unit = reader.text()
      if (!reader.isBad) this.#handler.metadata(metric, { type, help, unit })
    }
  }
}
