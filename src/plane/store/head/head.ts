import type { Labels } from '../../../core/labels.ts'
import { labelsKey } from '../../../core/labels.ts'
import type { Pace } from '../../../core/turns.ts'
import type { Appender, AppendOutcome, RefusedSample, SeriesRef, TimeRange } from '../contract.ts'
import type { CompiledMatcher } from '../matcher.ts'
import type { Run } from '../runs.ts'
import { copyValue } from '../stale.ts'
import { AppenderPool } from './appender.ts'
import { Arena } from './arena.ts'
import type { Batch } from './batch.ts'
import { LabelIndex } from './label-index.ts'
import { OpenCopies } from './open-copies.ts'
import { HeadSeries, type SeriesMemory } from './series.ts'
import { Slab } from './slab.ts'

export interface HeadConfig {
  readonly blockRangeMs: number
  readonly seriesMax: number
  /** How much older than the newest sample of all a sample may be that comes out of order; 0 takes none. */
  readonly outOfOrderWindowMs: number
}

/** Keeps what was accepted, so that it survives the process. */
export interface HeadLog {
  /** Rises when what was logged before may be dropped: from then on the log must be told anew which labels a ref stands for. */
  readonly epoch: number
  series(ref: SeriesRef, labels: Labels): void
  samples(refs: Uint32Array, timesMs: Float64Array, values: Float64Array, from: number, to: number): void
  /** Resolves once everything handed over so far is safe. @throws MW_STORE_READ_ONLY before anything is taken, see `check`. */
  commit(): Promise<void>
  /** @throws MW_STORE_READ_ONLY when nothing more can be written. */
  check(): void
}

export interface HeadMatch {
  readonly series: HeadSeries
  readonly runs: Run[]
}

export interface HeadCounts {
  samples: number
  lateSamples: number
  refused: number
  /** Late samples whose time was taken already by another value. */
  conflicts: number
}

/** The series and samples that are in memory: everything since the last block was cut, and what came late. */
export class Head {
  readonly index = new LabelIndex()
  readonly memory: SeriesMemory
  readonly counts: HeadCounts = { samples: 0, lateSamples: 0, refused: 0, conflicts: 0 }
  readonly slab = new Slab()
  /** What lies before this is in blocks; such samples count as late. */
  floorMs = Number.NEGATIVE_INFINITY
  /** What lies before this is past retention, and refused. */
  retentionFloorMs = Number.NEGATIVE_INFINITY
  newestMs = Number.NEGATIVE_INFINITY
  /** No sample in order is older; +∞ when there is none. */
  oldestMs = Number.POSITIVE_INFINITY
  #nextRef = 1
  readonly #config: HeadConfig
  readonly #log: HeadLog | undefined
  readonly #pool: AppenderPool
  readonly #searches = new Set<Promise<unknown>>()

