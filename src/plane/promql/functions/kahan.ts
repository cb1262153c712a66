/**
 * What rounding has lost so far, and loses where `sum + term` becomes `total`. An infinite total has nothing to gather.
 * @see KahanSum
 */
export function withRounding(lost: number, sum: number, term: number, total: number): number {
  if (total === Number.POSITIVE_INFINITY || total === Number.NEGATIVE_INFINITY) return 0
  return Math.abs(sum) >= Math.abs(term) ? lost + (sum - total + term) : lost + (term - total + sum)
}

/**
 * Kahan's summation in Neumaier's form: what rounding loses is gathered in `c`, so that big terms that cancel leave the small ones.
 * The sum is `sum + c`, or `sum` alone when it is infinite.
 * @see Neumaier (1974), Z. Angew. Math. Mech. 54:39
 */
export class KahanSum {
  sum = 0
  c = 0

  set(sum: number, c: number): this {
    this.sum = sum
    this.c = c
    return this
  }

  add(term: number): this {
    const total = this.sum + term
    this.c = withRounding(this.c, this.sum, term, total)
    this.sum = total
    return this
  }

  get total(): number {
    return Math.abs(this.sum) === Number.POSITIVE_INFINITY ? this.sum : this.sum + this.c
  }
}

/**
 * A mean that does not overflow where the sum would: it goes over to an incremental mean then.
 * State is plain numbers, so that columns of means can be kept in typed arrays.
 */
export class KahanMean {
  count = 0
  #incremental = false
  readonly #sum = new KahanSum()

  clear(): this {
    this.count = 0
    this.#incremental = false
    this.#sum.set(0, 0)
    return this
  }

  add(value: number): void {
    this.count++
    const { sum, c } = this.#sum
    if (this.count === 1) {
      this.#sum.set(value, 0)
      return
    }
    if (!this.#incremental) {
      this.#sum.add(value)
      if (Math.abs(this.#sum.sum) !== Number.POSITIVE_INFINITY) return
      this.#incremental = true
      this.#sum.set(sum / (this.count - 1), c / (this.count - 1))
    }
    const share = (this.count - 1) / this.count
    this.#sum.set(share * this.#sum.sum, share * this.#sum.c).add(value / this.count)
  }

  /** NaN when nothing was added. */
  get mean(): number {
    if (this.count === 0) return Number.NaN
    const { sum, c } = this.#sum
    if (this.#incremental || Math.abs(sum) === Number.POSITIVE_INFINITY) return this.#sum.total
    // One by one, as Prometheus has it: that may differ in the last digit.
    return sum / this.count + c / this.count
  }
}
