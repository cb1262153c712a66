/**
 * Running sums of a series, so that the sum over any window costs the same: the difference of two of them.
 *
 * Each is kept as two numbers, `high + low`, where `low` gathers what rounding takes from `high` (Knuth's two-sum). A window's sum so has an
 * error of about 2⁻¹⁰⁰ of the largest running sum, which is nothing unless the window is tiny beside the rest of the series; `trusted` tells.
 *
 * @see Knuth, The Art of Computer Programming 2, 4.2.2, theorem B
 */
export class RunningSums {
  #high = new Float64Array(513)
  #low = new Float64Array(513)
  /** The largest magnitude of a running sum. NaN or infinite when a term was, or where they overflow. */
  #magnitudeMax = 0
  #high0 = 0
  #low0 = 0
  #length = 0

  /** Begins anew. @param capacity - How many terms may follow. */
  begin(capacity: number): void {
    if (this.#high.length <= capacity) {
      this.#high = new Float64Array(Math.max(capacity + 1, this.#high.length * 2))
      this.#low = new Float64Array(this.#high.length)
    }
    this.#magnitudeMax = 0
    this.#high0 = 0
    this.#low0 = 0
    this.#length = 0
  }

  add(term: number): void {
    const sum = this.#high0 + term
    const part = sum - this.#high0
    this.#low0 += this.#high0 - (sum - part) + (term - part)
    this.#high0 = sum
    const i = ++this.#length
    this.#high[i] = sum
    this.#low[i] = this.#low0
    const magnitude = Math.abs(sum)
    // Written so that a NaN stays.
    if (!(magnitude <= this.#magnitudeMax)) this.#magnitudeMax = Number.isNaN(this.#magnitudeMax) ? Number.NaN : magnitude
  }

  /** The sum of the terms [from, to). */
  between(from: number, to: number): number {
    const a = this.#high[to]!
    const b = this.#high[from]!
    const difference = a - b
    const part = difference - a
    const error = a - (difference - part) - (b + part)
    return difference + (error + (this.#low[to]! - this.#low[from]!))
  }

  /** Whether a sum of this magnitude is right to the last digit but one. */
  trusted(sum: number): boolean {
    return Math.abs(sum) > this.#magnitudeMax * 1e-9 || this.#magnitudeMax === 0
  }
}
