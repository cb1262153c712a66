import type { FrameWriter } from './frame-writer.ts'
import { recordTypes } from './record-types.ts'
import {
  HIGH_WORD,
  LOW_WORD,
  REF_BACK,
  REF_FORWARD,
  REF_SHIFT,
  REF_STEP_MAX,
  SAMPLE_BYTES_MAX,
  TIME_DISTANCE,
  TIME_SHIFT,
  TIME_STEP,
  TIME_WHOLE,
} from './sample-layout.ts'

/** Room asked for at once: enough that growing costs nothing, little enough that small commits stay small. */
const ROOM_BYTES_MAX = 64 * 1024

/** Writes samples into the records of a frame writer. Values go by their bits: they never become numbers on the way. */
export class SampleEncoder {
  readonly #out: FrameWriter
  /** Up to where the open record may be filled; good while the writer's open record is one of samples, for only this class writes those. */
  #limit = 0
  #ref = 0
  #timeMs = 0
  #stepMs = 0
  /** Columns of one sample, so that `add` and `addColumns` are the same code. */
  readonly #oneRef = new Uint32Array(1)
  readonly #oneTime = new Float64Array(1)
  readonly #oneValue = new Float64Array(1)
  readonly #oneValueWords = new Int32Array(this.#oneValue.buffer)
  /** The column that `add` was last called with, seen as words. */
  #column: Float64Array = this.#oneValue
  #columnWords: Int32Array = this.#oneValueWords

  constructor(out: FrameWriter) {
    this.#out = out
  }

  add(ref: number, timeMs: number, values: Float64Array, i: number): void {
    if (values !== this.#column) {
      this.#column = values
      this.#columnWords = toWords(values)
    }
    this.#oneRef[0] = ref
    this.#oneTime[0] = timeMs
    this.#oneValueWords[0] = this.#columnWords[2 * i]!
    this.#oneValueWords[1] = this.#columnWords[2 * i + 1]!
    this.#add(this.#oneRef, this.#oneTime, this.#oneValueWords, 0, 1)
  }

  addColumns(refs: Uint32Array, timesMs: Float64Array, values: Float64Array, from: number, to: number): void {
    this.#add(refs, timesMs, toWords(values), from, to)
  }

  #add(refs: Uint32Array, timesMs: Float64Array, words: Int32Array, from: number, to: number): void {
    let i = from
    while (i < to) {
      const out = this.#out
      if (out.type !== recordTypes.samples || out.length + SAMPLE_BYTES_MAX > this.#limit) this.#makeRoom(to - i)
      i = this.#fill(refs, timesMs, words, i, to)
    }
  }

  #makeRoom(samples: number): void {
    const isFirst = this.#out.begin(recordTypes.samples, Math.min(samples * SAMPLE_BYTES_MAX, ROOM_BYTES_MAX))
    this.#limit = this.#out.limit
    if (isFirst) {
      this.#ref = 0
      this.#timeMs = 0
      this.#stepMs = 0
    }
  }

  /** Writes as many as there is room for. @returns the index behind the last one written. */
  #fill(refs: Uint32Array, timesMs: Float64Array, words: Int32Array, from: number, to: number): number {
    const { bytes, view } = this.#out
    const last = this.#limit - SAMPLE_BYTES_MAX
    let at = this.#out.length
    let ref = this.#ref
    let timeMs = this.#timeMs
    let stepMs = this.#stepMs
    let i = from
    for (; i < to && at <= last; i++) {
      const controlAt = at++
      let control: number

      const refStep = refs[i]! - ref
      if (refStep >= 0 && refStep <= REF_STEP_MAX) control = refStep << REF_SHIFT
      else {
        control = (refStep > 0 ? REF_FORWARD : REF_BACK) << REF_SHIFT
        at = putVarint(bytes, at, refStep > 0 ? refStep : -refStep)
      }
      ref = refs[i]!

      const t = timesMs[i]!
      if (t !== timeMs) {
        const distanceMs = t - timeMs
        const whole = distanceMs | 0
        // What the reader will add up must give this very time; beyond 2⁵³ or for a part of a millisecond it might not.
        if (timeMs + stepMs === t) control |= TIME_STEP << TIME_SHIFT
        else if (timeMs + whole === t) {
          control |= TIME_DISTANCE << TIME_SHIFT
          at = putVarint(bytes, at, (whole << 1) ^ (whole >> 31))
          stepMs = whole
        } else {
          control |= TIME_WHOLE << TIME_SHIFT
          view.setFloat64(at, t, true)
          at += 8
        }
        timeMs = t
      }

      const low = words[2 * i + LOW_WORD]!
      const high = words[2 * i + HIGH_WORD]!
      // Highest byte first, all eight, and then on by as many as count: no loop over bytes.
      view.setInt32(at, high)
      view.setInt32(at + 4, low)
      if (low !== 0) {
        const kept = (low & 0xff) !== 0 ? 7 : (low & 0xffff) !== 0 ? 6 : (low & 0xffffff) !== 0 ? 5 : 4
        control |= kept
        at += kept + 1
      } else if (high !== 0) {
        const kept = (high & 0xff) !== 0 ? 3 : (high & 0xffff) !== 0 ? 2 : 1
        control |= kept
        at += kept + 1
      }
      bytes[controlAt] = control
    }
    this.#out.length = at
    this.#ref = ref
    this.#timeMs = timeMs
    this.#stepMs = stepMs
    return i
  }
}

export function toWords(values: Float64Array): Int32Array {
  return new Int32Array(values.buffer, values.byteOffset, values.length * 2)
}

function putVarint(bytes: Uint8Array, at: number, value: number): number {
  let rest = value >>> 0
  while (rest > 0x7f) {
    bytes[at++] = (rest & 0x7f) | 0x80
    rest >>>= 7
  }
  bytes[at++] = rest
  return at
}
