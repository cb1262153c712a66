import { KahanMean, KahanSum } from './kahan.ts'
import { RunningSums } from './running-sums.ts'
import type { RangeKernel, SeriesWindows } from './window-view.ts'

/** Sums and means are taken from running sums where windows overlap so much that this is less work than adding up each of them. */
function overlap({ from, to, length }: SeriesWindows): boolean {
  const steps = to.length
  if (steps < 3) return false
  const middle = steps >> 1
  return (to[middle]! - from[middle]!) * steps > 4 * length
}

/**
 * `sum_over_time` and `avg_over_time`. Where running sums cannot be trusted (infinite values, NaN, windows that are tiny beside what came
 * before them), the window is added up as Prometheus does it, with Kahan's compensation.
 */
export class Total implements RangeKernel {
  readonly #mean: boolean
  readonly #sums = new RunningSums()
  readonly #kahanSum = new KahanSum()
  readonly #kahanMean = new KahanMean()
  #running = false

  constructor(what: 'sum' | 'mean') {
    this.#mean = what === 'mean'
  }

  begin(series: SeriesWindows): void {
    this.#running = overlap(series)
    if (this.#running) this.#sums.sumUp(series.values, series.length)
  }

  run({ values, from, to, present }: SeriesWindows, out: Float64Array, fromStep: number, toStep: number): void {
    for (let step = fromStep; step < toStep; step++) {
      if (present[step] === 0) continue
      const start = from[step]!
      const end = to[step]!
      if (this.#running) {
        const sum = this.#sums.between(start, end)
        if (this.#sums.trusted(sum)) {
          out[step] = this.#mean ? sum / (end - start) : sum
          continue
        }
      }
      out[step] = this.#mean ? this.#meanOf(values, start, end) : this.#sumOf(values, start, end)
    }
  }

  #sumOf(values: Float64Array, from: number, to: number): number {
    const sum = this.#kahanSum.set(0, 0)
    for (let i = from; i < to; i++) sum.add(values[i]!)
    return sum.total
  }

  #meanOf(values: Float64Array, from: number, to: number): number {
    const mean = this.#kahanMean.clear()
    for (let i = from; i < to; i++) mean.add(values[i]!)
    return mean.mean
  }
}

/** Where the spread is smaller than this share of the squares it is taken from, too many digits cancel. */
const SPREAD_SHARE_MIN = 1e-6
/** Where the spread is smaller than this share of the squared mean, Prometheus's own arithmetic has lost the digits; then do as it does. */
const SPREAD_TO_MEAN_MIN = 1e-8

/**
 * `stdvar_over_time` and `stddev_over_time`: from running sums of (value − first value) and of its square, where that keeps digits enough;
 * otherwise, and for lone windows, by Welford's recurrence with compensated sums, as Prometheus does it.
 */
export class Spread implements RangeKernel {
  readonly #deviation: boolean
  readonly #sums = new RunningSums()
  readonly #squares = new RunningSums()
  readonly #average = new KahanSum()
  readonly #total = new KahanSum()
  #running = false
  #origin = 0

  constructor(what: 'variance' | 'deviation') {
    this.#deviation = what === 'deviation'
  }

  begin(series: SeriesWindows): void {
    this.#running = overlap(series)
    if (!this.#running) return
    const { values, length } = series
    this.#origin = values[0]!
    this.#sums.sumUp(values, length, this.#origin)
    this.#squares.sumUp(values, length, this.#origin, true)
  }

  run({ values, from, to, present }: SeriesWindows, out: Float64Array, fromStep: number, toStep: number): void {
    for (let step = fromStep; step < toStep; step++) {
      if (present[step] === 0) continue
      const variance = this.#variance(values, from[step]!, to[step]!)
      out[step] = this.#deviation ? Math.sqrt(variance) : variance
    }
  }

  #variance(values: Float64Array, from: number, to: number): number {
    if (!this.#running) return this.#welford(values, from, to)
    const count = to - from
    const sum = this.#sums.between(from, to)
    const squares = this.#squares.between(from, to)
    const variance = (squares - (sum * sum) / count) / count
    const mean = this.#origin + sum / count
    const digitsLeft = variance > (SPREAD_SHARE_MIN * squares) / count && variance > SPREAD_TO_MEAN_MIN * mean * mean
    return digitsLeft && this.#squares.trusted(squares) && variance < Number.POSITIVE_INFINITY ? variance : this.#welford(values, from, to)
  }

  #welford(values: Float64Array, from: number, to: number): number {
    const average = this.#average.set(0, 0)
    const squares = this.#total.set(0, 0)
    for (let i = from; i < to; i++) {
      const delta = values[i]! - (average.sum + average.c)
      average.add(delta / (i - from + 1))
      squares.add(delta * (values[i]! - (average.sum + average.c)))
    }
    return (squares.sum + squares.c) / (to - from)
  }
}
