import type { RangeKernel, SeriesWindows } from './window-view.ts'

/** `irate` and `idelta`: the last two samples of each window. */
export class LastStep implements RangeKernel {
  readonly #isCounter: boolean

  constructor(isCounter: boolean) {
    this.#isCounter = isCounter
  }

  begin(): void {}

  run({ timesMs, values, to, present }: SeriesWindows, out: Float64Array, fromStep: number, toStep: number): void {
    for (let step = fromStep; step < toStep; step++) {
      if (present[step] === 0) continue
      const at = to[step]! - 1
      const last = values[at]!
      const previous = values[at - 1]!
      if (!this.#isCounter) out[step] = last - previous
      // A counter that fell was reset to 0.
      else out[step] = (last < previous ? last : last - previous) / ((timesMs[at]! - timesMs[at - 1]!) / 1000)
    }
  }
}

/** `last_over_time`. */
export class LastValue implements RangeKernel {
  begin(): void {}

  run({ values, to, present }: SeriesWindows, out: Float64Array, fromStep: number, toStep: number): void {
    for (let step = fromStep; step < toStep; step++) if (present[step] === 1) out[step] = values[to[step]! - 1]!
  }
}

/** `count_over_time`, and `present_over_time`. */
export class SampleCount implements RangeKernel {
  readonly #capped: boolean

  constructor(capped: boolean) {
    this.#capped = capped
  }

  begin(): void {}

  run({ from, to }: SeriesWindows, out: Float64Array, fromStep: number, toStep: number): void {
    if (this.#capped) out.fill(1, fromStep, toStep)
    else for (let step = fromStep; step < toStep; step++) out[step] = to[step]! - from[step]!
  }
}

/** `changes` and `resets`: how often something happens between neighbouring samples, counted once per series from its start. */
export class EventCount implements RangeKernel {
  readonly #what: 'changes' | 'resets'
  /** events[i]: how many there are between sample 0 and sample i. */
  #events = new Int32Array(512)

  constructor(what: 'changes' | 'resets') {
    this.#what = what
  }

  begin({ values, length }: SeriesWindows): void {
    if (this.#events.length < length) this.#events = new Int32Array(Math.max(length, this.#events.length * 2))
    const events = this.#events
    let count = 0
    for (let i = 0; i < length; i++) {
      if (i > 0) {
        const value = values[i]!
        const previous = values[i - 1]!
        if (this.#what === 'resets') {
          if (value < previous) count++
        } else if (value !== previous && !(Number.isNaN(value) && Number.isNaN(previous))) count++
      }
      events[i] = count
    }
  }

  run({ from, to, present }: SeriesWindows, out: Float64Array, fromStep: number, toStep: number): void {
    const events = this.#events
    for (let step = fromStep; step < toStep; step++) {
      if (present[step] === 1) out[step] = events[to[step]! - 1]! - events[from[step]!]!
    }
  }
}

/**
 * `min_over_time` and `max_over_time`: a queue of candidates, best first, each newer and worse than the one before it. NaN is no candidate,
 * so a window has NaN for its extreme only when it has nothing else. Of equals the oldest is taken (+0 and −0 are equals).
 */
export class Extreme implements RangeKernel {
  readonly #sign: 1 | -1
  #queue = new Int32Array(512)
  #head = 0
  #tail = 0
  /** Samples that have been offered to the queue. */
  #seen = 0

  constructor(which: 'min' | 'max') {
    this.#sign = which === 'max' ? 1 : -1
  }

  begin({ length }: SeriesWindows): void {
    // The queue never wraps: every sample enters it at most once.
    if (this.#queue.length < length) this.#queue = new Int32Array(Math.max(length, this.#queue.length * 2))
    this.#head = 0
    this.#tail = 0
    this.#seen = 0
  }

  run({ values, from, to, present }: SeriesWindows, out: Float64Array, fromStep: number, toStep: number): void {
    const queue = this.#queue
    const sign = this.#sign
    let head = this.#head
    let tail = this.#tail
    let seen = this.#seen
    for (let step = fromStep; step < toStep; step++) {
      const start = from[step]!
      const end = to[step]!
      if (seen < start) seen = start
      for (; seen < end; seen++) {
        const value = values[seen]! * sign
        if (Number.isNaN(value)) continue
        while (tail > head && values[queue[tail - 1]!]! * sign < value) tail--
        queue[tail++] = seen
      }
      while (head < tail && queue[head]! < start) head++
      if (present[step] === 1) out[step] = head < tail ? values[queue[head]!]! : Number.NaN
    }
    this.#head = head
    this.#tail = tail
    this.#seen = seen
  }
}
