import { crc32 } from 'node:zlib'

/**
 * How records lie in a segment, and how they are found again among damage.
 *
 * ```text
 * offset  bytes
 *      0      1  magic 0xfa: no byte of UTF-8 text, so that no label can imitate the beginning of a record
 *      1      1  type
 *      2      2  check of type and length, so that scanning believes few false beginnings
 *      4      4  length n of the payload
 *      8      n  payload
 *  8 + n      4  CRC-32 of everything before it
 * ```
 */
export const FRAME_MAGIC = 0xfa
export const FRAME_HEAD_BYTES = 8
export const FRAME_TAIL_BYTES = 4
/** Longest payload that a reader believes; a writer cuts far earlier, and passes that only with one single entry. */
export const PAYLOAD_BYTES_MAX = 16 * 1024 * 1024
/** False beginnings may cost this many times the file's own bytes in checksums; then the rest counts as damaged, so that scanning stays linear. */
const FALSE_STARTS_RATIO_MAX = 4

/** Sixteen bits that follow from type and length. A multiplication spreads them (Knuth's constant). */
export function headCheck(type: number, length: number): number {
  return Math.imul((length << 8) ^ (length >>> 24) ^ type ^ 0x5bd1e995, 0x9e3779b1) >>> 16
}

/** Writes head and checksum around a payload that stands at `start + FRAME_HEAD_BYTES`; the checksum follows it. */
export function sealFrame(bytes: Uint8Array, view: DataView, start: number, type: number, payloadBytes: number): void {
  bytes[start] = FRAME_MAGIC
  bytes[start + 1] = type
  view.setUint16(start + 2, headCheck(type, payloadBytes), true)
  view.setUint32(start + 4, payloadBytes, true)
  const tail = start + FRAME_HEAD_BYTES + payloadBytes
  view.setUint32(tail, crc32(bytes.subarray(start, tail)), true)
}

/** A piece of a file in memory. */
export interface Window {
  bytes: Uint8Array
  view: DataView
  /** Where in the file `bytes[0]` stands. */
  offset: number
  /** How many bytes count. */
  length: number
}

export interface Damage {
  readonly offset: number
  readonly bytes: number
  readonly reason: string
}

type Verdict = 'record' | 'more' | 'end' | 'bad'

/**
 * Walks the records of one file, window by window. After a bad record it goes on at the next place where a whole valid one stands.
 * Pure: the caller does the reading.
 */
export class FrameScanner {
  /** Offset in the file of the next byte to look at; the window must hold it. */
  position: number
  readonly #fileEnd: number
  /** The record found last: type, and its payload within the window. */
  type = 0
  recordOffset = 0
  payloadFrom = 0
  payloadTo = 0
  /** The damage found last. */
  damage: Damage = { offset: 0, bytes: 0, reason: '' }
  /** How many bytes from `position` on the window must hold before it is worth asking again. */
  neededBytes = 0
  #damageFrom = -1
  #reason = ''
  #falseStartBytes = 0

  constructor(from: number, fileEnd: number) {
    this.position = from
    this.#fileEnd = fileEnd
  }

  /**
   * One step: a record, a damaged stretch that ends here, a wish for more of the file, or its end. A damaged stretch comes before the record
   * behind it.
   */
  next(window: Window): 'record' | 'damage' | 'more' | 'end' {
    for (;;) {
      const verdict = this.#look(window)
      if (verdict === 'more') return 'more'
      if (verdict === 'bad') {
        this.#skip(window)
        continue
      }
      if (this.#damageFrom >= 0) {
        this.damage = { offset: this.#damageFrom, bytes: this.position - this.#damageFrom, reason: this.#reason }
        this.#damageFrom = -1
        return 'damage'
      }
      if (verdict === 'record') this.position = window.offset + this.payloadTo + FRAME_TAIL_BYTES
      return verdict
    }
  }

  #look(window: Window): Verdict {
    const left = this.#fileEnd - this.position
    if (left === 0) return 'end'
    if (left < FRAME_HEAD_BYTES + FRAME_TAIL_BYTES) return this.#bad('a record is cut off')
    const at = this.position - window.offset
    const here = window.length - at
    this.neededBytes = FRAME_HEAD_BYTES + FRAME_TAIL_BYTES
    if (here < this.neededBytes) return 'more'
    const { bytes, view } = window
    if (bytes[at] !== FRAME_MAGIC) return this.#bad('no record begins here')
    const type = bytes[at + 1]!
    const length = view.getUint32(at + 4, true)
    if (view.getUint16(at + 2, true) !== headCheck(type, length) || length > PAYLOAD_BYTES_MAX) return this.#bad('no record begins here')
    this.neededBytes = FRAME_HEAD_BYTES + length + FRAME_TAIL_BYTES
    if (left < this.neededBytes) return this.#bad('a record is cut off')
    if (here < this.neededBytes) return 'more'
    const tail = at + FRAME_HEAD_BYTES + length
    if (crc32(bytes.subarray(at, tail)) !== view.getUint32(tail, true)) {
      this.#falseStartBytes += length
      return this.#bad('a checksum does not match')
    }
    this.type = type
    this.recordOffset = this.position
    this.payloadFrom = at + FRAME_HEAD_BYTES
    this.payloadTo = tail
    return 'record'
  }

  #bad(reason: string): 'bad' {
    if (this.#damageFrom < 0) {
      this.#damageFrom = this.position
      this.#reason = reason
    }
    return 'bad'
  }

  /** On to the next byte that may begin a record, at most to the end of the window. */
  #skip(window: Window): void {
    if (this.#falseStartBytes > FALSE_STARTS_RATIO_MAX * this.#fileEnd) {
      this.#reason = 'too many false beginnings of records'
      this.position = this.#fileEnd
      return
    }
    // What is left could hold no record; the window need not even hold it.
    if (this.#fileEnd - this.position < FRAME_HEAD_BYTES + FRAME_TAIL_BYTES) {
      this.position = this.#fileEnd
      return
    }
    const { bytes, length } = window
    let at = this.position - window.offset + 1
    while (at < length && bytes[at] !== FRAME_MAGIC) at++
    this.position = window.offset + Math.min(at, length)
  }
}
