import type { QueryStats } from './contract.ts'

export interface SampleCounts {
  readonly total: number
  readonly perStep: Float64Array | undefined
}

export type CountingMode = 'step' | 'every' | 'none'

/**
 * Counts the samples a query looks at, as Prometheus counts them: for an instant selector one per step and series, for a function of a range
 * vector those of each window. Inside a subquery nothing is counted; what is counted there are the windows over its result.
 */
export class SampleCounter {
  readonly #steps: number
  readonly #perStep: Float64Array | undefined
  #total = 0
  /** How counts are booked at this moment. */
  #mode: CountingMode = 'step'

  /** @param steps - Those of the query's own grid. @param eachStep - Whether to keep a count for each of them. */
  constructor(steps: number, eachStep: boolean) {
    this.#steps = steps
    this.#perStep = eachStep ? new Float64Array(steps) : undefined
  }

  get total(): number {
    return this.#total
  }

  /** Counts the windows of one series at steps [fromStep, toStep) of the grid that is evaluated now; `samples` is how many they have together. */
  addWindows(from: Int32Array, to: Int32Array, fromStep: number, toStep: number, samples: number): void {
    if (this.#mode === 'none') return
    this.#total += this.#mode === 'every' ? samples * this.#steps : samples
    const perStep = this.#perStep
    if (perStep === undefined) return
    if (this.#mode === 'every') for (let i = 0; i < perStep.length; i++) perStep[i]! += samples
    else for (let step = fromStep; step < toStep; step++) perStep[step]! += to[step]! - from[step]!
  }

  /** Counts one sample at each step that is present; `samples` is how many these are. */
  addPresent(present: Uint8Array, samples: number): void {
    if (this.#mode === 'none') return
    this.#total += this.#mode === 'every' ? samples * this.#steps : samples
    const perStep = this.#perStep
    if (perStep === undefined) return
    if (this.#mode === 'every') for (let i = 0; i < perStep.length; i++) perStep[i]! += samples
    else for (let step = 0; step < present.length; step++) perStep[step]! += present[step]!
  }

  /** Changes how counts are booked: `every` for what is computed once and holds at every step. @returns What it was, to be put back. */
  enter(mode: CountingMode): CountingMode {
    const before = this.#mode
    if (before !== 'none') this.#mode = mode
    return before
  }

  leave(before: CountingMode): void {
    this.#mode = before
  }

  /** The counts so far. */
  snapshot(): SampleCounts {
    return { total: this.#total, perStep: this.#perStep?.slice() }
  }

  /** What was counted since a snapshot. */
  since({ total, perStep }: SampleCounts): SampleCounts {
    return { total: this.#total - total, perStep: perStep?.map((count, i) => this.#perStep![i]! - count) }
  }

  /** Counts again what was counted for an equal expression. */
  repeat({ total, perStep }: SampleCounts): void {
    if (this.#mode === 'none') return
    this.#total += total
    for (let i = 0; i < (perStep?.length ?? 0); i++) this.#perStep![i]! += perStep![i]!
  }

  toStats(startMs: number, stepMs: number, peakSamples: number): QueryStats['samples'] {
    const totals = { totalQueryableSamples: this.#total, peakSamples }
    if (this.#perStep === undefined) return totals
    return {
      totalQueryableSamplesPerStep: Array.from(this.#perStep, (count, i) => [(startMs + i * stepMs) / 1000, count] as const),
      ...totals,
    }
  }
}
