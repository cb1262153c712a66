import { MS_PER_SECOND } from '../core/time.ts'
import { addProcessMetrics, defineFamilies, Registry } from '../instrument/index.ts'
import type { RuleManager, RuleStats } from '../plane/rules/index.ts'
import type { Scraper, ScrapeStats } from '../plane/scrape/index.ts'
import type { DiskStats, TimeSeriesStore } from '../plane/store/index.ts'

/** What the monitor tells about itself. */
export const monitorFamilies = defineFamilies({
  scrapes: { kind: 'counter', name: 'modelwatch_scrapes_total', help: 'Scrapes, by outcome.', labels: ['outcome'], labelSetsMax: 3 },
  scrapedSamples: {
    kind: 'counter',
    name: 'modelwatch_scrape_samples_total',
    help: 'Scraped samples, by what became of them.',
    labels: ['outcome'],
    labelSetsMax: 6,
  },
  targets: {
    kind: 'gauge',
    unit: 'none',
    name: 'modelwatch_scrape_targets',
    help: 'Targets that are scraped.',
    labels: [],
    labelSetsMax: 1,
  },
  rules: {
    kind: 'counter',
    name: 'modelwatch_rule_evaluations_total',
    help: 'Evaluations of rules, by outcome.',
    labels: ['outcome'],
    labelSetsMax: 2,
  },
  missedGroups: {
    kind: 'counter',
    name: 'modelwatch_rule_group_evaluations_missed_total',
    help: 'Evaluations of a rule group left out because the one before took too long.',
    labels: [],
    labelSetsMax: 1,
  },
  alerts: { kind: 'gauge', unit: 'none', name: 'modelwatch_alerts', help: 'Active alerts, by state.', labels: ['state'], labelSetsMax: 2 },
  series: { kind: 'gauge', unit: 'none', name: 'modelwatch_store_series', help: 'Series the store holds.', labels: [], labelSetsMax: 1 },
  seriesMax: {
    kind: 'gauge',
    unit: 'none',
    name: 'modelwatch_store_series_max',
    help: 'Series the store holds in memory at most; samples of further ones are refused.',
    labels: [],
    labelSetsMax: 1,
  },
  samples: { kind: 'gauge', unit: 'none', name: 'modelwatch_store_samples', help: 'Samples the store holds.', labels: [], labelSetsMax: 1 },
  refused: {
    kind: 'counter',
    name: 'modelwatch_store_samples_refused_total',
    help: 'Samples refused: out of order, too old, another value at the same time, or of a series past the limit.',
    labels: [],
    labelSetsMax: 1,
  },
  conflicts: {
    kind: 'counter',
    name: 'modelwatch_store_late_conflicts_total',
    help: 'Late samples left out because their time was taken by another value.',
    labels: [],
    labelSetsMax: 1,
  },
  metadataRefused: {
    kind: 'counter',
    name: 'modelwatch_store_metadata_refused_total',
    help: 'Times that type, help and unit of a metric were not kept: too many metrics, or too long.',
    labels: [],
    labelSetsMax: 1,
  },
  late: {
    kind: 'gauge',
    unit: 'none',
    name: 'modelwatch_store_late_samples',
    help: 'Samples in memory that came after newer ones.',
    labels: [],
    labelSetsMax: 1,
  },
  readOnly: {
    kind: 'gauge',
    unit: 'none',
    name: 'modelwatch_store_read_only',
    help: 'Whether samples are refused because the disk takes no more: 0 or 1.',
    labels: [],
    labelSetsMax: 1,
  },
  disk: {
    kind: 'gauge',
    unit: 'bytes',
    name: 'modelwatch_store_disk_bytes',
    help: 'What the store takes on disk, by part.',
    labels: ['part'],
    labelSetsMax: 2,
  },
  blocks: { kind: 'gauge', unit: 'none', name: 'modelwatch_store_blocks', help: 'Blocks on disk.', labels: [], labelSetsMax: 1 },
  compactions: {
    kind: 'counter',
    name: 'modelwatch_store_compactions_total',
    help: 'Compactions of blocks, by outcome.',
    labels: ['outcome'],
    labelSetsMax: 2,
  },
  flushes: {
    kind: 'counter',
    name: 'modelwatch_store_flushes_total',
    help: 'Times that samples moved from memory into blocks.',
    labels: [],
    labelSetsMax: 1,
  },
  maintenanceFailures: {
    kind: 'counter',
    name: 'modelwatch_store_maintenance_failures_total',
    help: 'Times that flushing, compacting or forgetting failed; it is tried again.',
    labels: [],
    labelSetsMax: 1,
  },
  damages: {
    kind: 'counter',
    name: 'modelwatch_store_damages_total',
    help: 'Damage found on disk, by what was damaged: log (a checkpoint included), block, or piece of a block.',
    labels: ['what'],
    labelSetsMax: 3,
  },
  cache: {
    kind: 'gauge',
    unit: 'bytes',
    name: 'modelwatch_store_cache_bytes',
    help: 'Memory held by pieces of blocks that were read.',
    labels: [],
    labelSetsMax: 1,
  },
  cacheReads: {
    kind: 'counter',
    name: 'modelwatch_store_cache_reads_total',
    help: 'Reads of pieces of blocks: hit found it in memory, miss read it from the disk.',
    labels: ['outcome'],
    labelSetsMax: 2,
  },
  logPending: {
    kind: 'gauge',
    unit: 'bytes',
    name: 'modelwatch_store_log_pending_bytes',
    help: 'Bytes that wait to be written to the log. Past a limit samples are refused until the disk has caught up.',
    labels: [],
    labelSetsMax: 1,
  },
  logBytes: {
    kind: 'counter',
    unit: 'bytes',
    name: 'modelwatch_store_log_written_bytes_total',
    help: 'Bytes written to the log.',
    labels: [],
    labelSetsMax: 1,
  },
  fsyncs: {
    kind: 'counter',
    name: 'modelwatch_store_log_fsyncs_total',
    help: 'Times that the log was forced to the disk.',
    labels: [],
    labelSetsMax: 1,
  },
  fsyncSeconds: {
    kind: 'counter',
    unit: 'seconds',
    name: 'modelwatch_store_log_fsync_seconds_total',
    help: 'Time that took.',
    labels: [],
    labelSetsMax: 1,
  },
  logFailures: {
    kind: 'counter',
    name: 'modelwatch_store_log_failures_total',
    help: 'Writes and fsyncs of the log that failed; they are tried again.',
    labels: [],
    labelSetsMax: 1,
  },
  start: {
    kind: 'gauge',
    unit: 'seconds',
    name: 'modelwatch_store_start_seconds',
    help: 'How long it took to read the data folder at the start.',
    labels: [],
    labelSetsMax: 1,
  },
  oldest: {
    kind: 'gauge',
    unit: 'seconds',
    name: 'modelwatch_store_oldest_timestamp_seconds',
    help: 'Time of the oldest sample, since 1970.',
    labels: [],
    labelSetsMax: 1,
  },
})

