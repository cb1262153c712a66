import type { FastifyInstance } from 'fastify'
import { messageOf } from '../../core/errors.ts'
import { METRIC_NAME } from '../../core/labels.ts'
import { formatDuration } from '../../core/time.ts'
import type { TargetStatus } from '../../plane/scrape/contract.ts'
import type { Matcher, MetricMetadata } from '../../plane/store/contract.ts'
import type { ApiDeps } from './contract.ts'
import { countParam, invalid, paramsOf } from './params.ts'
import { success, timestamp } from './reply.ts'

/** Further back than that, a series of a target is history. */
const RECENT_MS = 300_000

/** `/api/v1/targets` and `/api/v1/targets/metadata`. */
export function targetRoutes(app: FastifyInstance, deps: ApiDeps): void {
  const { scraper } = deps
  app.get('/api/v1/targets', async (request) => {
    const params = paramsOf(request)
    const state = (params.get('state') ?? '').toLowerCase()
    const pool = params.get('scrapePool') ?? ''
    const targets = state === 'dropped' ? [] : scraper.targets().filter((target) => pool === '' || target.job === pool)
    return success({ activeTargets: targets.map(toTarget), droppedTargets: [], droppedTargetCounts: {} })
  })
  app.get('/api/v1/targets/metadata', async (request) => success(await metadataOf(paramsOf(request), deps)))
}

interface TargetMetadata extends MetricMetadata {
  readonly target: Readonly<Record<string, string>>
  /** Absent where the request named it. */
  readonly metric?: string
}

/** Descriptions of the metrics of each target: those the store keeps of metrics of which the target had a sample lately. */
async function metadataOf(params: URLSearchParams, { scraper, store, clock, parseSelector, matches }: ApiDeps): Promise<TargetMetadata[]> {
  const limit = countParam(params, 'limit')
  const matchers = targetMatchers(params.get('match_target') ?? '', parseSelector)
  const wanted = params.get('metric') ?? ''
  const range = { fromMs: clock.now() - RECENT_MS, toMs: clock.now() }
  const found: TargetMetadata[] = []
  for (const { labels } of scraper.targets()) {
    if (found.length >= limit) break
    if (!matchers.every((matcher) => matches(matcher, Object.hasOwn(labels, matcher.name) ? labels[matcher.name]! : ''))) continue
    const ofTarget = Object.entries(labels).map(([name, value]): Matcher => ({ name, op: '=', value }))
    const names = await store.labelValues(METRIC_NAME, [ofTarget], range)
    for (const [metric, { type, help, unit }] of described(names, store.metadata(wanted === '' ? undefined : wanted)))
      found.push({ target: labels, ...(wanted === '' && { metric }), type, help, unit })
  }
  return found
}

function targetMatchers(text: string, parseSelector: ApiDeps['parseSelector']): readonly Matcher[] {
  if (text === '') return []
  try {
    return parseSelector(text)
  } catch (error) {
    throw invalid('match_target', messageOf(error), error)
  }
}

/** A histogram is described by its own name, and its series have others. */
function described(names: readonly string[], metadata: ReadonlyMap<string, MetricMetadata>): Map<string, MetricMetadata> {
  const found = new Map<string, MetricMetadata>()
  for (const name of names) {
    const metric = metadata.has(name) ? name : name.replace(/_(?:bucket|sum|count|total|created|info)$/, '')
    const description = metadata.get(metric)
    if (description !== undefined) found.set(metric, description)
  }
  return found
}

function toTarget(target: TargetStatus) {
  return {
    discoveredLabels: target.discoveredLabels,
    labels: target.labels,
    scrapePool: target.job,
    scrapeUrl: target.scrapeUrl,
    globalUrl: target.scrapeUrl,
    lastError: target.lastError,
    lastScrape: timestamp(target.lastScrapeMs),
    lastScrapeDuration: target.lastScrapeDurationMs / 1000,
    health: target.health,
    scrapeInterval: formatDuration(target.intervalMs),
    scrapeTimeout: formatDuration(target.timeoutMs),
  }
}
