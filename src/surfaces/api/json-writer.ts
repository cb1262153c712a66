import { formatNumber } from '../../core/number-text.ts'

/** Bytes that are handed on together. */
const PIECE_BYTES = 1 << 16
/** No point takes more: 20 characters of time, 24 of value, and what stands around them. */
const POINT_BYTES_MAX = 64
/** `[1795163692.875,"` in front of a value, with its length. */
const TIME_SLOT_BYTES = 32
/** Times whose text is remembered: the series of a range query share their steps. */
const TIMES_MAX = 11_001

const QUOTE = 34
const COMMA = 44
const MINUS = 45
const POINT = 46
const ZERO = 48
const OPEN = 91
const LOWER_E = 101
const CLOSE = 93

/** Writes JSON as bytes, points of series above all: neither a text nor an object is made for them. */
export class JsonWriter {
  #bytes = Buffer.allocUnsafeSlow(PIECE_BYTES + POINT_BYTES_MAX)
  #length = 0
  #times: Float64Array = new Float64Array(0)
  #timeTexts: Uint8Array = new Uint8Array(0)

  /** Whether there is enough for a piece. */
  get isFull(): boolean {
    return this.#length >= PIECE_BYTES
  }

  /** What was written since the last call. */
  take(): Buffer {
    const piece = this.#bytes.subarray(0, this.#length)
    this.#bytes = Buffer.allocUnsafeSlow(PIECE_BYTES + POINT_BYTES_MAX)
    this.#length = 0
    return piece
  }

