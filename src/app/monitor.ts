import Fastify from 'fastify'
import { ModelwatchError, messageOf } from '../core/errors.ts'
import { type Clock, formatDuration, systemClock } from '../core/time.ts'
import { textContentType } from '../instrument/index.ts'
import { createQueryEngine, parseSelector, queryEngineDefaults } from '../plane/promql/index.ts'
import { createRuleManager } from '../plane/rules/index.ts'
import { createScraper } from '../plane/scrape/index.ts'
import { compileMatcher, createMemoryStore } from '../plane/store/index.ts'
import { answerFrameworkError, prometheusApi } from '../surfaces/api/index.ts'
import { listen } from './listen.ts'
import { createMonitorMetrics } from './monitor-metrics.ts'
import { readPrometheusConfig, readRuleFiles } from './prometheus-config.ts'
import type { RunningRole } from './serve.ts'
import { readVersion } from './version.ts'
import { hasPage, servePage } from './web-page.ts'

export interface MonitorOptions {
  /** A prometheus.yml. */
  readonly configFile: string
  /** `host:port`; port 0 takes a free one. */
  readonly listen: string
  readonly retentionMs: number
  /** Folder of the built web page; without one, or while it is not built, there is only the API. */
  readonly uiDir?: string
  /** How far an instant query looks back for a sample; 5 minutes by default. */
  readonly lookbackMs?: number
}

/** As much of pino as the monitor uses. */
export interface MonitorLog {
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

export interface MonitorDeps {
  readonly log: MonitorLog
  readonly clock?: Clock
}

const truncateIntervalMs = 60_000

/**
 * Starts the plane: scrapes the targets of a prometheus.yml, evaluates its rule files, answers the Prometheus HTTP API and serves the page.
 * Everything is read and checked before anything listens.
 *
 * @throws MW_CONFIG_INVALID for a fault in the config or a rule file, MW_LISTEN_… when the address cannot be taken.
 */
export async function startMonitor(options: MonitorOptions, { log, clock = systemClock }: MonitorDeps): Promise<RunningRole> {
  const config = readPrometheusConfig(options.configFile)
  const store = createMemoryStore(
    { retentionMs: options.retentionMs },
    { onEvicted: (samples) => log.warn({ samples }, 'the store is full: the oldest samples were forgotten before their time') },
  )
  const lookbackMs = options.lookbackMs ?? queryEngineDefaults.lookbackMs
  const engine = createQueryEngine({ lookbackMs, evaluationIntervalMs: config.global.evaluationIntervalMs }, { reader: store })
  const groups = readRuleFiles(config, { engine })
  const scraper = createScraper(config.scrape, { store, clock })
  const rules = createRuleManager(
    groups,
    {
      engine,
      store,
      clock,
      onError: ({ file, group, rule, error }) => log.warn({ file, group, rule, reason: messageOf(error) }, 'a rule could not be evaluated'),
    },
    { externalLabels: config.global.externalLabels },
  )
  const metrics = createMonitorMetrics({ store, scraper, rules })

  const app = Fastify({
    logger: false,
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: 1000 },
    frameworkErrors: answerFrameworkError,
  })
  app.addHook('onError', async (request, _, error) => {
    if (!(error instanceof ModelwatchError) && (error.statusCode ?? 500) >= 500)
      log.error({ err: error, method: request.method, url: request.url }, 'a request failed')
  })
  await app.register(prometheusApi, {
    store,
    engine,
    scraper,
    rules,
    clock,
    parseSelector,
    matches: (matcher, value) => compileMatcher(matcher).matches(value),
    status: {
      version: readVersion(),
      startedMs: clock.now(),
      configText: config.text,
      flags: {
        'config.file': options.configFile,
        'query.lookback-delta': formatDuration(lookbackMs),
        'storage.retention.time': formatDuration(options.retentionMs),
        'web.listen-address': options.listen,
      },
      retentionMs: options.retentionMs,
      isReady: () => true, // Nothing listens before the store and the rules are there.
    },
  })
  app.get('/metrics', async (_, reply) => reply.type(textContentType).send(metrics.render()))
  if (options.uiDir !== undefined) {
    if (hasPage(options.uiDir)) await servePage(app, options.uiDir)
    else log.warn({ uiDir: options.uiDir }, 'the web page is not built: only the API is served')
  }
  const url = await listen(app, options.listen, 'the monitor').catch(async (error: unknown) => {
    await scraper.stop()
    await app.close()
    throw error
  })
  scraper.start()
  rules.start()
  const truncating = setInterval(() => store.truncate(clock.now()), truncateIntervalMs)
  const targets = scraper.targets().length
  log.info({ url, targets, ruleGroups: groups.length }, `monitors ${targets} targets with ${groups.length} rule groups`)
  return {
    url,
    async close() {
      // In the order of the flow of data, so that each part still finds the next.
      clearInterval(truncating)
      await scraper.stop()
      await rules.stop()
      await app.close()
      await store.close()
    },
  }
}
