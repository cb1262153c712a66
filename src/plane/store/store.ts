import { join } from 'node:path'
import { type Labels, labelsKey, labelValue } from '../../core/labels.ts'
import { type Clock, systemClock } from '../../core/time.ts'
import { createPace } from '../../core/turns.ts'
import type { Block } from './block/block.ts'
import { sortStrings } from './block/sort-strings.ts'
import { type Cardinality, cardinalityInSteps } from './cardinality.ts'
import { type StoreConfig, storeDefaults } from './config.ts'
import type {
  Appender,
  Matcher,
  MetricMetadata,
  Selection,
  SelectLimits,
  SeriesStore,
  StoreAdmin,
  StoreLog,
  StoreStats,
  TimeRange,
} from './contract.ts'
import { type Disk, needsFolder } from './disk.ts'
import { Head } from './head/head.ts'
import { PAUSE_WORK } from './head/label-index.ts'
import { type CompiledMatcher, compileMatcher } from './matcher.ts'
import { MetadataTable } from './metadata.ts'
import { openDisk } from './open-disk.ts'
import { type Parts, select } from './select.ts'

export interface StoreDeps {
  readonly log?: StoreLog
  readonly clock?: Clock
}

const silent: StoreLog = { info() {}, warn() {}, error() {} }

/** What it takes to look at one series, in units of a pace. */
const VISIT_WORK = 50

/** A store that keeps everything in memory and forgets it when the process ends. */
export function createMemoryStore(config: Partial<Omit<StoreConfig, 'path'>> = {}): TimeSeriesStore {
  const settings = { ...storeDefaults, ...config, path: undefined }
  return new TimeSeriesStore(settings, new MetadataTable(settings.metadataMax), new Head(settings, systemClock))
}

/**
 * Opens a data folder, made if need be, or a store in memory if there is none. What an earlier process acknowledged is there when this resolves.
 * @throws MW_STORE_FOLDER_LOCKED when another process holds the folder; MW_WAL_VERSION and the like when a newer modelwatch wrote it.
 */
export async function openStore(
  config: Partial<StoreConfig>,
  { log = silent, clock = systemClock }: StoreDeps = {},
): Promise<TimeSeriesStore> {
  const settings = { ...storeDefaults, ...config }
  const metadata = new MetadataTable(settings.metadataMax)
  const disk = settings.path === undefined ? undefined : await openDisk(settings.path, settings, { log, clock, metadata })
  return new TimeSeriesStore(settings, metadata, disk ?? new Head(settings, clock))
}

/** Samples of any number of series, in memory and on disk. */
export class TimeSeriesStore implements SeriesStore, StoreAdmin {
  readonly #config: StoreConfig
  readonly #metadata: MetadataTable
  readonly #disk: Disk | undefined
  readonly #head: Head

  /** @param place - The folder, or for a store in memory its head. */
  constructor(config: StoreConfig, metadata: MetadataTable, place: Disk | Head) {
    this.#config = config
    this.#metadata = metadata
    this.#disk = place instanceof Head ? undefined : place
    this.#head = place instanceof Head ? place : place.head
  }

