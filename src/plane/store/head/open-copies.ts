import type { PlainRun } from '../runs.ts'
import { copyColumn, upperBound } from '../sample-buffer.ts'

/** Numbers of a page. */
const PAGE = 16_384

/** Copies of columns that go on changing, made for one search: many to a page, for most are a few samples. */
export class OpenCopies {
  #page = new Float64Array(0)
  #at = 0
  readonly #pageNumbers: number

  /** @param pageNumbers - Two for each sample. */
  constructor(pageNumbers = PAGE) {
    this.#pageNumbers = pageNumbers
  }

  /**
   * Copies the samples of a range.
   * @param length - Of the columns: times from `page[times]` on, values from `page[values]` on.
   * @returns undefined when there is none.
   */
  copy(page: Float64Array, times: number, values: number, length: number, fromMs: number, toMs: number): PlainRun | undefined {
    const to = upperBound(page, length, toMs, times)
    const from = upperBound(page, to, fromMs - 1, times)
    const samples = to - from
    if (samples <= 0) return undefined
    if (this.#page.length - this.#at < 2 * samples) {
      this.#page = new Float64Array(Math.max(this.#pageNumbers, 2 * samples))
      this.#at = 0
    }
    const own = this.#page
    const at = this.#at
    this.#at += 2 * samples
    copyColumn(page, times + from, times + to, own, at)
    copyColumn(page, values + from, values + to, own, at + samples)
    return { minMs: own[at]!, maxMs: own[at + samples - 1]!, samples, timesMs: own, timesAt: at, values: own, valuesAt: at + samples }
  }
}
