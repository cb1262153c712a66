import type { FastifyInstance } from 'fastify'
import { formatDuration } from '../../core/time.ts'
import type { TargetStatus } from '../../plane/scrape/contract.ts'
import type { ApiDeps } from './contract.ts'
import { paramsOf } from './params.ts'
import { success, timestamp } from './reply.ts'

/** `/api/v1/targets`. */
export function targetRoutes(app: FastifyInstance, { scraper }: ApiDeps): void {
  app.get('/api/v1/targets', async (request) => {
    const params = paramsOf(request)
    const state = (params.get('state') ?? '').toLowerCase()
    const pool = params.get('scrapePool') ?? ''
    const targets = state === 'dropped' ? [] : scraper.targets().filter((target) => pool === '' || target.job === pool)
    return success({ activeTargets: targets.map(toTarget), droppedTargets: [], droppedTargetCounts: {} })
  })
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
