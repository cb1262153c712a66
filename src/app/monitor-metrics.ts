import { MS_PER_SECOND } from '../core/time.ts'
import { addProcessMetrics, defineFamilies, Registry } from '../instrument/index.ts'
import type { RuleManager, RuleStats } from '../plane/rules/index.ts'
import type { Scraper, ScrapeStats } from '../plane/scrape/index.ts'
import type { MemoryStore } from '../plane/store/index.ts'

/** What the monitor tells about itself. */
export const monitorFamilies = defineFamilies({
  scrapes: { kind: 'counter', name: 'modelwatch_scrapes_total', help: 'Scrapes, by outcome.', labels: ['outcome'], labelSetsMax: 3 },
  scrapedSamples: {
    kind: 'counter',
    name: 'modelwatch_scrape_samples_total',
    help: 'Scraped samples, by what became of them.',
    labels: ['outcome'],
    labelSetsMax: 5,
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
  samples: { kind: 'gauge', unit: 'none', name: 'modelwatch_store_samples', help: 'Samples the store holds.', labels: [], labelSetsMax: 1 },
  evicted: {
    kind: 'counter',
    name: 'modelwatch_store_samples_evicted_total',
    help: 'Samples forgotten before their time because the store was full.',
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
export function createMonitorMetrics(parts: { store: MemoryStore; scraper: Scraper; rules: RuleManager }): Registry {
  const { store, scraper, rules } = parts
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
  registry.read(monitorFamilies.samples, {}, () => store.stats().samples)
  registry.read(monitorFamilies.evicted, {}, () => store.stats().evictedSamples)
  registry.read(monitorFamilies.oldest, {}, () => (store.stats().oldestMs ?? Number.NaN) / MS_PER_SECOND)
  return registry
}
