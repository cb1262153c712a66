import assert from 'node:assert/strict'
import type { Labels } from '../../core/labels.ts'
import { labelsKey, labelValue } from '../../core/labels.ts'
import { type MemoryStoreConfig, memoryStoreDefaults } from './config.ts'
import type {
  Appender,
  AppendOutcome,
  Matcher,
  MetricMetadata,
  SelectLimits,
  SeriesColumns,
  SeriesRef,
  SeriesStore,
  StoreStats,
  TimeRange,
} from './contract.ts'
import { storeErrors } from './errors.ts'
import { LabelIndex } from './label-index.ts'
import { compileMatcher } from './matcher.ts'
import { MemorySeries, type SeriesSlices } from './memory-series.ts'

/** Past `samplesMax` the store sheds down to this share of it, so that it does not sort its chunks at every commit. */
const SHED_TO_RATIO = 0.95
const METADATA_MAX = 50_000

export interface MemoryStoreDeps {
  /** Told when samples were shed because of `samplesMax`. */
  readonly onEvicted?: (samples: number) => void
}

export interface MemoryStoreStats extends StoreStats {
  /** Samples shed because of `samplesMax`, since the start. */
  readonly evictedSamples: number
  /** Samples refused because of `seriesMax`, since the start. */
  readonly refusedSamples: number
}

export interface MemoryStore extends SeriesStore {
  stats(): MemoryStoreStats
}

/**
 * A store that keeps everything in memory and forgets it when the process ends.
 * Takes samples in the order of time, series by series; see AppendOutcome for what becomes of the others.
 */
export function createMemoryStore(config: Partial<MemoryStoreConfig> = {}, deps: MemoryStoreDeps = {}): MemoryStore {
  return new InMemoryStore({ ...memoryStoreDefaults, ...config }, deps)
}

class InMemoryStore implements MemoryStore {
  readonly #config: MemoryStoreConfig
  readonly #deps: MemoryStoreDeps
  readonly #index = new LabelIndex()
  readonly #metadata = new Map<string, MetricMetadata>()
  #nextRef = 1
  #samples = 0
  #evicted = 0
  #refused = 0
  /** Samples before this are past retention. Known from `truncate`, since a store has no clock of its own. */
  #floorMs = Number.NEGATIVE_INFINITY

  constructor(config: MemoryStoreConfig, deps: MemoryStoreDeps) {
    this.#config = config
    this.#deps = deps
  }

  appender(): Appender {
    return new MemoryAppender({
      find: (ref, labels) => this.#findOrCreate(ref, labels),
      get: (ref) => this.#index.getByRef(ref),
      commit: (batch) => this.#commit(batch),
      release: (series) => this.#removeEmpty(series),
    })
  }

  #findOrCreate(ref: SeriesRef, labels: Labels): MemorySeries | undefined {
    const known = ref === 0 ? undefined : this.#index.getByRef(ref)
    if (known !== undefined) return known
    const key = labelsKey(labels)
    const found = this.#index.get(key)
    if (found !== undefined) return found
    if (this.#index.size >= this.#config.seriesMax) return undefined
    const series = new MemorySeries(this.#nextRef++, labels, key)
    this.#index.add(series)
    return series
  }

  #commit(batch: Batch): AppendOutcome {
    let appended = 0
    let outOfOrder = 0
    let duplicate = 0
    for (const [i, pending] of batch.series.entries()) {
      const series = this.#indexed(pending, batch)
      const timeMs = batch.timesMs[i]!
      const result = timeMs < this.#floorMs ? 'outOfOrder' : series.append(timeMs, batch.values[i]!, batch.stale[i]!)
      if (result === 'outOfOrder') outOfOrder++
      else if (result === 'duplicate') duplicate++
      else appended++
      if (result === 'appended') this.#samples++
    }
    for (const series of batch.series) this.#removeEmpty(series)
    this.#refused += batch.overLimit
    if (this.#samples > this.#config.samplesMax) this.#shed()
    return { appended, outOfOrder, duplicate, overLimit: batch.overLimit }
  }

  /**
   * A series that was forgotten while a batch still held it comes back, unless another has taken its labels meanwhile. Forgotten more than once, it
   * stands in the batch under several refs: the last is the one its owner holds.
   */
  #indexed(series: MemorySeries, batch: Batch): MemorySeries {
    const current = this.#index.get(series.key)
    if (current !== undefined) return current
    const latest = batch.series.findLast(({ key }) => key === series.key)!
    this.#index.add(latest)
    return latest
  }

  #removeEmpty(series: MemorySeries): void {
    if (series.samples === 0 && this.#index.getByRef(series.ref) === series) this.#index.remove(series)
  }

