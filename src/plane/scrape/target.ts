import { setImmediate } from 'node:timers/promises'
import { messageOf } from '../../core/errors.ts'
import { type Labels, METRIC_NAME, toLabels } from '../../core/labels.ts'
import type { Clock } from '../../core/time.ts'
import { ExpositionParser, type MetadataKind } from '../exposition/index.ts'
import type { Appender, AppendOutcome, MetricMetadata, SeriesRef, SeriesStore } from '../store/contract.ts'
import type { ScrapeJob } from './config.ts'
import type { TargetStatus } from './contract.ts'
import { scrapeErrors } from './errors.ts'
import type { Exposition, Fetcher } from './fetch.ts'
import { type CachedSeries, SeriesCache, withTargetLabels } from './series-cache.ts'
import type { ResolvedTarget } from './target-labels.ts'

/** What one scrape came to. */
export interface ScrapeOutcome extends AppendOutcome {
  readonly failed: boolean
  readonly outOfBounds: number
  /** Samples that the store took none of, because its disk is full. */
  readonly refused: number
}

export interface TargetDeps {
  readonly store: SeriesStore
  readonly clock: Clock
  readonly fetcher: Fetcher
}

const nothingAppended: AppendOutcome = { appended: 0, outOfOrder: 0, tooOld: 0, duplicate: 0, overLimit: 0, firstRefused: undefined }

/** Lines parsed between two looks at the clock. */
const linesPerLook = 64
/** Longest stay on the event loop: the first scrape of a large target creates every series it has. */
const sliceMsMax = 3
/** A sample's own time may lie this far ahead of ours, as in Prometheus. */
const aheadMsMax = 10 * 60_000
/** A scrape that begins this close to its slot bears the slot's time, so that times are evenly spaced and compress well. */
const alignMsMax = 2

const reportNames = [
  'up',
  'scrape_duration_seconds',
  'scrape_samples_scraped',
  'scrape_samples_post_metric_relabeling',
  'scrape_series_added',
] as const

interface Counts {
  scraped: number
  added: number
  seriesAdded: number
  outOfBounds: number
}

/** One target: scrapes it and writes what it exposes, or that it is down, to the store. */
export class Target {
  readonly #job: ScrapeJob
  readonly #resolved: ResolvedTarget
  readonly #deps: TargetDeps
  readonly #cache: SeriesCache
  readonly #metadata = new Map<string, MetricMetadata>()
  readonly #reports: { readonly labels: Labels; ref: SeriesRef }[]
  #health: TargetStatus['health'] = 'unknown'
  #lastError = ''
  #lastScrapeMs: number | undefined
  #lastScrapeDurationMs = 0

  constructor(job: ScrapeJob, resolved: ResolvedTarget, deps: TargetDeps) {
    this.#job = job
    this.#resolved = resolved
    this.#deps = deps
    this.#cache = new SeriesCache(withTargetLabels(resolved.labels, job.honorLabels))
    this.#reports = reportNames.map((name) => ({ labels: toLabels({ ...resolved.labels, [METRIC_NAME]: name }), ref: 0 }))
  }

  status(): TargetStatus {
    const { url, discoveredLabels, labels, intervalMs, timeoutMs } = this.#resolved
    return {
      job: this.#job.jobName,
      scrapeUrl: url.href,
      discoveredLabels,
      labels,
      health: this.#health,
      lastError: this.#lastError,
      lastScrapeMs: this.#lastScrapeMs,
      lastScrapeDurationMs: this.#lastScrapeDurationMs,
      intervalMs,
      timeoutMs,
    }
  }

