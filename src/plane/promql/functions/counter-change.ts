import type { RangeKernel, SeriesWindows } from './window-view.ts'

/**
 * The change over a window, extrapolated to its edges as far as the spacing of the samples makes likely: `rate`, `increase` and `delta`.
 * A counter that falls was reset to 0, and never was negative.
 *
 * Resets are found once per series; each window then adds its own, from oldest to newest, as if it had looked at every sample.
 */
export class CounterChange implements RangeKernel {
  readonly #isCounter: boolean
  readonly #perSecond: boolean
  /** Indices of samples below their predecessor. */
  #resets = new Int32Array(64)
  #resetCount = 0
  /** The first reset behind the start of the current window. */
  #nextReset = 0

  constructor(options: { readonly isCounter: boolean; readonly perSecond: boolean }) {
    this.#isCounter = options.isCounter
    this.#perSecond = options.perSecond
  }

  begin({ values, length, from, to }: SeriesWindows): void {
    this.#resetCount = 0
    this.#nextReset = 0
    if (!this.#isCounter) return
    const last = Math.min(length, to[to.length - 1]!)
    let previous = Number.NEGATIVE_INFINITY
    for (let i = from[0]!; i < last; i++) {
      const value = values[i]!
      if (value < previous) this.#addReset(i)
      previous = value
    }
  }

  #addReset(i: number): void {
    if (this.#resetCount === this.#resets.length) {
      const larger = new Int32Array(this.#resets.length * 2)
      larger.set(this.#resets)
      this.#resets = larger
    }
    this.#resets[this.#resetCount++] = i
  }

  run(series: SeriesWindows, out: Float64Array, fromStep: number, toStep: number): void {
    const { timesMs, values, present, endsMs, rangeMs, from: starts, to: ends } = series
    const isCounter = this.#isCounter
    const perSecond = this.#perSecond
    const hasResets = this.#resetCount > 0
    const rangeSeconds = toSeconds(rangeMs)
    // Windows of regular samples have the same shape again and again, so what follows from it is kept: divisions are what takes time here.
    let spanMs = -1
    let count = -1
    let leadMs = -1
    let tailMs = -1
    let sampledSeconds = 0
    let toStart = 0
    let toEnd = 0
    let factor = 0
    for (let step = fromStep; step < toStep; step++) {
      if (present[step] === 0) continue
      const from = starts[step]!
      const to = ends[step]!
      const first = values[from]!
      const firstMs = timesMs[from]!
      const lastMs = timesMs[to - 1]!
      const endMs = endsMs[step]!
      let change = values[to - 1]! - first
      if (hasResets) change = this.#withResets(change, values, from, to)
      if (lastMs - firstMs !== spanMs || to - from !== count || firstMs - (endMs - rangeMs) !== leadMs || endMs - lastMs !== tailMs) {
        spanMs = lastMs - firstMs
        count = to - from
        leadMs = firstMs - (endMs - rangeMs)
        tailMs = endMs - lastMs
        sampledSeconds = spanMs / 1000
        const spacingSeconds = sampledSeconds / (count - 1)
        const threshold = spacingSeconds * 1.1
        toStart = leadMs / 1000
        toEnd = tailMs / 1000
        if (toStart >= threshold) toStart = spacingSeconds / 2
        if (toEnd >= threshold) toEnd = spacingSeconds / 2
        factor = (sampledSeconds + toStart + toEnd) / sampledSeconds
        if (perSecond) factor /= rangeSeconds
      }
      // A counter never was below 0: not past the point where it would have been. First a look whether that point can be near at all.
      if (isCounter && change > 0 && first >= 0 && !(sampledSeconds * first > toStart * change * 1.001)) {
        const toZero = sampledSeconds * (first / change)
        if (toZero < toStart) {
          const bounded = (sampledSeconds + toZero + toEnd) / sampledSeconds
          out[step] = change * (perSecond ? bounded / rangeSeconds : bounded)
          continue
        }
      }
      out[step] = change * factor
    }
  }

  #withResets(change: number, values: Float64Array, from: number, to: number): number {
    const resets = this.#resets
    const count = this.#resetCount
    let next = this.#nextReset
    while (next < count && resets[next]! <= from) next++
    this.#nextReset = next
    let total = change
    for (; next < count && resets[next]! < to; next++) total += values[resets[next]! - 1]!
    return total
  }
}

/** Whole seconds and the rest apart, as Go converts a duration: the last digit depends on it. */
function toSeconds(ms: number): number {
  const whole = Math.floor(ms / 1000)
  return whole + ((ms - whole * 1000) * 1e6) / 1e9
}