/** A registry that reads the parts of the plane when it is scraped. */
export function createMonitorMetrics(parts: {
  readonly store: TimeSeriesStore
  readonly seriesMax: number
  readonly scraper: Scraper
  readonly rules: RuleManager
}): Registry {
  const { store, seriesMax, scraper, rules } = parts
  const registry = new Registry()
  addProcessMetrics(registry)
  const scrapes = (outcome: string, read: (stats: ScrapeStats) => number) =>
    registry.read(monitorFamilies.scrapes, { outcome }, () => read(scraper.stats()))
  scrapes('up', (stats) => stats.scrapes - stats.scrapesFailed)
  scrapes('failed', (stats) => stats.scrapesFailed)
  scrapes('missed', (stats) => stats.scrapesMissed)
  const samples = (outcome: string, read: (stats: ScrapeStats) => number) =>
    registry.read(monitorFamilies.scrapedSamples, { outcome }, () => read(scraper.stats()))
  samples('appended', (stats) => stats.samplesAppended)
  samples('out_of_order', (stats) => stats.samplesOutOfOrder)
  samples('duplicate', (stats) => stats.samplesDuplicate)
  samples('out_of_bounds', (stats) => stats.samplesOutOfBounds)
  samples('over_limit', (stats) => stats.samplesOverLimit)
  samples('refused', (stats) => stats.samplesRefused)
  registry.read(monitorFamilies.targets, {}, () => scraper.targets().length)
  const evaluations = (outcome: string, read: (stats: RuleStats) => number) =>
    registry.read(monitorFamilies.rules, { outcome }, () => read(rules.stats()))
  evaluations('ok', (stats) => stats.evaluations - stats.evaluationsFailed)
  evaluations('failed', (stats) => stats.evaluationsFailed)
  registry.read(monitorFamilies.missedGroups, {}, () => rules.stats().groupEvaluationsMissed)
  for (const state of ['pending', 'firing'] as const) {
    registry.read(monitorFamilies.alerts, { state }, () => rules.alerts().filter((alert) => alert.state === state).length)
  }
  registry.read(monitorFamilies.series, {}, () => store.stats().series)
  registry.read(monitorFamilies.seriesMax, {}, () => seriesMax)
  registry.read(monitorFamilies.samples, {}, () => store.stats().samples)
  registry.read(monitorFamilies.refused, {}, () => store.stats().refusedSamples)
  registry.read(monitorFamilies.conflicts, {}, () => store.stats().conflicts)
  registry.read(monitorFamilies.metadataRefused, {}, () => store.stats().metadataRefused)
  registry.read(monitorFamilies.late, {}, () => store.stats().lateSamples)
  if (store.stats().disk !== undefined) addDiskMetrics(registry, () => store.stats().disk!)
  registry.read(monitorFamilies.oldest, {}, () => (store.stats().oldestMs ?? Number.NaN) / MS_PER_SECOND)
  return registry
}

