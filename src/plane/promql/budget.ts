import { setImmediate } from 'node:timers/promises'
import { promqlErrors } from './errors.ts'

/** Longest stretch of work before others on the event loop get their turn. */
const SLICE_MS = 3
/** Units of work (about a sample looked at) between two looks at the clock. */
const WORK_PER_LOOK = 20_000

export interface BudgetOptions {
  readonly samplesMax: number
  readonly seriesMax: number
  readonly timeoutMs: number
  readonly signal: AbortSignal | undefined
  /** Milliseconds of a clock that only goes forward. */
  readonly now: () => number
}

/** What one query may spend: samples, series and time. It also lets the event loop breathe. */
export class Budget {
  readonly #options: BudgetOptions
  readonly #deadlineMs: number
  #sliceEndMs: number
  #samples = 0
  #work = 0

  constructor(options: BudgetOptions) {
    this.#options = options
    const nowMs = options.now()
    this.#deadlineMs = nowMs + options.timeoutMs
    this.#sliceEndMs = nowMs + SLICE_MS
  }

  get samplesLeft(): number {
    return this.#options.samplesMax - this.#samples
  }

  get seriesMax(): number {
    return this.#options.seriesMax
  }

  /** Counts samples read, or values about to be computed. @throws MW_PROMQL_LIMIT */
  charge(samples: number): void {
    this.#samples += samples
    if (this.#samples > this.#options.samplesMax) {
      throw promqlErrors.MW_PROMQL_LIMIT(
        `query processing would load too many samples into memory in query execution: more than ${this.#options.samplesMax}`,
      )
    }
  }

  /** Charges for columns of `series` × `steps`. @throws MW_PROMQL_LIMIT */
  chargeSeries(series: number, steps: number): void {
    if (series > this.#options.seriesMax)
      throw promqlErrors.MW_PROMQL_LIMIT(
        `the query has an intermediate result of ${series} series; at most ${this.#options.seriesMax} are allowed`,
      )
    this.charge(series * steps)
  }

  /** Whether it is time to `breathe`. Cheap: it looks at the clock only after some work. */
  due(work: number): boolean {
    this.#work += work
    if (this.#work < WORK_PER_LOOK) return false
    this.#work = 0
    return this.#options.now() >= this.#sliceEndMs
  }

  /** Gives way to the rest of the process. @throws MW_PROMQL_TIMEOUT, MW_PROMQL_CANCELED */
  async breathe(): Promise<void> {
    this.check()
    await setImmediate()
    this.check()
    this.#sliceEndMs = this.#options.now() + SLICE_MS
  }

  check(): void {
    if (this.#options.signal?.aborted === true) {
      throw promqlErrors.MW_PROMQL_CANCELED('query was canceled in expression evaluation', { cause: this.#options.signal.reason })
    }
    if (this.#options.now() >= this.#deadlineMs) {
      throw promqlErrors.MW_PROMQL_TIMEOUT(`query timed out in expression evaluation after ${this.#options.timeoutMs} ms`)
    }
  }
}
