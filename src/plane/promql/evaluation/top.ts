/** Go's library sorts so many by insertion. */
const INSERTION_MAX = 12

/**
 * The k best values of one step, chosen as Prometheus chooses them: with Go's `container/heap`, whose worst stands first and goes when a better
 * one comes. That decides which of equals stay, and so has to be the same heap. NaN is worse than anything.
 */
export class TopHeap {
  /** Numbers of the series kept; a heap while they come, best first after `sort`. */
  readonly kept: number[] = []
  readonly #values: number[] = []
  readonly #sign: 1 | -1

  /** @param sign - 1 keeps the largest, −1 the smallest. */
  constructor(sign: 1 | -1) {
    this.#sign = sign
  }

  clear(): void {
    this.kept.length = 0
    this.#values.length = 0
  }

  /** @param k - ≥ 1. */
  offer(series: number, value: number, k: number): void {
    const signed = value * this.#sign
    if (this.kept.length < k) {
      this.kept.push(series)
      this.#values.push(signed)
      this.#up(this.kept.length - 1)
      return
    }
    const worst = this.#values[0]!
    if (!(worst < signed || (Number.isNaN(worst) && !Number.isNaN(signed)))) return
    this.kept[0] = series
    this.#values[0] = signed
    if (k > 1) this.#down()
  }

  /** Orders what was kept, and so ends the heap: best first. */
  sort(): readonly number[] {
    // The insertion sort that Go's library takes for few: it says where equals end up, and NaN, which there is less than itself.
    if (this.kept.length <= INSERTION_MAX) {
      for (let i = 1; i < this.kept.length; i++) for (let j = i; j > 0 && this.#less(j - 1, j); j--) this.#swap(j, j - 1)
      return this.kept
    }
    const values = this.#values
    const order = this.kept.map((_, i) => i)
    order.sort((a, b) => {
      const x = values[a]!
      const y = values[b]!
      if (Number.isNaN(x) || Number.isNaN(y)) return Number(Number.isNaN(x)) - Number(Number.isNaN(y))
      return x === y ? a - b : x < y ? 1 : -1
    })
    return order.map((i) => this.kept[i]!)
  }

  #less(i: number, j: number): boolean {
    const value = this.#values[i]!
    return Number.isNaN(value) || value < this.#values[j]!
  }

  #swap(i: number, j: number): void {
    const series = this.kept[i]!
    const value = this.#values[i]!
    this.kept[i] = this.kept[j]!
    this.#values[i] = this.#values[j]!
    this.kept[j] = series
    this.#values[j] = value
  }

  #up(from: number): void {
    let at = from
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!this.#less(at, parent)) return
      this.#swap(parent, at)
      at = parent
    }
  }

  #down(): void {
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= this.kept.length) return
      if (child + 1 < this.kept.length && this.#less(child + 1, child)) child++
      if (!this.#less(child, at)) return
      this.#swap(at, child)
      at = child
    }
  }
}