function addDiskMetrics(registry: Registry, disk: () => DiskStats): void {
  registry.read(monitorFamilies.readOnly, {}, () => Number(disk().readOnly))
  registry.read(monitorFamilies.disk, { part: 'log' }, () => disk().walBytes)
  registry.read(monitorFamilies.disk, { part: 'blocks' }, () => disk().blockBytes)
  registry.read(monitorFamilies.blocks, {}, () => disk().blockCount)
  registry.read(monitorFamilies.compactions, { outcome: 'ok' }, () => disk().blocks.compactions)
  registry.read(monitorFamilies.compactions, { outcome: 'failed' }, () => disk().blocks.compactionFailures)
  registry.read(monitorFamilies.flushes, {}, () => disk().flushes)
  registry.read(monitorFamilies.maintenanceFailures, {}, () => disk().maintenanceFailures)
  registry.read(monitorFamilies.damages, { what: 'log' }, () => disk().damages)
  registry.read(monitorFamilies.damages, { what: 'block' }, () => disk().blocks.quarantinedBlocks)
  registry.read(monitorFamilies.damages, { what: 'piece' }, () => disk().blocks.damagedPieces)
  registry.read(monitorFamilies.cache, {}, () => disk().blocks.cacheBytes)
  registry.read(monitorFamilies.cacheReads, { outcome: 'hit' }, () => disk().blocks.cacheHits)
  registry.read(monitorFamilies.cacheReads, { outcome: 'miss' }, () => disk().blocks.cacheMisses)
  registry.read(monitorFamilies.logPending, {}, () => disk().wal.pendingBytes)
  registry.read(monitorFamilies.logBytes, {}, () => disk().wal.bytesWritten)
  registry.read(monitorFamilies.fsyncs, {}, () => disk().wal.fsyncs)
  registry.read(monitorFamilies.fsyncSeconds, {}, () => disk().wal.fsyncSecondsTotal)
  registry.read(monitorFamilies.logFailures, {}, () => disk().wal.failures)
  registry.read(monitorFamilies.start, {}, () => disk().startMs / MS_PER_SECOND)
}
