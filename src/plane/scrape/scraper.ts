import { labelsKey, toLabels } from '../../core/labels.ts'
import { spread, startTicker, type Ticker } from '../../core/ticker.ts'
import type { Clock } from '../../core/time.ts'
import type { SeriesStore } from '../store/contract.ts'
import type { ScrapeConfig } from './config.ts'
import type { Scraper, ScrapeStats } from './contract.ts'
import { createFetcher, type Fetcher } from './fetch.ts'
import { type ScrapeOutcome, Target } from './target.ts'
import { type ResolvedTarget, resolveTarget } from './target-labels.ts'

interface RunningTarget {
  readonly key: string
  readonly resolved: ResolvedTarget
  readonly fetcher: Fetcher
  readonly target: Target
}

/**
 * Scrapes every target of the config on its own schedule and its own connection, so that a slow or broken one costs the others nothing.
 * The same target twice, in labels and address, is scraped once.
 *
 * @throws MW_CONFIG_INVALID when a target's labels make no address.
 */
export function createScraper(config: ScrapeConfig, deps: { store: SeriesStore; clock: Clock }): Scraper {
  const { store, clock } = deps
  const running = new Map<string, RunningTarget>()
  for (const job of config.jobs) {
    for (const { address, labels } of job.targets) {
      const resolved = resolveTarget(job, address, labels)
      const key = labelsKey(toLabels(resolved.labels)) + resolved.url.href
      if (running.has(key)) continue
      const fetcher = createFetcher({ url: resolved.url, timeoutMs: resolved.timeoutMs, bodyBytesMax: job.bodyBytesMax })
      running.set(key, { key, resolved, fetcher, target: new Target(job, resolved, { store, clock, fetcher }) })
    }
  }
  const stats = {
    scrapes: 0,
    scrapesFailed: 0,
    scrapesMissed: 0,
    samplesAppended: 0,
    samplesOutOfOrder: 0,
    samplesDuplicate: 0,
    samplesOutOfBounds: 0,
    samplesOverLimit: 0,
    samplesRefused: 0,
  } satisfies ScrapeStats
  const count = (outcome: ScrapeOutcome) => {
    stats.scrapes++
    if (outcome.failed) stats.scrapesFailed++
    stats.samplesAppended += outcome.appended
    stats.samplesOutOfOrder += outcome.outOfOrder
    stats.samplesDuplicate += outcome.duplicate
    stats.samplesOutOfBounds += outcome.outOfBounds + outcome.tooOld
    stats.samplesRefused += outcome.refused
    stats.samplesOverLimit += outcome.overLimit
  }
  const stop = new AbortController()
  let tickers: Ticker[] = []
  return {
    targets: () => [...running.values()].map(({ target }) => target.status()),
    stats: () => ({ ...stats }),
    start() {
      tickers = [...running.values()].map(({ key, resolved: { intervalMs }, target }) =>
        startTicker(
          {
            intervalMs,
            offsetMs: spread(key, intervalMs),
            run: async (slotMs) => {
              const outcome = await target.scrape(slotMs, stop.signal)
              if (outcome !== undefined) count(outcome)
            },
            onMissed: (missed) => {
              stats.scrapesMissed += missed
            },
          },
          { clock },
        ),
      )
    },
    async stop() {
      stop.abort()
      await Promise.all(tickers.map((ticker) => ticker.stop()))
      await Promise.all([...running.values()].map(({ fetcher }) => fetcher.close()))
    },
  }
}
