import { between, quantileOf } from './quantile.ts'
import type { RangeKernel, SeriesWindows } from './window-view.ts'

/** Nanoseconds, about: to put one value into the order or out of it, and what is added by each value of the window, for half of them make room. */
const MOVE_NS = 30
const SHIFT_NS = 0.4
/** To find one rank, for each value of a window. */
const SELECT_NS = 6

/**
 * `quantile_over_time`. Where windows overlap, the values of the current one are kept in order, and each step puts in what comes and takes out
 * what goes; otherwise each window's rank is found for itself.
 */
export class SlidingQuantile implements RangeKernel {
  /** NaN counts as smallest: `#nans` of them, not kept, and then the others, rising. */
  #ordered = new Float64Array(256)
  #size = 0
  #nans = 0
  /** The samples that are in the order. */
  #from = 0
  #to = 0
  #slides = false

  begin({ from, to, present }: SeriesWindows): void {
    this.#size = 0
    this.#nans = 0
    this.#from = 0
    this.#to = 0
    let [sizes, largest] = [0, 0]
    for (let step = 0; step < present.length; step++) {
      const size = to[step]! - from[step]!
      sizes += size
      if (size > largest) largest = size
    }
    if (this.#ordered.length < largest) this.#ordered = new Float64Array(Math.max(largest, this.#ordered.length * 2))
    // Every sample comes once and goes once.
    const moves = 2 * (to[to.length - 1]! - from[0]!)
    this.#slides = moves * (MOVE_NS + (sizes / present.length) * SHIFT_NS) < sizes * SELECT_NS
  }

  run({ values, from, to, present, params }: SeriesWindows, out: Float64Array, fromStep: number, toStep: number): void {
    const phis = params[0]!
    for (let step = fromStep; step < toStep; step++) {
      if (present[step] === 0) continue
      const start = from[step]!
      const end = to[step]!
      if (this.#slides) {
        this.#slide(values, start, end)
        out[step] = this.#rank(phis[step]!)
        continue
      }
      const scratch = this.#ordered
      for (let i = start; i < end; i++) scratch[i - start] = values[i]!
      out[step] = quantileOf(phis[step]!, scratch, end - start)
    }
  }

  #rank(phi: number): number {
    if (Number.isNaN(phi)) return Number.NaN
    if (phi < 0) return Number.NEGATIVE_INFINITY
    if (phi > 1) return Number.POSITIVE_INFINITY
    const rank = phi * (this.#nans + this.#size - 1)
    // Where the lower neighbour is NaN, so is what lies between the two.
    return rank < this.#nans ? Number.NaN : between(this.#ordered, this.#size, rank - this.#nans)
  }

  #slide(values: Float64Array, start: number, end: number): void {
    if (start >= this.#to) {
      this.#order(values, start, end)
      return
    }
    // First what goes, so that there never are more than the largest window has.
    for (; this.#from < start; this.#from++) this.#take(values[this.#from]!)
    for (; this.#to < end; this.#to++) this.#put(values[this.#to]!)
  }

  #order(values: Float64Array, start: number, end: number): void {
    this.#from = start
    this.#to = end
    this.#size = 0
    for (let i = start; i < end; i++) if (!Number.isNaN(values[i]!)) this.#ordered[this.#size++] = values[i]!
    this.#nans = end - start - this.#size
    this.#ordered.subarray(0, this.#size).sort()
  }

  #put(value: number): void {
    if (Number.isNaN(value)) {
      this.#nans++
      return
    }
    const ordered = this.#ordered
    const at = behind(ordered, this.#size, value)
    if (at < this.#size) ordered.copyWithin(at + 1, at, this.#size)
    ordered[at] = value
    this.#size++
  }

  #take(value: number): void {
    if (Number.isNaN(value)) {
      this.#nans--
      return
    }
    // The last of the equals.
    const at = behind(this.#ordered, this.#size, value)
    this.#ordered.copyWithin(at - 1, at, this.#size)
    this.#size--
  }
}

/** `mad_over_time`: the median of the distances to the median. */
export class MedianDeviation implements RangeKernel {
  #scratch = new Float64Array(256)

  begin(): void {}

  run({ values, from, to, present }: SeriesWindows, out: Float64Array, fromStep: number, toStep: number): void {
    for (let step = fromStep; step < toStep; step++) {
      if (present[step] === 0) continue
      const start = from[step]!
      const size = to[step]! - start
      if (this.#scratch.length < size) this.#scratch = new Float64Array(Math.max(size, this.#scratch.length * 2))
      const scratch = this.#scratch
      for (let i = 0; i < size; i++) scratch[i] = values[start + i]!
      const median = quantileOf(0.5, scratch, size)
      for (let i = 0; i < size; i++) scratch[i] = Math.abs(scratch[i]! - median)
      out[step] = quantileOf(0.5, scratch, size)
    }
  }
}

/** How many of the first `size` values, which rise, are not above the value. */
function behind(ordered: Float64Array, size: number, value: number): number {
  let low = 0
  let high = size
  while (low < high) {
    const middle = (low + high) >>> 1
    if (ordered[middle]! <= value) low = middle + 1
    else high = middle
  }
  return low
}
