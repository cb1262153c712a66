import type { RefusedSample } from '../contract.ts'
import { copyColumn } from '../sample-buffer.ts'
import type { HeadSeries } from './series.ts'

/** Capacity above which columns are not kept for the next batch. */
const KEPT_CAPACITY_MAX = 65_536

/**
 * Samples an appender has gathered, as columns. Samples of one series that follow each other make a run: `runs[k]` owns those
 * from `starts[k]` up to `starts[k + 1]`.
 */
export class Batch {
  refs = new Uint32Array(1024)
  timesMs = new Float64Array(1024)
  values = new Float64Array(1024)
  length = 0
  readonly runs: HeadSeries[] = []
  readonly starts: number[] = []
  overLimit = 0
  firstOverLimit: RefusedSample | undefined

  /** Makes room for one more sample and notes whose it is. @returns its place in the columns. */
  place(series: HeadSeries, timeMs: number): number {
    if (this.length === this.timesMs.length) this.#grow(this.length + 1)
    this.#beginRun(series)
    this.refs[this.length] = series.ref
    this.timesMs[this.length] = timeMs
    return this.length++
  }

  /** Adds the first `length` samples of two columns. */
  placeColumns(series: HeadSeries, timesMs: Float64Array, values: Float64Array, length: number): void {
    if (this.length + length > this.timesMs.length) this.#grow(this.length + length)
    this.#beginRun(series)
    this.refs.fill(series.ref, this.length, this.length + length)
    copyColumn(timesMs, 0, length, this.timesMs, this.length)
    copyColumn(values, 0, length, this.values, this.length)
    this.length += length
  }

  #beginRun(series: HeadSeries): void {
    if (this.runs.at(-1) === series) return
    this.runs.push(series)
    this.starts.push(this.length)
  }

  /** @returns whether the columns are worth keeping. */
  clear(): boolean {
    this.length = 0
    this.runs.length = 0
    this.starts.length = 0
    this.overLimit = 0
    this.firstOverLimit = undefined
    return this.timesMs.length <= KEPT_CAPACITY_MAX
  }

  #grow(needed: number): void {
    const capacity = Math.max(needed, this.timesMs.length * 2)
    const refs = new Uint32Array(capacity)
    refs.set(this.refs)
    this.refs = refs
    const timesMs = new Float64Array(capacity)
    timesMs.set(this.timesMs)
    this.timesMs = timesMs
    const values = new Float64Array(capacity)
    values.set(this.values)
    this.values = values
  }
}