  get #blocks(): readonly Block[] {
    return this.#disk?.blocks.blocks ?? []
  }

  get #parts(): Parts {
    return { head: this.#head, acquire: () => this.#disk?.blocks.acquire() ?? { blocks: [], release() {} } }
  }

  appender(): Appender {
    return this.#head.appender()
  }

  select(matchers: readonly Matcher[], range: TimeRange, limits?: SelectLimits): Promise<Selection> {
    return select(this.#parts, matchers.map(compileMatcher), this.#kept(range), limits)
  }

  /** Chunks and blocks are forgotten as a whole; what they still hold from before retention is not shown. */
  #kept({ fromMs, toMs }: TimeRange): TimeRange {
    return { fromMs: Math.max(fromMs, this.#head.retentionFloorMs), toMs }
  }

  async series(matcherSets: readonly (readonly Matcher[])[], range: TimeRange): Promise<Labels[]> {
    const found = new Map<string, Labels>()
    await this.#visit(matcherSets, range, (labels, key) => found.set(key ?? labelsKey(labels), labels))
    return [...found.values()]
  }

  async labelNames(matcherSets: readonly (readonly Matcher[])[], range: TimeRange): Promise<string[]> {
    const names = new Set<string>()
    await this.#visit(matcherSets, range, (labels) => {
      for (const [name] of labels) names.add(name)
    })
    return sortStrings([...names], createPace())
  }

  async labelValues(name: string, matcherSets: readonly (readonly Matcher[])[], range: TimeRange): Promise<string[]> {
    const values = new Set<string>()
    await this.#visit(matcherSets, range, (labels) => values.add(labelValue(labels, name)), name)
    values.delete('')
    return sortStrings([...values], createPace())
  }

  /** Every series that matches one of the sets and has a sample in the range; it may come more than once. @param label - Which it must have, if given. */
  #visit(
    matcherSets: readonly (readonly Matcher[])[],
    asked: TimeRange,
    visit: (labels: Labels, key?: string) => void,
    label?: string,
  ): Promise<void> {
    const range = this.#kept(asked)
    const pace = createPace()
    const having: Matcher[] = label === undefined ? [] : [{ name: label, op: '!=', value: '' }]
    // As in `select`: blocks and head of one moment, and nothing leaves the head meanwhile.
    const held = this.#parts.acquire()
    return this.#head.searches.run(async () => {
      try {
        for (const set of matcherSets.length === 0 ? [[]] : matcherSets) {
          const matchers: CompiledMatcher[] = [...set, ...having].map(compileMatcher)
          for (const series of this.#head.index.match(matchers)) {
            if (series?.hasSampleIn(range)) visit(series.labels, series.key)
            if (pace.due(series === undefined ? PAUSE_WORK : VISIT_WORK)) await pace.breathe()
          }
          for (const block of held.blocks) {
            for (const { labels } of await block.matchInTurns(matchers, range, pace)) {
              visit(labels)
              if (pace.due(VISIT_WORK)) await pace.breathe()
            }
          }
        }
      } finally {
        held.release()
      }
    })
  }

  setMetadata(metric: string, metadata: MetricMetadata): void {
    // On a full disk it waits for the next checkpoint: nobody was promised anything.
    if (!this.#metadata.set(metric, metadata) || this.#disk === undefined || this.#disk.wal.readOnly) return
    this.#disk.log.metadata(metric, metadata)
    this.#disk.log.commit().catch(() => {})
  }

  metadata(metric?: string): ReadonlyMap<string, MetricMetadata> {
    return this.#metadata.get(metric)
  }

  truncate(nowMs: number): void {
    if (this.#disk !== undefined) return // The disk has a clock of its own.
    const head = this.#head
    head.keepFrom(Math.max(head.retentionFloorMs, nowMs - this.#config.retentionMs))
    void this.#forgetOld() // Two at a time do no harm.
  }

  async #forgetOld(): Promise<void> {
    const head = this.#head
    const pace = createPace()
    for (const series of head.index.all()) {
      const floorMs = head.retentionFloorMs
      series.sealBefore(floorMs, head.memory)
      const late = series.dropLateBefore(floorMs)
      head.counts.samples -= series.dropChunksBefore(floorMs) + late
      head.counts.lateSamples -= late
      if (pace.due(50)) await pace.breathe()
    }
    await head.forgetEmpty(pace)
  }

  async deleteSeries(matcherSets: readonly (readonly Matcher[])[], range: TimeRange): Promise<void> {
    const sets = matcherSets.map((set) => set.map(compileMatcher))
    if (this.#disk !== undefined) return this.#disk.delete(sets, range)
    const pace = createPace()
    for (const matchers of sets) {
      for (const series of this.#head.index.match(matchers)) {
        if (series?.hasSampleIn(range)) this.#head.delete(series, range)
        if (pace.due(series === undefined ? PAUSE_WORK : 1000)) await pace.breathe()
      }
    }
    await this.#head.forgetEmpty(pace)
  }

  async cleanTombstones(): Promise<void> {
    const disk = this.#disk
    await disk?.exclusively(() => disk.blocks.cleanTombstones())
  }

  async snapshot(options: { readonly skipHead: boolean }): Promise<string> {
    const disk = needsFolder(this.#disk, 'snapshots')
    const name = `${new Date().toISOString().replaceAll(/[-:.]/g, '')}-${Math.random().toString(16).slice(2, 10)}`
    await disk.snapshot(join(disk.dir, 'snapshots', name), options)
    return name
  }

  async wipe(): Promise<void> {
    if (this.#disk !== undefined) return this.#disk.wipe()
    this.#head.clear()
    this.#metadata.clear()
  }

  /** Flushes, compacts and forgets what is due; done from time to time anyway. @param options - Compaction can wait until much has been written. */
  async maintain(options: { readonly compact?: boolean } = {}): Promise<void> {
    await this.#disk?.maintenance.maintain(options)
  }

  /** Where the series in memory come from. @param limit - Entries of each list at most. */
  async cardinality(limit: number): Promise<Cardinality> {
    const steps = cardinalityInSteps(this.#head, limit)
    const pace = createPace()
    for (;;) {
      const { done, value } = steps.next()
      if (done === true) return value
      if (pace.due(10_000)) await pace.breathe()
    }
  }

  /** Why nothing is taken at the moment; undefined when samples are welcome. */
  get readOnlyReason(): string | undefined {
    const wal = this.#disk?.wal
    return wal?.readOnly ? (wal.readOnlyReason ?? 'the log cannot be written') : undefined
  }

  stats(): StoreStats {
    const { index, counts, oldestMs, newestMs } = this.#head
    let samples = counts.samples
    let oldest = oldestMs
    let newest = newestMs
    for (const { meta } of this.#blocks) {
      samples += meta.samples
      oldest = Math.min(oldest, meta.minMs)
      newest = Math.max(newest, meta.maxMs)
    }
    return {
      series: index.size,
      samples,
      oldestMs: Number.isFinite(oldest) ? oldest : undefined,
      newestMs: Number.isFinite(newest) ? newest : undefined,
      headSamples: counts.samples,
      refusedSamples: counts.refused,
      lateSamples: counts.lateSamples,
      conflicts: counts.conflicts,
      metadataRefused: this.#metadata.refused,
      disk: this.#disk === undefined ? undefined : diskStats(this.#disk),
    }
  }

  async close(): Promise<void> {
    await this.#disk?.close()
  }
}

function diskStats(disk: Disk): StoreStats['disk'] {
  return {
    ...disk.stats,
    maintenanceFailures: disk.maintenance.failures,
    readOnly: disk.wal.readOnly,
    walBytes: disk.wal.sizeBytes,
    blockBytes: disk.blocks.sizeBytes,
    blockCount: disk.blocks.blocks.length,
    wal: disk.wal.stats(),
    blocks: disk.blocks.stats(),
  }
}
