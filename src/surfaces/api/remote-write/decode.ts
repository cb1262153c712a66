import type { MetricMetadata } from '../../../plane/store/contract.ts'
import { WireColumns } from './columns.ts'
import { ProtobufCursor, toInt64 } from './protobuf-cursor.ts'

/** One thing a request brings: a series, a description of a metric, or nothing more. */
export type WritePart = 'series' | 'metadata' | 'end'

const TIMESERIES = 0x0a
const METADATA = 0x1a
const LABEL = 0x0a
const SAMPLE = 0x12
const EXEMPLAR = 0x1a
const HISTOGRAM = 0x22
const VALUE = 0x09
const TIMESTAMP = 0x10

const metricTypes: readonly MetricMetadata['type'][] = [
  'unknown',
  'counter',
  'gauge',
  'histogram',
  'gaugehistogram',
  'summary',
  'info',
  'stateset',
]

/**
 * Reads a `prometheus.WriteRequest` in one pass, part by part. Samples are read into columns that are used again for each series; labels stay
 * bytes, told by their place. One reader serves one request at a time.
 * @see https://prometheus.io/docs/specs/prw/remote_write_spec/ for the messages.
 */
export class WriteRequestReader extends ProtobufCursor {
  /** Of the last series: its samples, in the order they came. */
  readonly samples = new WireColumns()
  /** Of the last series: its labels are the bytes [labelsFrom, labelsTo) of `bytes`, as fields of a TimeSeries. */
  labelsFrom = 0
  labelsTo = 0
  /** Of the last series: what this version does not keep. */
  exemplars = 0
  histograms = 0
  /** The last description. */
  metric = ''
  metadata: MetricMetadata = { type: 'unknown', help: '', unit: '' }

  /** Reads on. @throws MW_REMOTE_WRITE_BODY when the message is damaged. */
  next(): WritePart {
    while (this.at < this.end) {
      const tag = this.varint(this.end)
      if (tag === TIMESERIES) {
        const end = this.messageEnd(this.end)
        this.#readSeries(end)
        return 'series'
      }
      if (tag === METADATA) {
        this.#readMetadata(this.messageEnd(this.end))
        return 'metadata'
      }
      this.skip(tag, this.end)
    }
    return 'end'
  }

  /**
   * Reads the labels of the last series as pairs, in the order they came.
   * @returns undefined when they are not valid UTF-8. @throws MW_REMOTE_WRITE_BODY
   */
  readLabels(): [name: string, value: string][] | undefined {
    const labels: [string, string][] = []
    this.isText = true
    const after = this.at
    this.at = this.labelsFrom
    while (this.at < this.labelsTo) {
      this.varint(this.labelsTo) // The tag; `#readSeries` saw that it is that of a label.
      const end = this.messageEnd(this.labelsTo)
      let name = ''
      let value = ''
      while (this.at < end) {
        const tag = this.varint(end)
        if (tag === 0x0a) name = this.text(end)
        else if (tag === 0x12) value = this.text(end)
        else this.skip(tag, end)
      }
      labels.push([name, value])
    }
    this.at = after
    return this.isText ? labels : undefined
  }