  #shed(): void {
    const chunks: { series: MemorySeries; newestMs: number; samples: number }[] = []
    for (const series of this.#index.all()) for (const chunk of series.chunks()) chunks.push({ series, ...chunk })
    // Times rise within a series, so this order takes the chunks of each series from its oldest on.
    chunks.sort((a, b) => a.newestMs - b.newestMs)
    const target = Math.floor(this.#config.samplesMax * SHED_TO_RATIO)
    let shed = 0
    for (const { series } of chunks) {
      if (this.#samples - shed <= target) break
      shed += series.dropChunks(1)
      this.#removeEmpty(series)
    }
    this.#samples -= shed
    this.#evicted += shed
    this.#deps.onEvicted?.(shed)
  }

  select(matchers: readonly Matcher[], range: TimeRange, limits?: SelectLimits): SeriesColumns[] {
    const found: SeriesSlices[] = []
    const kept = this.#kept(range)
    let samples = 0
    for (const series of this.#index.match(matchers.map(compileMatcher))) {
      const slices = series.read(kept)
      if (slices === undefined) continue
      found.push(slices)
      samples += slices.samples
      if (limits === undefined) continue
      if (found.length > limits.seriesMax) throw storeErrors.MW_STORE_SELECT_LIMIT(`the selection has more than ${limits.seriesMax} series`)
      if (samples > limits.samplesMax) throw storeErrors.MW_STORE_SELECT_LIMIT(`the selection has more than ${limits.samplesMax} samples`)
    }
    return found
  }

  /** Whole chunks are forgotten, and what a chunk still holds from before retention is not shown. */
  #kept(range: TimeRange): TimeRange {
    return { fromMs: Math.max(range.fromMs, this.#floorMs), toMs: range.toMs }
  }

  *#within(matcherSets: readonly (readonly Matcher[])[], range: TimeRange): Iterable<MemorySeries> {
    const sets = matcherSets.length === 0 ? [[]] : matcherSets
    const kept = this.#kept(range)
    const seen = new Set<MemorySeries>()
    for (const set of sets) {
      for (const series of this.#index.match(set.map(compileMatcher))) {
        if (seen.has(series) || !series.hasSampleIn(kept)) continue
        seen.add(series)
        yield series
      }
    }
  }

  series(matcherSets: readonly (readonly Matcher[])[], range: TimeRange): Labels[] {
    return Array.from(this.#within(matcherSets, range), (series) => series.labels)
  }

  labelNames(matcherSets: readonly (readonly Matcher[])[], range: TimeRange): string[] {
    const names = new Set<string>()
    for (const series of this.#within(matcherSets, range)) for (const [name] of series.labels) names.add(name)
    return [...names].sort()
  }

  labelValues(name: string, matcherSets: readonly (readonly Matcher[])[], range: TimeRange): string[] {
    const values = new Set<string>()
    for (const series of this.#within(matcherSets, range)) values.add(labelValue(series.labels, name))
    values.delete('')
    return [...values].sort()
  }

  setMetadata(metric: string, metadata: MetricMetadata): void {
    if (!this.#metadata.has(metric) && this.#metadata.size >= METADATA_MAX) return
    this.#metadata.set(metric, metadata)
  }

  metadata(metric?: string): ReadonlyMap<string, MetricMetadata> {
    if (metric === undefined) return new Map(this.#metadata)
    const found = this.#metadata.get(metric)
    return new Map(found === undefined ? [] : [[metric, found]])
  }

  truncate(nowMs: number): void {
    this.#floorMs = Math.max(this.#floorMs, nowMs - this.#config.retentionMs)
    for (const series of [...this.#index.all()]) {
      const oldestMs = series.oldestMs
      if (oldestMs === undefined || oldestMs < this.#floorMs) this.#samples -= series.dropBefore(this.#floorMs)
      this.#removeEmpty(series)
    }
  }

  stats(): MemoryStoreStats {
    let oldestMs: number | undefined
    let newestMs: number | undefined
    let count = 0
    for (const series of this.#index.all()) {
      if (series.samples === 0) continue
      count++
      oldestMs = Math.min(oldestMs ?? Number.POSITIVE_INFINITY, series.oldestMs!)
      newestMs = Math.max(newestMs ?? Number.NEGATIVE_INFINITY, series.newestMs!)
    }
    return { series: count, samples: this.#samples, oldestMs, newestMs, evictedSamples: this.#evicted, refusedSamples: this.#refused }
  }

  async close(): Promise<void> {
    // Nothing is open, and the memory goes with the last reference to the store.
  }
}

interface Batch {
  readonly series: MemorySeries[]
  readonly timesMs: number[]
  readonly values: number[]
  readonly stale: boolean[]
  overLimit: number
}

interface AppendTarget {
  find(ref: SeriesRef, labels: Labels): MemorySeries | undefined
  get(ref: SeriesRef): MemorySeries | undefined
  commit(batch: Batch): AppendOutcome
  release(series: MemorySeries): void
}

class MemoryAppender implements Appender {
  readonly #target: AppendTarget
  #batch: Batch | undefined = { series: [], timesMs: [], values: [], stale: [], overLimit: 0 }

  constructor(target: AppendTarget) {
    this.#target = target
  }

  append(ref: SeriesRef, labels: Labels, timeMs: number, value: number): SeriesRef {
    assert(Number.isSafeInteger(timeMs), `append: time ${timeMs} is not an integer of milliseconds`)
    const batch = this.#open()
    const series = this.#target.find(ref, labels)
    if (series === undefined) {
      batch.overLimit++
      return 0
    }
    this.#push(batch, series, timeMs, value, false)
    return series.ref
  }

  appendStale(ref: SeriesRef, timeMs: number): void {
    assert(Number.isSafeInteger(timeMs), `appendStale: time ${timeMs} is not an integer of milliseconds`)
    const batch = this.#open()
    const series = this.#target.get(ref)
    // A series already forgotten has ended; there is nothing to mark.
    if (series !== undefined) this.#push(batch, series, timeMs, Number.NaN, true)
  }

  commit(): AppendOutcome {
    const batch = this.#open()
    this.#batch = undefined
    return this.#target.commit(batch)
  }

  rollback(): void {
    const batch = this.#open()
    this.#batch = undefined
    for (const series of batch.series) this.#target.release(series)
  }

  #push(batch: Batch, series: MemorySeries, timeMs: number, value: number, stale: boolean): void {
    batch.series.push(series)
    batch.timesMs.push(timeMs)
    batch.values.push(value)
    batch.stale.push(stale)
  }

  #open(): Batch {
    assert(this.#batch !== undefined, 'the appender is spent: it was committed or rolled back')
    return this.#batch
  }
}