  constructor(config: HeadConfig, log?: HeadLog) {
    this.#config = config
    this.#log = log
    this.memory = { slab: this.slab, arena: new Arena(), blockRangeMs: config.blockRangeMs }
    this.#pool = new AppenderPool({
      find: (ref, labels) => this.#find(ref, labels),
      get: (ref) => this.index.getByRef(ref),
      commit: (batch) => this.#commit(batch),
      rollback: (batch) => this.#forgetEmpty(batch.runs),
    })
  }

  appender(): Appender {
    return this.#pool.appender()
  }

  #find(ref: SeriesRef, labels: Labels): HeadSeries | undefined {
    const known = ref === 0 ? undefined : this.index.getByRef(ref)
    if (known !== undefined) return known
    const key = labelsKey(labels)
    const found = this.index.get(key)
    if (found !== undefined) return found
    if (this.index.size >= this.#config.seriesMax) return undefined
    return this.#create(labels, key)
  }

  /** The series of the labels, whatever `seriesMax` says: what is on disk comes back. */
  restore(labels: Labels): HeadSeries {
    const key = labelsKey(labels)
    return this.index.get(key) ?? this.#create(labels, key)
  }

  #create(labels: Labels, key: string): HeadSeries {
    const series = new HeadSeries(this.#nextRef++, this.index.intern(labels), key)
    this.index.add(series)
    return series
  }

  async #commit(batch: Batch): Promise<AppendOutcome> {
    this.#log?.check()
    const outcome = this.#take(batch)
    this.#forgetEmpty(batch.runs)
    await this.#log?.commit()
    return outcome
  }

  /** Puts the samples where they belong and moves those that were accepted to the front of the columns, for the log. */
  #take(batch: Batch): AppendOutcome {
    const { timesMs, values, refs } = batch
    const counts = { sample: 0, outOfOrder: 0, tooOld: 0, duplicate: 0 }
    let firstRefused: RefusedSample | undefined
    let kept = 0
    let same = 0
    for (let run = 0; run < batch.runs.length; run++) {
      const series = this.#indexed(batch.runs[run]!)
      const keptBefore = kept
      const to = batch.starts[run + 1] ?? batch.length
      for (let i = batch.starts[run]!; i < to; i++) {
        const result = this.#takeOne(series, timesMs[i]!, values, i)
        if (result === 'taken') {
          if (kept !== i) {
            timesMs[kept] = timesMs[i]!
            copyValue(values, i, values, kept)
          }
          refs[kept++] = series.ref
        } else if (result === 'same') same++
        else {
          counts[result]++
          firstRefused ??= { labels: series.labels, timeMs: timesMs[i]!, reason: result }
        }
      }
      if (kept > keptBefore) this.declare(series)
    }
    if (kept > 0) this.#log?.samples(refs, timesMs, values, 0, kept)
    this.counts.samples += kept
    const { outOfOrder, tooOld, duplicate } = counts
    this.counts.refused += outOfOrder + tooOld + duplicate + batch.overLimit
    if (firstRefused === undefined && batch.overLimit > 0) firstRefused = batch.firstOverLimit
    return { appended: kept + same, outOfOrder, tooOld, duplicate, overLimit: batch.overLimit, firstRefused }
  }

  /** Tells the log which labels a ref stands for, unless it knows. */
  declare(series: HeadSeries): void {
    if (this.#log === undefined || series.loggedEpoch === this.#log.epoch) return
    this.#log.series(series.ref, series.labels)
    series.loggedEpoch = this.#log.epoch
  }

  #takeOne(series: HeadSeries, timeMs: number, values: Float64Array, i: number): 'taken' | 'same' | 'outOfOrder' | 'tooOld' | 'duplicate' {
    if (timeMs < this.retentionFloorMs) return 'tooOld'
    if (timeMs >= this.floorMs) {
      const result = series.append(timeMs, values, i, this.memory)
      if (result === 'appended') {
        this.noteTime(timeMs)
        return 'taken'
      }
      if (result !== 'older') return result
    }
    const { outOfOrderWindowMs } = this.#config
    if (outOfOrderWindowMs === 0) return timeMs < this.floorMs ? 'tooOld' : 'outOfOrder'
    if (timeMs < this.newestMs - outOfOrderWindowMs) return 'tooOld'
    return this.takeLate(series, timeMs, values, i) ? 'taken' : 'same'
  }

  noteTime(timeMs: number): void {
    if (timeMs > this.newestMs) this.newestMs = timeMs
    if (timeMs < this.oldestMs) this.oldestMs = timeMs
  }

  /** @returns false when there is a sample of that time; as in Prometheus the first stays, and nobody complains. */
  takeLate(series: HeadSeries, timeMs: number, values: Float64Array, i: number): boolean {
    const result = series.insertLate(timeMs, values, i, this.memory)
    if (result === 'conflict') this.counts.conflicts++
    if (result !== 'inserted') return false
    this.counts.lateSamples++
    return true
  }

  /** A series that was forgotten while a batch still held it comes back under a ref of its own, unless another has taken its labels meanwhile. */
  #indexed(series: HeadSeries): HeadSeries {
    if (this.index.getByRef(series.ref) === series) return series
    return this.index.get(series.key) ?? this.#create(series.labels, series.key)
  }

  #forgetEmpty(candidates: readonly HeadSeries[]): void {
    let gone: Set<HeadSeries> | undefined
    for (const series of candidates) {
      if (!series.isEmpty || this.index.getByRef(series.ref) !== series) continue
      gone ??= new Set()
      gone.add(series)
    }
    if (gone !== undefined) this.index.remove([...gone])
  }

  /**
   * Series that match, and what they have in the range; what was found does not change afterwards. It takes turns when there are many; until it is done,
   * nothing is dropped from memory.
   * @param onFound - Told how many there are so far; what it throws ends the search.
   */
  match(matchers: readonly CompiledMatcher[], range: TimeRange, onFound: (count: number) => void, pace: Pace): Promise<HeadMatch[]> {
    const search = this.#match(matchers, range, onFound, pace)
    this.#searches.add(search)
    const done = () => void this.#searches.delete(search)
    search.then(done, done)
    return search
  }

  async #match(matchers: readonly CompiledMatcher[], range: TimeRange, onFound: (count: number) => void, pace: Pace): Promise<HeadMatch[]> {
    const found: HeadMatch[] = []
    const copies = new OpenCopies()
    for (const series of this.index.match(matchers)) {
      const runs = series.runs(range, copies)
      if (runs.length > 0) found.push({ series, runs })
      onFound(found.length)
      if (pace.due(20)) await pace.breathe()
    }
    return found
  }

  /** Resolves when the searches under way are done. */
  async settled(): Promise<void> {
    await Promise.allSettled([...this.#searches])
  }

  /** Forgets series that have nothing left. */
  async forgetEmpty(pace: Pace): Promise<void> {
    const gone: HeadSeries[] = []
    for (const series of this.index.all()) {
      if (series.isEmpty) gone.push(series)
      if (pace.due(10)) await pace.breathe()
    }
    for (let i = 0; i < gone.length; i += 500) {
      this.index.remove(gone.slice(i, i + 500).filter((series) => series.isEmpty && this.index.getByRef(series.ref) === series))
      await pace.breathe()
    }
  }

  clear(): void {
    for (const series of this.index.all()) series.release(this.memory)
    this.index.clear()
    this.floorMs = Number.NEGATIVE_INFINITY
    this.retentionFloorMs = Number.NEGATIVE_INFINITY
    this.newestMs = Number.NEGATIVE_INFINITY
    this.oldestMs = Number.POSITIVE_INFINITY
    this.counts.samples = 0
  }
}
