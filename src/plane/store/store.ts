import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { type Labels, labelsKey, labelValue } from '../../core/labels.ts'
import { type Clock, systemClock } from '../../core/time.ts'
import { createPace } from '../../core/turns.ts'
import type { Block } from './block/block.ts'
import { type Cardinality, cardinalityOf } from './cardinality.ts'
import { writeCheckpoint } from './checkpoint.ts'
import { type StoreConfig, storeDefaults } from './config.ts'
import type {
  Appender,
  Matcher,
  MetricMetadata,
  Selection,
  SelectLimits,
  SeriesStore,
  StoreAdmin,
  StoreStats,
  TimeRange,
} from './contract.ts'
import { Disk, type StoreLog } from './disk.ts'
import { storeErrors } from './errors.ts'
import { Head } from './head/head.ts'
import { type CompiledMatcher, compileMatcher } from './matcher.ts'
import { MetadataTable } from './metadata.ts'
import { type Parts, select } from './select.ts'

export interface StoreDeps {
  readonly log?: StoreLog
  readonly clock?: Clock
}

const silent: StoreLog = { info() {}, warn() {}, error() {} }

/** A store that keeps everything in memory and forgets it when the process ends. */
export function createMemoryStore(config: Partial<Omit<StoreConfig, 'path'>> = {}): TimeSeriesStore {
  const settings = { ...storeDefaults, ...config, path: undefined }
  return new TimeSeriesStore(settings, new MetadataTable(settings.metadataMax), undefined)
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
  const disk = settings.path === undefined ? undefined : await Disk.open(settings.path, settings, { log, clock, metadata })
  return new TimeSeriesStore(settings, metadata, disk)
}

/** Samples of any number of series, in memory and on disk. */
export class TimeSeriesStore implements SeriesStore, StoreAdmin {
  readonly #config: StoreConfig
  readonly #metadata: MetadataTable
  readonly #disk: Disk | undefined
  readonly #head: Head

  constructor(config: StoreConfig, metadata: MetadataTable, disk: Disk | undefined) {
    this.#config = config
    this.#metadata = metadata
    this.#disk = disk
    this.#head = disk?.head ?? new Head(config)
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
    return [...names].sort()
  }

  async labelValues(name: string, matcherSets: readonly (readonly Matcher[])[], range: TimeRange): Promise<string[]> {
    const values = new Set<string>()
    await this.#visit(matcherSets, range, (labels) => values.add(labelValue(labels, name)), name)
    values.delete('')
    return [...values].sort()
  }

  /** Every series that matches one of the sets and has a sample in the range; it may come more than once. @param label - Which it must have, if given. */
  async #visit(
    matcherSets: readonly (readonly Matcher[])[],
    asked: TimeRange,
    visit: (labels: Labels, key?: string) => void,
    label?: string,
  ): Promise<void> {
    const range = this.#kept(asked)
    const pace = createPace()
    const having: Matcher[] = label === undefined ? [] : [{ name: label, op: '!=', value: '' }]
    const held = this.#parts.acquire()
    try {
      for (const set of matcherSets.length === 0 ? [[]] : matcherSets) {
        const matchers: CompiledMatcher[] = [...set, ...having].map(compileMatcher)
        for (const series of this.#head.index.match(matchers)) {
          if (series.hasSampleIn(range)) visit(series.labels, series.key)
          if (pace.due(20)) await pace.breathe()
        }
        for (const block of held.blocks) {
          for (const { labels } of await block.matchInTurns(matchers, range, pace)) {
            visit(labels)
            if (pace.due(20)) await pace.breathe()
          }
        }
      }
    } finally {
      held.release()
    }
  }

  setMetadata(metric: string, metadata: MetricMetadata): void {
    if (!this.#metadata.set(metric, metadata) || this.#disk === undefined) return
    this.#disk.log.metadata(metric, metadata)
    this.#disk.log.commit().catch(() => {}) // Nobody was promised anything: a checkpoint writes it again.
  }

  metadata(metric?: string): ReadonlyMap<string, MetricMetadata> {
    return this.#metadata.get(metric)
  }

  truncate(nowMs: number): void {
    if (this.#disk !== undefined) return // The disk has a clock of its own.
    const head = this.#head
    head.retentionFloorMs = Math.max(head.retentionFloorMs, nowMs - this.#config.retentionMs)
    for (const series of head.index.all()) {
      series.sealBefore(head.retentionFloorMs, head.memory)
      head.counts.samples -= series.dropChunksBefore(head.retentionFloorMs)
    }
    head.index.remove([...head.index.all()].filter((series) => series.isEmpty))
  }

  async deleteSeries(matcherSets: readonly (readonly Matcher[])[], range: TimeRange): Promise<void> {
    const sets = matcherSets.map((set) => set.map(compileMatcher))
    const work = async () => {
      const disk = this.#disk
      const pace = createPace()
      for (const matchers of sets) {
        await disk?.blocks.deleteSamples(matchers, range)
        for (const series of [...this.#head.index.match(matchers)]) {
          if (!series.hasSampleIn(range)) continue
          this.#head.counts.samples -= series.delete(range, this.#head.memory)
          if (disk !== undefined) this.#head.declare(series)
          disk?.log.tombstone(series.ref, range.fromMs, range.toMs)
          if (pace.due(1000)) await pace.breathe()
        }
      }
      await disk?.log.commit()
    }
    await (this.#disk === undefined ? work() : this.#disk.exclusively(work))
  }

  async cleanTombstones(): Promise<void> {
    const disk = this.#disk
    await disk?.exclusively(() => disk.blocks.cleanTombstones())
  }

  async snapshot({ skipHead }: { readonly skipHead: boolean }): Promise<string> {
    const disk = this.#disk
    const path = this.#config.path
    if (disk === undefined || path === undefined) throw storeErrors.MW_STORE_NO_FOLDER('a store in memory has no snapshots')
    const name = `${new Date().toISOString().replaceAll(/[-:.]/g, '')}-${Math.random().toString(16).slice(2, 10)}`
    const dir = join(path, 'snapshots', name)
    await disk.exclusively(async () => {
      await mkdir(join(dir, 'checkpoints'), { recursive: true })
      await disk.blocks.snapshotInto(join(dir, 'blocks'))
      if (!skipHead) await writeCheckpoint(join(dir, 'checkpoints'), this.#head, 0, createPace())
    })
    return name
  }

  async wipe(): Promise<void> {
    if (this.#disk !== undefined) return this.#disk.wipe()
    this.#head.clear()
    this.#metadata.clear()
  }

  /** Flushes, compacts and forgets what is due; done from time to time anyway. @param options - Compaction can wait until much has been written. */
  async maintain(options: { readonly compact?: boolean } = {}): Promise<void> {
    await this.#disk?.maintain(options)
  }

  cardinality(limit: number): Cardinality {
    return cardinalityOf(this.#head, limit)
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
    readOnly: disk.wal.readOnly,
    walBytes: disk.wal.sizeBytes,
    blockBytes: disk.blocks.sizeBytes,
    blockCount: disk.blocks.blocks.length,
    wal: disk.wal.stats(),
    blocks: disk.blocks.stats(),
  }
}
