/** What an old call still counts beside the one after it: some fifty calls are remembered. */
const FORGETTING = 0.98
/** A call that took longer than expected by more than this is a pause of the machine, and counts as if it had taken this much longer. */
const OUTLIER_FACTOR = 4
/** So many in a row are no pause: the model has become slower. */
const OUTLIERS_BELIEVED = 3
/** Below it a cost is as good as none. */
const COST_MIN_MS = 1e-4
/** Numbers of rows that differ by less than this share of their mean say little about which cost is which. */
const SPREAD_MIN = 0.03

/**
 * What a call of the model costs: rowMs · rows + fixedMs, learned from the calls themselves by least squares over the last ones. Errors
 * count relative to the cost, so that one call of many rows does not outweigh a hundred of one. Before the first call everything costs
 * nothing. Neither cost is ever negative.
 */
export class CostModel {
  #fixedMs = 0
  #rowMs = 0
  #outliers = 0
  // Sums over the calls, weighted: of 1, n, t, n², n·t.
  #weight = 0
  #n = 0
  #t = 0
  #nn = 0
  #nt = 0

  /** Of a call, whatever its rows. */
  get fixedMs(): number {
    return this.#fixedMs
  }

  /** Of each row on top. */
  get rowMs(): number {
    return this.#rowMs
  }

  callMs(rows: number): number {
    return this.#fixedMs + this.#rowMs * rows
  }

  /** @param rows - Of a call that was answered. @param elapsedMs - ≥ 0. */
  observe(rows: number, elapsedMs: number): void {
    const expectedMs = this.callMs(rows)
    const isOutlier = this.#weight > 0 && elapsedMs > expectedMs * OUTLIER_FACTOR
    this.#outliers = isOutlier ? this.#outliers + 1 : 0
    if (this.#outliers === OUTLIERS_BELIEVED) this.#forget(elapsedMs / Math.max(expectedMs, COST_MIN_MS))
    const isBelieved = this.#weight === 0 || !isOutlier
    const t = isBelieved ? elapsedMs : expectedMs * OUTLIER_FACTOR
    const scaleMs = Math.max(this.#weight === 0 ? t : expectedMs, COST_MIN_MS)
    const w = 1 / (scaleMs * scaleMs)
    this.#weight = this.#weight * FORGETTING + w
    this.#n = this.#n * FORGETTING + w * rows
    this.#t = this.#t * FORGETTING + w * t
    this.#nn = this.#nn * FORGETTING + w * rows * rows
    this.#nt = this.#nt * FORGETTING + w * rows * t
    this.#solve()
  }

  /** What was learned no longer holds; it begins anew, with rows as many times as expensive as the call was. */
  #forget(factor: number): void {
    this.#weight = this.#n = this.#t = this.#nn = this.#nt = 0
    this.#rowMs *= factor
    this.#outliers = 0
  }

  /**
   * Where all calls had about the same number of rows their sums do not tell the two costs apart; the ridge then keeps the ratio of the
   * two, for a machine that has become slower makes both dearer.
   */
  #solve(): void {
    const meanRows = this.#n / this.#weight
    const meanMs = this.#t / this.#weight
    const variance = Math.max(0, this.#nn / this.#weight - meanRows * meanRows)
    const covariance = this.#nt / this.#weight - meanRows * meanMs
    const ridge = (SPREAD_MIN * Math.max(1, meanRows)) ** 2
    const before = this.callMs(meanRows)
    const kept = before === 0 ? 0 : this.#rowMs * (meanMs / before)
    const rowMs = Math.max(0, (covariance + ridge * kept) / (variance + ridge))
    const fixedMs = meanMs - rowMs * meanRows
    this.#rowMs = fixedMs >= 0 || this.#nn === 0 ? rowMs : this.#nt / this.#nn // No fixed cost: a line through the origin.
    this.#fixedMs = Math.max(0, fixedMs)
  }
}
