import { nextTurn, SLICE_MS, WORK_PER_LOOK } from '../../core/turns.ts'
import { promqlErrors } from './errors.ts'
import type { QueryMemory } from './query-memory.ts'

/** What one value takes in a column, with the byte that says whether it is there. */
const CELL_BYTES = 9

export interface BudgetOptions {
  readonly samplesMax: number
  readonly seriesMax: number
  readonly bytesMax: number
  /** Shared with the other queries under way. */
  readonly memory: QueryMemory
  readonly timeoutMs: number
  readonly signal: AbortSignal | undefined
  /** Milliseconds of a clock that only goes forward. */
  readonly now: () => number
}

/** What one query may spend: samples, series, memory and time. It also lets the event loop breathe. */
export class Budget {
  readonly #options: BudgetOptions
  readonly #deadlineMs: number
  #sliceStartMs: number
  /** How long the slices took that are over. */
  #spentMs = 0
  #work = 0
  #held = 0
  #kept = 0
  #peak = 0
  #retainedBytes = 0
  /** What the shared memory knows of this query. */
  #countedBytes = 0

  constructor(options: BudgetOptions) {
    this.#options = options
    const nowMs = options.now()
    this.#deadlineMs = nowMs + options.timeoutMs
    this.#sliceStartMs = nowMs
  }

  get seriesMax(): number {
    return this.#options.seriesMax
  }

  /** Memory that may still be taken, in bytes. */
  get bytesLeft(): number {
    return Math.max(0, this.#options.bytesMax - this.#bytes)
  }

  /** Samples held at this moment. */
  get held(): number {
    return this.#held
  }

  /** The most samples held at a time. */
  get peak(): number {
    return this.#peak
  }

  get #bytes(): number {
    return this.#retainedBytes + (this.#held + this.#kept) * CELL_BYTES
  }

  /** Counts samples that are held from now on. @throws MW_PROMQL_LIMIT */
  charge(samples: number): void {
    this.#held += samples
    if (this.#held > this.#peak) this.#peak = this.#held
    if (this.#held > this.#options.samplesMax) {
      throw promqlErrors.MW_PROMQL_LIMIT('query processing would load too many samples into memory in query execution', {
        hint: `At most ${this.#options.samplesMax} samples may be held at a time (query.max-samples): select fewer series, shorten the time range or lengthen the step.`,
      })
    }
    this.#checkBytes()
  }

  /** Counts samples that are held for a moment only. @throws MW_PROMQL_LIMIT */
  glance(samples: number): void {
    this.charge(samples)
    this.#held -= samples
  }

  /** Counts columns of `series` × `steps`. @throws MW_PROMQL_LIMIT */
  chargeSeries(series: number, steps: number): void {
    this.checkSeries(series)
    this.charge(series * steps)
  }

  /** @throws MW_PROMQL_LIMIT when a result has too many series. */
  checkSeries(series: number): void {
    if (series > this.#options.seriesMax) {
      throw promqlErrors.MW_PROMQL_LIMIT(
        `the query has an intermediate result of ${series} series; at most ${this.#options.seriesMax} are allowed`,
      )
    }
  }

  /** Says how many samples are left when an expression is done and its inputs are gone. */
  settle(held: number): void {
    this.#held = held
    if (held > this.#peak) this.#peak = held
  }

  /** Counts columns that stay until the query ends. @throws MW_PROMQL_LIMIT */
  keep(samples: number): void {
    this.#kept += samples
    this.#checkBytes()
  }

  /** Counts other memory that stays until the query ends. @throws MW_PROMQL_LIMIT */
  retainBytes(bytes: number): void {
    this.#retainedBytes += bytes
    this.#checkBytes()
  }

  #checkBytes(): void {
    const bytes = this.#bytes
    if (bytes > this.#options.bytesMax) {
      throw promqlErrors.MW_PROMQL_LIMIT(
        `query processing would take about ${bytes} bytes of memory; at most ${this.#options.bytesMax} are allowed`,
        { hint: 'Ask for fewer series, a shorter time range or a longer step; the bound is query.max-memory.' },
      )
    }
    const change = bytes - this.#countedBytes
    this.#countedBytes = bytes
    this.#options.memory.change(change)
  }

  /** Gives back what the query took. */
  close(): void {
    this.#options.memory.change(-this.#countedBytes)
    this.#countedBytes = 0
  }

  /** Whether it is time to `breathe`. Cheap: it looks at the clock only after some work. */
  due(work: number): boolean {
    this.#work += work
    if (this.#work < WORK_PER_LOOK) return false
    // It stays time until a breath is taken, so that work may be told of where none can be.
    if (this.#options.now() >= this.#sliceStartMs + SLICE_MS) return true
    this.#work = 0
    return false
  }

  /** Gives way to the rest of the process. @throws MW_PROMQL_TIMEOUT, MW_PROMQL_CANCELED */
  async breathe(): Promise<void> {
    this.check()
    this.#spentMs += this.#options.now() - this.#sliceStartMs
    await nextTurn(this.#spentMs)
    this.check()
    this.#work = 0
    this.#sliceStartMs = this.#options.now()
  }

  /** @throws MW_PROMQL_TIMEOUT, MW_PROMQL_CANCELED */
  check(): void {
    if (this.#options.signal?.aborted === true) {
      throw promqlErrors.MW_PROMQL_CANCELED('query was canceled in expression evaluation', { cause: this.#options.signal.reason })
    }
    if (this.#options.now() >= this.#deadlineMs) {
      throw promqlErrors.MW_PROMQL_TIMEOUT(`query timed out in expression evaluation after ${this.#options.timeoutMs} ms`)
    }
  }
}
