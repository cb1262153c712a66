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

  /** Sums up the first `length` values, each less `origin`, and squared if that is asked for. */
  sumUp(values: Float64Array, length: number, origin = 0, isSquared = false): void {
    if (this.#high.length <= length) {
      this.#high = new Float64Array(Math.max(length + 1, this.#high.length * 2))
      this.#low = new Float64Array(this.#high.length)
    }
    const high = this.#high
    const low = this.#low
    // In variables: a field that holds a double is written as an object of its own, every time.
    let sum = 0
    let rest = 0
    let magnitudeMax = 0
    for (let i = 0; i < length; i++) {
      const delta = values[i]! - origin
      const term = isSquared ? delta * delta : delta
      const next = sum + term
      const part = next - sum
      rest += sum - (next - part) + (term - part)
      sum = next
      high[i + 1] = sum
      low[i + 1] = rest
      const magnitude = Math.abs(sum)
      // Written so that a NaN stays.
      if (!(magnitude <= magnitudeMax)) magnitudeMax = Number.isNaN(magnitudeMax) ? Number.NaN : magnitude
    }
    this.#magnitudeMax = magnitudeMax
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
