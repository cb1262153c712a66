import assert from 'node:assert/strict'
import type { Labels } from '../../../core/labels.ts'
import type { Appender, AppendOutcome, SeriesRef } from '../contract.ts'
import { writeStaleMarker } from '../stale.ts'
import { Batch } from './batch.ts'
import type { HeadSeries } from './series.ts'

export interface AppendTarget {
  /** The series of the ref or else of the labels, made if need be; undefined when there is no room for one more. */
  find(ref: SeriesRef, labels: Labels): HeadSeries | undefined
  get(ref: SeriesRef): HeadSeries | undefined
  commit(batch: Batch): Promise<AppendOutcome>
  rollback(batch: Batch): void
}

/** Gathers samples in columns, which appenders take from each other: most are short-lived. */
export class AppenderPool {
  readonly #target: AppendTarget
  readonly #spare: Batch[] = []

  constructor(target: AppendTarget) {
    this.#target = target
  }

  appender(): Appender {
    return new HeadAppender(this.#target, this.#spare.pop() ?? new Batch(), (batch) => {
      if (batch.clear() && this.#spare.length < 4) this.#spare.push(batch)
    })
  }
}

class HeadAppender implements Appender {
  readonly #target: AppendTarget
  readonly #giveBack: (batch: Batch) => void
  #batch: Batch | undefined
  #last: HeadSeries | undefined

  constructor(target: AppendTarget, batch: Batch, giveBack: (batch: Batch) => void) {
    this.#target = target
    this.#batch = batch
    this.#giveBack = giveBack
  }

  append(ref: SeriesRef, labels: Labels, timeMs: number, value: number): SeriesRef {
    const batch = this.#open(timeMs)
    const series = ref !== 0 && this.#last?.ref === ref ? this.#last : this.#target.find(ref, labels)
    if (series === undefined) {
      batch.overLimit++
      batch.firstOverLimit ??= { labels, timeMs, reason: 'overLimit' }
      return 0
    }
    this.#last = series
    const at = batch.place(series, timeMs) // The columns may be others after this.
    // A NaN from outside must not turn out to have the bits of a staleness marker.
    // biome-ignore lint/suspicious/noSelfCompare: the cheapest NaN test there is.
    batch.values[at] = value === value ? value : Number.NaN
    return series.ref
  }

  appendColumns(ref: SeriesRef, labels: Labels, timesMs: Float64Array, values: Float64Array, length: number): SeriesRef {
    if (length === 0) return ref
    const batch = this.#open(timesMs[0]!)
    for (let i = 1; i < length; i++) this.#open(timesMs[i]!)
    const series = this.#target.find(ref, labels)
    if (series === undefined) {
      batch.overLimit += length
      batch.firstOverLimit ??= { labels, timeMs: timesMs[0]!, reason: 'overLimit' }
      return 0
    }
    this.#last = series
    batch.placeColumns(series, timesMs, values, length)
    return series.ref
  }

  appendStale(ref: SeriesRef, timeMs: number): void {
    const batch = this.#open(timeMs)
    const series = this.#target.get(ref)
    // A series already forgotten has ended; there is nothing to mark.
    if (series === undefined) return
    const at = batch.place(series, timeMs)
    writeStaleMarker(batch.values, at)
  }

  async commit(): Promise<AppendOutcome> {
    const batch = this.#take()
    try {
      return await this.#target.commit(batch)
    } finally {
      this.#giveBack(batch)
    }
  }

  rollback(): void {
    const batch = this.#take()
    this.#target.rollback(batch)
    this.#giveBack(batch)
  }

  #open(timeMs: number): Batch {
    assert(this.#batch !== undefined, 'the appender is spent: it was committed or rolled back')
    if (!Number.isSafeInteger(timeMs)) assert.fail(`the time ${timeMs} is not an integer of milliseconds`)
    return this.#batch
  }

  #take(): Batch {
    assert(this.#batch !== undefined, 'the appender is spent: it was committed or rolled back')
    const batch = this.#batch
    this.#batch = undefined
    return batch
  }
}
