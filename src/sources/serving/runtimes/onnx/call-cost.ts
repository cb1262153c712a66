/** Weight of a new measurement in the running mean: one pause for garbage must not look like a slow model. */
const WEIGHT = 0.1
/** Classes of size, by powers of two. */
const CLASSES = 32

const classOf = (rows: number) => 31 - Math.clz32(Math.max(1, rows))

/**
 * What a call of a model costs, learned from calls: a running mean of the time per row, for each power of two of rows apart, because
 * rows of a large call cost a fraction of what a lone one does.
 */
export class CallCost {
  readonly #rowMs = new Float64Array(CLASSES).fill(Number.NaN)

  /** @param durationMs - Of a call of so many rows, at least 1. */
  learn(rows: number, durationMs: number): void {
    const size = classOf(rows)
    const known = this.#rowMs[size]!
    const measured = durationMs / rows
    this.#rowMs[size] = Number.isNaN(known) ? measured : known + WEIGHT * (measured - known)
  }

  /**
   * Time that a call of so many rows will take. Where no call of its size was seen it is held to be as expensive per row as the next smaller one,
   * and no more expensive than the whole of a larger one. 0 before the first call.
   */
  expectMs(rows: number): number {
    const size = classOf(rows)
    const known = this.#rowMs[size]!
    if (!Number.isNaN(known)) return rows * known
    let expected = Number.POSITIVE_INFINITY
    for (let smaller = size - 1; smaller >= 0; smaller--) {
      const rowMs = this.#rowMs[smaller]!
      if (Number.isNaN(rowMs)) continue
      expected = rows * rowMs
      break
    }
    for (let larger = size + 1; larger < CLASSES; larger++) {
      const rowMs = this.#rowMs[larger]!
      if (!Number.isNaN(rowMs)) return Math.min(expected, 2 ** (larger + 1) * rowMs)
    }
    return expected === Number.POSITIVE_INFINITY ? 0 : expected
  }
}