  #readSeries(end: number): void {
    this.samples.length = 0
    this.exemplars = 0
    this.histograms = 0
    this.labelsFrom = this.at
    this.labelsTo = this.at
    this.#passLabels(end)
    let scattered: Uint8Array[] | undefined
    while (this.at < end) {
      const from = this.at
      if (this.bytes[from] === SAMPLE) {
        this.#readSamples(end)
        continue
      }
      const tag = this.varint(end)
      if (tag === LABEL) {
        const to = this.messageEnd(end)
        if (from === this.labelsTo && scattered === undefined) this.labelsTo = to
        else {
          scattered ??= [this.bytes.slice(this.labelsFrom, this.labelsTo)]
          scattered.push(this.bytes.slice(from, to))
        }
        this.at = to
      } else if (tag === SAMPLE) {
        // A tag written longer than it need be.
        if (this.samples.length === this.samples.timesMs.length) this.samples.grow()
        this.#readSampleSlowly(this.messageEnd(end), this.samples.length++)
      } else {
        if (tag === EXEMPLAR) this.exemplars++
        else if (tag === HISTOGRAM) this.histograms++
        this.skip(tag, end)
      }
    }
    if (scattered !== undefined) this.#gather(scattered)
  }

  /** Labels come first and are short; those that are not are left to the loop that follows. */
  #passLabels(end: number): void {
    const bytes = this.bytes
    let at = this.at
    while (at < end && bytes[at] === LABEL) {
      const size = bytes[at + 1]!
      if (size > 127 || at + 2 + size > end) break
      at += 2 + size
    }
    this.at = at
    this.labelsTo = at
  }

  /** Labels that do not stand together, which no known sender does, are put together behind the message. */
  #gather(pieces: readonly Uint8Array[]): void {
    const extra = pieces.reduce((sum, piece) => sum + piece.length, 0)
    const longer = new Uint8Array(this.bytes.length + extra)
    longer.set(this.bytes)
    let to = this.bytes.length
    this.labelsFrom = to
    for (const piece of pieces) {
      longer.set(piece, to)
      to += piece.length
    }
    this.labelsTo = to
    this.bytes = longer
    this.view = new DataView(longer.buffer)
  }

  /** Reads samples for as long as one follows the other. This is the loop that everything else is cheap beside. */
  #readSamples(end: number): void {
    const { bytes, view, samples } = this
    let at = this.at
    let count = samples.length
    let { timesMs, words } = samples
    while (at < end && bytes[at] === SAMPLE) {
      const size = bytes[at + 1]!
      const sampleEnd = at + 2 + size
      if (count === timesMs.length) {
        samples.length = count
        samples.grow()
        timesMs = samples.timesMs
        words = samples.words
      }
      // As every known sender writes it: eight bytes of value, then the time; and a sample is shorter than 128 bytes.
      if (size > 10 && size < 128 && sampleEnd <= end && bytes[at + 2] === VALUE && bytes[at + 11] === TIMESTAMP) {
        let p = at + 12
        let byte = bytes[p++]!
        let low = byte & 127
        let high = 0
        let top = 0
        if (byte > 127) {
          byte = bytes[p++]!
          low |= (byte & 127) << 7
          if (byte > 127) {
            byte = bytes[p++]!
            low |= (byte & 127) << 14
            if (byte > 127) {
              byte = bytes[p++]!
              low |= (byte & 127) << 21
              if (byte > 127) {
                byte = bytes[p++]!
                high = byte & 127
                if (byte > 127) {
                  byte = bytes[p++]!
                  high |= (byte & 127) << 7
                  if (byte > 127) {
                    byte = bytes[p++]!
                    high |= (byte & 127) << 14
                    if (byte > 127) {
                      byte = bytes[p++]!
                      high |= (byte & 127) << 21
                      if (byte > 127) {
                        byte = bytes[p++]!
                        top = byte & 127
                        if (byte > 127) {
                          byte = bytes[p++]!
                          top |= (byte & 1) << 7
                        }
                      }
                    }
                  }
                }
              }
            }
          }
        }
        if (p === sampleEnd && byte < 128) {
          words[2 * count] = view.getUint32(at + 3, true)
          words[2 * count + 1] = view.getUint32(at + 7, true)
          timesMs[count++] = toInt64(low, high, top)
          at = sampleEnd
          continue
        }
      }
      this.at = at + 1
      this.#readSampleSlowly(this.messageEnd(end), count++)
      at = this.at
    }
    this.at = at
    samples.length = count
  }

  /** A sample in any form protobuf allows: fields in any order, repeated, or left away where they are 0. */
  #readSampleSlowly(end: number, index: number): void {
    const { words, timesMs } = this.samples
    words[2 * index] = 0
    words[2 * index + 1] = 0
    timesMs[index] = 0
    while (this.at < end) {
      const tag = this.varint(end)
      if (tag === VALUE) {
        if (this.at + 8 > end) throw this.damaged('a value is cut off')
        words[2 * index] = this.view.getUint32(this.at, true)
        words[2 * index + 1] = this.view.getUint32(this.at + 4, true)
        this.at += 8
      } else if (tag === TIMESTAMP) timesMs[index] = this.int64(end)
      else this.skip(tag, end)
    }
  }

  #readMetadata(end: number): void {
    let type = 0
    let metric = ''
    let help = ''
    let unit = ''
    while (this.at < end) {
      const tag = this.varint(end)
      if (tag === 0x08) type = this.int64(end)
      else if (tag === 0x12) metric = this.text(end)
      else if (tag === 0x22) help = this.text(end)
      else if (tag === 0x2a) unit = this.text(end)
      else this.skip(tag, end)
    }
    this.metric = metric
    this.metadata = { type: metricTypes[type] ?? 'unknown', help, unit }
  }
}
