import { copyValue } from './stale.ts'

/** Samples as two growing columns, used again and again: what a series is decoded into. Values are copied by their bits, staleness markers included. */
export class SampleBuffer {
  /** Milliseconds since 1970; the first `length` of them count. */
  timesMs: Float64Array
  values: Float64Array
  length = 0

  constructor(capacity = 512) {
    this.timesMs = new Float64Array(capacity)
    this.values = new Float64Array(capacity)
  }

  clear(): void {
    this.length = 0
  }

  /** Makes room for further samples. The columns may be exchanged for larger ones: read them anew afterwards. */
  reserve(extra: number): void {
    const needed = this.length + extra
    if (needed <= this.timesMs.length) return
    const capacity = Math.max(needed, this.timesMs.length * 2)
    this.timesMs = grown(this.timesMs, capacity, this.length)
    this.values = grown(this.values, capacity, this.length)
  }

  /** Adds so many samples of two columns: times from `timesAt` on, values from `valuesAt` on. */
  push(timesMs: Float64Array, timesAt: number, values: Float64Array, valuesAt: number, samples: number): void {
    this.reserve(samples)
    copyColumn(timesMs, timesAt, timesAt + samples, this.timesMs, this.length)
    copyColumn(values, valuesAt, valuesAt + samples, this.values, this.length)
    this.length += samples
  }

  /** Keeps the samples with times in [fromMs, toMs]. Times must rise. */
  cut(fromMs: number, toMs: number): void {
    const to = upperBound(this.timesMs, this.length, toMs)
    const from = fromMs === Number.NEGATIVE_INFINITY ? 0 : upperBound(this.timesMs, to, fromMs - 1)
    if (from > 0) {
      this.timesMs.copyWithin(0, from, to)
      this.values.copyWithin(0, from, to)
    }
    this.length = to - from
  }
}

/** How many of the `length` times from `at` on are at or before the time. Times must rise. */
export function upperBound(timesMs: Float64Array, length: number, timeMs: number, at = 0): number {
  let low = 0
  let high = length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (timesMs[at + middle]! <= timeMs) low = middle + 1
    else high = middle
  }
  return low
}

/** Below this many numbers a loop is faster than two views and a call. */
const VIEW_MIN = 48

/** Copies `from[start … end)` to `to[at …)`, bit for bit. */
export function copyColumn(from: Float64Array, start: number, end: number, to: Float64Array, at: number): void {
  if (end - start < VIEW_MIN) for (let i = start; i < end; i++) copyValue(from, i, to, at + i - start)
  else to.set(from.subarray(start, end), at)
}

function grown(column: Float64Array, capacity: number, length: number): Float64Array {
  const larger = new Float64Array(capacity)
  larger.set(column.subarray(0, length))
  return larger
}
