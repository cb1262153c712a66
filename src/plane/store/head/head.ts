import type { Labels } from '../../../core/labels.ts'
import { labelsKey } from '../../../core/labels.ts'
import type { Clock } from '../../../core/time.ts'
import type { Pace } from '../../../core/turns.ts'
import { type Appender, type AppendOutcome, type RefusedSample, type SeriesRef, type TimeRange, timeMsMax } from '../contract.ts'
import { storeErrors } from '../errors.ts'
import type { CompiledMatcher } from '../matcher.ts'
import type { Run } from '../runs.ts'
import { copyValue } from '../stale.ts'
import { AppenderPool } from './appender.ts'
import { Arena } from './arena.ts'
import type { Batch } from './batch.ts'
import { LabelIndex, PAUSE_WORK } from './label-index.ts'
import { OpenCopies } from './open-copies.ts'
import { Searches } from './searches.ts'
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

/** A record of the log holds 16 MiB; characters take up to three bytes. */
const LABELS_CHARS_MAX = 1_000_000
/** What it takes to look at a series and to copy what it has open, in units of the pace. */
const MATCH_WORK = 40
/** Series forgotten at once: each time the lists that they stand in are written anew. */
const FORGET_SERIES = 250

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
  memory: SeriesMemory
  readonly counts: HeadCounts = { samples: 0, lateSamples: 0, refused: 0, conflicts: 0 }
  /** What lies before this is in blocks; such samples count as late. */
  floorMs = Number.NEGATIVE_INFINITY
  /** What lies before this is past retention, and refused. */
  retentionFloorMs = -timeMsMax
  readonly searches = new Searches()
  newestMs = Number.NEGATIVE_INFINITY
  /** No sample in order is older; +∞ when there is none. */
  oldestMs = Number.POSITIVE_INFINITY
  #nextRef = 1
  readonly #config: HeadConfig
  readonly #clock: Clock
  readonly #log: HeadLog | undefined
  readonly #pool: AppenderPool

  constructor(config: HeadConfig, clock: Clock, log?: HeadLog) {
    this.#config = config
    this.#clock = clock
    this.#log = log
    this.memory = this.#createMemory()
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

  /** Refs up to this one are not given to series of this process: an earlier one used them in the log. */
  reserveRefs(last: SeriesRef): void {
    this.#nextRef = Math.max(this.#nextRef, last + 1)
  }

  #create(labels: Labels, key: string): HeadSeries {
    // A series that the log could not hold must not get as far as having samples.
    if (key.length > LABELS_CHARS_MAX) {
      throw storeErrors.MW_STORE_LABELS_TOO_LONG(
        `the labels of a series take ${key.length} characters, and at most ${LABELS_CHARS_MAX} are taken; it begins with ${key.slice(0, 200)}…`,
      )
    }
    const series = new HeadSeries(this.#nextRef++, this.index.intern(labels), flat(key))
    this.index.add(series)
    return series
  }

  async #commit(batch: Batch): Promise<AppendOutcome> {
    let outcome: AppendOutcome
    try {
      this.#log?.check()
      outcome = this.#take(batch)
    } finally {
      this.#forgetEmpty(batch.runs)
    }
    await this.#log?.commit()
    return outcome
  }

  /** Puts the samples where they belong and moves those that were accepted to the front of the columns, for the log. */
  #take(batch: Batch): AppendOutcome {
    const { timesMs, values, refs } = batch
    const counts = { outOfOrder: 0, tooOld: 0, duplicate: 0 }
    let firstRefused: RefusedSample | undefined
    let kept = 0
    let same = 0
    const isWatched = this.searches.beginCommit()
    try {
      for (let run = 0; run < batch.runs.length; run++) {
        const series = this.#indexed(batch.runs[run]!)
        if (isWatched) this.searches.note(series)
        const keptBefore = kept
        const to = batch.starts[run + 1] ?? batch.length
        for (let i = batch.starts[run]!; i < to; i++) {
          const result = this.#takeOne(series, timesMs[i]!, values, i)
          if (result === 'taken') {
            if (kept === keptBefore) this.declare(series)
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
      }
    } finally {
      // Even if something gave way half-way, as memory may: what can be seen is logged, or who repeats it is told it is safe.
      if (kept > 0) this.#log?.samples(refs, timesMs, values, 0, kept)
      this.counts.samples += kept
    }
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
    if (timeMs < this.retentionFloorMs || timeMs > timeMsMax) return 'tooOld'
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
    // One sample from the future must not close the window for all.
    if (timeMs < Math.min(this.newestMs, this.#clock.now()) - outOfOrderWindowMs) return 'tooOld'
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
    return this.searches.run(async (asOf) => {
      const found: HeadMatch[] = []
      const copies = new OpenCopies()
      for (const series of this.index.match(matchers)) {
        if (series !== undefined) {
          const runs = series.runs(range, copies, this.searches.newestMsAsOf(series, asOf))
          if (runs.length > 0) found.push({ series, runs })
          onFound(found.length)
        }
        if (pace.due(series === undefined ? PAUSE_WORK : MATCH_WORK)) await pace.breathe()
      }
      return found
    })
  }

  /** Forgets series that have nothing left. */
  async forgetEmpty(pace: Pace): Promise<void> {
    const gone: HeadSeries[] = []
    for (const series of this.index.all()) {
      if (series.isEmpty) gone.push(series)
      if (pace.due(10)) await pace.breathe()
    }
    for (let i = 0; i < gone.length; i += FORGET_SERIES) {
      this.index.remove(gone.slice(i, i + FORGET_SERIES).filter((series) => series.isEmpty && this.index.getByRef(series.ref) === series))
      await pace.breathe()
    }
  }

  /** Refuses and hides what is older. */
  keepFrom(timeMs: number): void {
    this.retentionFloorMs = Math.max(timeMs, -timeMsMax)
  }

  /** Takes the samples of a range out for good, and notes that in the counts. */
  delete(series: HeadSeries, range: TimeRange): void {
    const { samples, late } = series.delete(range, this.memory)
    this.counts.samples -= samples
    this.counts.lateSamples -= late
  }

  /** Forgets everything. Series that appenders hold come back under refs of their own. */
  clear(): void {
    this.index.clear()
    // Open chunks go with their pages: nobody has to visit each series.
    this.memory = this.#createMemory()
    this.floorMs = Number.NEGATIVE_INFINITY
    this.retentionFloorMs = -timeMsMax
    this.newestMs = Number.NEGATIVE_INFINITY
    this.oldestMs = Number.POSITIVE_INFINITY
    this.counts.samples = 0
    this.counts.lateSamples = 0
  }

  #createMemory(): SeriesMemory {
    return { slab: new Slab(), arena: new Arena(), blockRangeMs: this.#config.blockRangeMs }
  }
}

/** The same text as one piece. Put together by `+` it would stay a tree of its parts, ten times its size. */
function flat(text: string): string {
  const encoding = Buffer.byteLength(text) === text.length ? 'latin1' : 'utf16le'
  return Buffer.from(text, encoding).toString(encoding)
}
