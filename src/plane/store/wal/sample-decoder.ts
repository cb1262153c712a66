import { toWords } from './sample-encoder.ts'
import {
  HIGH_WORD,
  LOW_WORD,
  REF_BACK,
  REF_FORWARD,
  REF_SHIFT,
  SAMPLE_BYTES_MAX,
  TIME_DISTANCE,
  TIME_SHIFT,
  TIME_STEP,
  TIME_WHOLE,
  VALUE_BITS,
} from './sample-layout.ts'

/** Bytes of a value by its kind, and which bits of the two words they are. */
const valueBytes = Uint8Array.of(0, 2, 3, 4, 5, 6, 7, 8)
const highMask = Int32Array.of(0, 0xffff0000, 0xffffff00, -1, -1, -1, -1, -1)
const lowMask = Int32Array.of(0, 0, 0, 0, 0xff000000, 0xffff0000, 0xffffff00, -1)

/** Bytes that must be readable behind a payload, whatever they are: samples are read whole words at a time. */
export const READ_ROOM_BYTES = 2 * SAMPLE_BYTES_MAX

/** Samples that were read and not yet handed over. */
export class SampleBatch {
  readonly refs: Uint32Array
  readonly timesMs: Float64Array
  readonly values: Float64Array
  readonly words: Int32Array
  length = 0

  constructor(samplesMax: number) {
    this.refs = new Uint32Array(samplesMax)
    this.timesMs = new Float64Array(samplesMax)
    this.values = new Float64Array(samplesMax)
    this.words = toWords(this.values)
  }

  get isFull(): boolean {
    return this.length === this.refs.length
  }
}

/** Reads the samples of one record, in as many turns as batches are needed. */
export class SampleDecoder {
  #at = 0
  #to = 0
  #ref = 0
  #timeMs = 0
  #stepMs = 0

  /** Turns to the payload at [from, to) of the buffer that `fill` will be given. */
  begin(from: number, to: number): void {
    this.#at = from
    this.#to = to
    this.#ref = 0
    this.#timeMs = 0
    this.#stepMs = 0
  }

  /**
   * Adds samples to the batch until it is full or the record ends. The buffer must be readable `READ_ROOM_BYTES` behind the payload.
   * @returns 'more' when the batch is full and samples are left; 'bad' when the payload is not what a writer of ours makes.
   */
  fill(bytes: Uint8Array, view: DataView, batch: SampleBatch): 'done' | 'more' | 'bad' {
    const { refs, timesMs, words } = batch
    const to = this.#to
    const room = refs.length
    let length = batch.length
    let at = this.#at
    let ref = this.#ref
    let timeMs = this.#timeMs
    let stepMs = this.#stepMs
    let isBad = false
    while (at < to && length < room) {
      const control = bytes[at++]!

      const refKind = (control >>> REF_SHIFT) & 0b111
      if (refKind < REF_FORWARD) ref += refKind
      else {
        let byte: number
        let step = 0
        let shift = 0
        do {
          byte = bytes[at++]!
          step |= (byte & 0x7f) << shift
          shift += 7
        } while (byte > 0x7f && shift < 35)
        ref += refKind === REF_BACK ? -(step >>> 0) : step >>> 0
      }

      const timeKind = control >>> TIME_SHIFT
      if (timeKind === TIME_STEP) timeMs += stepMs
      else if (timeKind === TIME_DISTANCE) {
        let byte: number
        let zigzag = 0
        let shift = 0
        do {
          byte = bytes[at++]!
          zigzag |= (byte & 0x7f) << shift
          shift += 7
        } while (byte > 0x7f && shift < 35)
        stepMs = (zigzag >>> 1) ^ -(zigzag & 1)
        timeMs += stepMs
      } else if (timeKind === TIME_WHOLE) {
        timeMs = view.getFloat64(at, true)
        at += 8
      }

      const valueKind = control & VALUE_BITS
      const high = view.getInt32(at) & highMask[valueKind]!
      const low = view.getInt32(at + 4) & lowMask[valueKind]!
      at += valueBytes[valueKind]!
      if (at > to || ref < 1 || ref > 0xffffffff) {
        isBad = true
        break
      }
      refs[length] = ref
      timesMs[length] = timeMs
      words[2 * length + HIGH_WORD] = high
      words[2 * length + LOW_WORD] = low
      length++
    }
    batch.length = length
    this.#at = at
    this.#ref = ref
    this.#timeMs = timeMs
    this.#stepMs = stepMs
    return isBad ? 'bad' : at < to ? 'more' : 'done'
  }
}