  /** Scrapes once. Never throws: a failure is a result too, and `up` becomes 0. Nothing is written once `stop` is aborted. */
  async scrape(slotMs: number, stop: AbortSignal): Promise<ScrapeOutcome | undefined> {
    const { clock, fetcher, store } = this.#deps
    const startMs = clock.now()
    const startTick = performance.now()
    const toleranceMs = Math.min(alignMsMax, this.#resolved.intervalMs / 100)
    const timeMs = Math.abs(startMs - slotMs) <= toleranceMs ? slotMs : startMs
    const counts: Counts = { scraped: 0, added: 0, seriesAdded: 0, outOfBounds: 0 }
    let appender = store.appender()
    let failure: unknown
    this.#cache.begin()
    try {
      const exposition = await fetcher.fetch(stop)
      await this.#append(exposition, appender, timeMs, counts)
      for (const ref of this.#cache.end()) appender.appendStale(ref, timeMs)
    } catch (error) {
      failure = error
      // A scrape counts whole or not at all.
      appender.rollback()
      if (stop.aborted) return undefined
      appender = store.appender()
      for (const ref of this.#cache.abandon()) appender.appendStale(ref, timeMs)
    }
    const durationMs = performance.now() - startTick
    this.#report(appender, timeMs, [failure === undefined ? 1 : 0, durationMs / 1000, counts.scraped, counts.added, counts.seriesAdded])
    this.#health = failure === undefined ? 'up' : 'down'
    this.#lastError = failure === undefined ? '' : messageOf(failure)
    this.#lastScrapeMs = startMs
    this.#lastScrapeDurationMs = durationMs
    const scraped = { failed: failure !== undefined, outOfBounds: counts.outOfBounds }
    try {
      return { ...(await appender.commit()), ...scraped, refused: 0 }
    } catch (error) {
      // The target is as it is; that nothing could be kept of it is the store's trouble, which ends by itself.
      this.#lastError = messageOf(error)
      return { ...nothingAppended, ...scraped, refused: counts.added }
    }
  }

  async #append(exposition: Exposition, appender: Appender, timeMs: number, counts: Counts): Promise<void> {
    const cache = this.#cache
    const { honorTimestamps, samplesMax } = this.#job
    const metadata = new Map<string, MetricMetadata>()
    const parser = new ExpositionParser<CachedSeries>(
      exposition.text,
      exposition.format,
      {
        find: (raw) => cache.find(raw),
        create: (raw, labels) => cache.create(raw, labels),
        sample: (entry, value, ownMs) => {
          counts.scraped++
          // Past the limit lines are only counted, for the message and for scrape_samples_scraped.
          if (counts.scraped > samplesMax) return
          const explicit = ownMs !== undefined && honorTimestamps
          if (explicit && !(Number.isSafeInteger(ownMs) && ownMs <= timeMs + aheadMsMax)) {
            counts.outOfBounds++
            return
          }
          const isNew = entry.ref === 0
          entry.ref = appender.append(entry.ref, entry.labels, explicit ? ownMs : timeMs, value)
          counts.added++
          if (isNew && entry.ref !== 0) counts.seriesAdded++
          cache.seen(entry, !explicit)
        },
        metadata: (kind, metric, text) => void metadata.set(metric, withMetadata(metadata.get(metric), kind, text)),
      },
      cache.first,
    )
    let sliceStart = performance.now()
    while (!parser.parse(linesPerLook)) {
      if (performance.now() - sliceStart < sliceMsMax) continue
      await setImmediate()
      sliceStart = performance.now()
    }
    if (counts.scraped > samplesMax) {
      throw scrapeErrors.MW_SCRAPE_SAMPLE_LIMIT(`sample limit exceeded: ${counts.scraped} samples where sample_limit is ${samplesMax}`)
    }
    this.#keepMetadata(metadata)
  }

  /** Hands on what is new, which is nothing from the second scrape on. */
  #keepMetadata(metadata: ReadonlyMap<string, MetricMetadata>): void {
    for (const [metric, next] of metadata) {
      const known = this.#metadata.get(metric)
      if (known !== undefined && known.type === next.type && known.help === next.help && known.unit === next.unit) continue
      this.#metadata.set(metric, next)
      this.#deps.store.setMetadata(metric, next)
    }
    if (this.#metadata.size > metadata.size)
      for (const metric of this.#metadata.keys()) if (!metadata.has(metric)) this.#metadata.delete(metric)
  }

  #report(appender: Appender, timeMs: number, values: readonly number[]): void {
    this.#reports.forEach((report, i) => {
      report.ref = appender.append(report.ref, report.labels, timeMs, values[i]!)
    })
  }
}

function withMetadata(known: MetricMetadata | undefined, kind: MetadataKind, text: string): MetricMetadata {
  return { ...(known ?? { type: 'unknown', help: '', unit: '' }), [kind]: text }
}