  /** Writes text as it is. */
  raw(text: string): void {
    // A UTF-16 unit takes three bytes at most.
    if (this.#length + text.length * 3 > this.#bytes.length) this.#grow(Buffer.byteLength(text))
    this.#length += this.#bytes.write(text, this.#length)
  }

  #grow(extra: number): void {
    const larger = Buffer.allocUnsafeSlow(this.#length + extra + PIECE_BYTES)
    larger.set(this.#bytes.subarray(0, this.#length))
    this.#bytes = larger
  }

  /** Prepares for series of so many points. */
  expectPoints(count: number): void {
    const capacity = Math.min(count, TIMES_MAX)
    if (capacity <= this.#times.length) return
    this.#times = new Float64Array(capacity).fill(Number.NaN)
    this.#timeTexts = new Uint8Array(capacity * TIME_SLOT_BYTES)
  }

  /**
   * Writes `[1795163692.875,"1.5"]`: seconds, and the value as text, because JSON has neither NaN nor infinity.
   * @param index - The place of the point in its series, or where else its time may have been written before.
   */
  point(timeMs: number, value: number, index: number): void {
    if (this.#length > this.#bytes.length - POINT_BYTES_MAX) this.#grow(POINT_BYTES_MAX)
    if (index < this.#times.length) this.#rememberedTime(timeMs, index)
    else this.#time(timeMs)
    this.#value(value)
    const bytes = this.#bytes
    bytes[this.#length++] = QUOTE
    bytes[this.#length++] = CLOSE
  }

  /** Writes a scalar's point: as `point`, and without an exponent however small or large the value is, because Prometheus does so here alone. */
  scalar(timeMs: number, value: number): void {
    this.#time(timeMs)
    this.raw(`${withoutExponent(formatNumber(value))}"]`)
  }

  comma(): void {
    if (this.#length === this.#bytes.length) this.#grow(1)
    this.#bytes[this.#length++] = COMMA
  }

  #rememberedTime(timeMs: number, index: number): void {
    const texts = this.#timeTexts
    const slot = index * TIME_SLOT_BYTES
    const bytes = this.#bytes
    let at = this.#length
    if (this.#times[index] === timeMs) {
      const end = slot + 1 + texts[slot]!
      for (let i = slot + 1; i < end; i++) bytes[at++] = texts[i]!
      this.#length = at
      return
    }
    this.#time(timeMs)
    const size = this.#length - at
    texts[slot] = size
    for (let i = 1; i <= size; i++) texts[slot + i] = bytes[at++]!
    this.#times[index] = timeMs
  }

  #time(timeMs: number): void {
    const bytes = this.#bytes
    bytes[this.#length++] = OPEN
    if (timeMs < 0) bytes[this.#length++] = MINUS
    const magnitude = Math.abs(timeMs)
    const seconds = Math.floor(magnitude / 1000)
    this.#integer(seconds)
    const ms = magnitude - seconds * 1000
    if (ms > 0) this.#fraction(ms)
    bytes[this.#length++] = COMMA
    bytes[this.#length++] = QUOTE
  }

  #value(value: number): void {
    const magnitude = value < 0 ? -value : value
    if (magnitude < 2 ** 50) {
      // A decimal of at most 15 digits that reads back as the same number is the shortest one there is.
      const whole = Math.floor(magnitude)
      const thousandths = Math.round((magnitude - whole) * 1000)
      const isWhole = whole === magnitude
      if (isWhole ? magnitude !== 0 : magnitude >= 0.001 && whole < 1e12 && (whole * 1000 + thousandths) / 1000 === magnitude) {
        if (value < 0) this.#bytes[this.#length++] = MINUS
        if (isWhole) this.#integer(whole)
        else if (thousandths === 1000) this.#integer(whole + 1)
        else {
          this.#integer(whole)
          this.#fraction(thousandths)
        }
        return
      }
    }
    if (value === 0 || !Number.isFinite(value)) this.#ascii(formatNumber(value))
    else this.#shortest(value)
  }

  /** As `formatNumber` of a number that is finite and not zero, with one text fewer in between. */
  #shortest(value: number): void {
    const text = String(value)
    this.#ascii(text)
    const bytes = this.#bytes
    const end = this.#length
    // Go writes at least two digits of exponent: 1e-7 becomes 1e-07.
    if (bytes[end - 3] !== LOWER_E || text.length < 4) return
    bytes[end] = bytes[end - 1]!
    bytes[end - 1] = ZERO
    this.#length++
  }

  /** `.5` for 500 thousandths. */
  #fraction(thousandths: number): void {
    const bytes = this.#bytes
    bytes[this.#length++] = POINT
    const hundreds = (thousandths / 100) | 0
    const tens = ((thousandths / 10) | 0) % 10
    const ones = thousandths % 10
    bytes[this.#length++] = ZERO + hundreds
    if (tens === 0 && ones === 0) return
    bytes[this.#length++] = ZERO + tens
    if (ones > 0) bytes[this.#length++] = ZERO + ones
  }

  /** An integer in [0, 2^53). */
  #integer(value: number): void {
    if (value >= 1e9) {
      const upper = Math.floor(value / 1e9)
      this.#integer(upper)
      let rest = (value - upper * 1e9) | 0
      for (let i = this.#length + 8; i >= this.#length; i--) {
        const next = (rest / 10) | 0
        this.#bytes[i] = ZERO + (rest - next * 10)
        rest = next
      }
      this.#length += 9
      return
    }
    const bytes = this.#bytes
    let rest = value | 0
    let digits = 1
    for (let bound = 10; rest >= bound; bound *= 10) digits++
    for (let i = this.#length + digits - 1; i >= this.#length; i--) {
      const next = (rest / 10) | 0
      bytes[i] = ZERO + (rest - next * 10)
      rest = next
    }
    this.#length += digits
  }

  #ascii(text: string): void {
    const bytes = this.#bytes
    let at = this.#length
    for (let i = 0; i < text.length; i++) bytes[at++] = text.charCodeAt(i)
    this.#length = at
  }
}

/** `1.5e-07` is `0.00000015`, `1e+21` is 1 and 21 zeros. */
function withoutExponent(text: string): string {
  const match = /^(-?)(\d)(?:\.(\d+))?e([+-]\d+)$/.exec(text)
  if (match === null) return text
  const [, sign = '', whole = '', fraction = '', exponent = '0'] = match
  const shift = Number(exponent)
  if (shift < 0) return `${sign}0.${'0'.repeat(-shift - 1)}${whole}${fraction}`
  return `${sign}${whole}${fraction.padEnd(shift, '0')}`
}
