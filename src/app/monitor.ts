import Fastify from 'fastify'
import { configErrors } from '../core/config.ts'
import { ModelwatchError, messageOf } from '../core/errors.ts'
import { type Clock, systemClock } from '../core/time.ts'
import { textContentType } from '../instrument/index.ts'
import { createQueryEngine, formatQuery, parseQueryTree, parseSelector } from '../plane/promql/index.ts'
import { createRuleManager } from '../plane/rules/index.ts'
import { createScraper } from '../plane/scrape/index.ts'
import { compileMatcher, compileRegExp, openStore, storeDefaults, type TimeSeriesStore } from '../plane/store/index.ts'
import { answerFrameworkError, createPrometheusApi } from '../surfaces/api/index.ts'
import { addApiMetrics } from './api-metrics.ts'
import { listen } from './listen.ts'
import { createMonitorMetrics } from './monitor-metrics.ts'
import {
  corsOriginDefault,
  describeRetention,
  flagsOf,
  isFeature,
  type MonitorOptions,
  queryDefaults,
  retentionOf,
  type StorageOptions,
  storageDefaults,
} from './monitor-options.ts'
import { readVersion } from './package.ts'
import { type PrometheusConfig, readPrometheusConfig, readRuleFiles } from './prometheus-config.ts'
import type { RunningRole } from './running-role.ts'
import { hasPage, servePage } from './web-page.ts'

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
const HEADER_BYTES_MAX = 1 << 20

/**
 * Starts the plane: scrapes the targets of a prometheus.yml, evaluates its rule files, answers the Prometheus HTTP API and serves the page.
 * Everything is read and checked before anything listens.
 *
 * @throws MW_CONFIG_INVALID for a fault in the config or a rule file, MW_STORE_FOLDER_LOCKED when another process holds the data,
 *   MW_LISTEN_… when the address cannot be taken.
 */
export async function startMonitor(options: MonitorOptions, { log, clock = systemClock }: MonitorDeps): Promise<RunningRole> {
  const config = readPrometheusConfig(options.configFile)
  for (const name of options.features ?? []) if (!isFeature(name)) log.warn({ option: name }, 'Unknown option for --enable-feature')
  const allowsOrigin = originCheck(options.corsOrigin ?? corsOriginDefault)
  const storage = { ...storageDefaults, ...options.storage }
  const store = await openStore(
    {
      path: storage.path,
      retentionMs: retentionOf(storage),
      retentionBytes: storage.retentionBytes,
      outOfOrderWindowMs: config.storage.outOfOrderWindowMs,
      fsyncIntervalMs: storage.fsyncIntervalMs,
      ...(storage.seriesMax !== undefined && { seriesMax: storage.seriesMax }),
    },
    { log, clock },
  )
  try {
    return await serve(options, { config, storage, allowsOrigin, store, log, clock })
  } catch (error) {
    await store.close()
    throw error
  }
}

/** @throws MW_CONFIG_INVALID when the expression is none. */
function originCheck(pattern: string): (origin: string) => boolean {
  try {
    const allowed = compileRegExp(pattern)
    return (origin) => allowed.test(origin)
  } catch (error) {
    throw configErrors.MW_CONFIG_INVALID(`--web.cors.origin: ${messageOf(error)}`, {
      cause: error,
      hint: 'Write a regular expression such as https://grafana\\.example|http://localhost:3000.',
    })
  }
}

interface Plane {
  readonly config: PrometheusConfig
  readonly storage: StorageOptions
  readonly allowsOrigin: (origin: string) => boolean
  readonly store: TimeSeriesStore
  readonly log: MonitorLog
  readonly clock: Clock
}

/** Everything above the store. The store is closed with the rest; if this throws, it is left as it is. */
async function serve(options: MonitorOptions, { config, storage, allowsOrigin, store, log, clock }: Plane): Promise<RunningRole> {
  const query = { ...queryDefaults, ...options.query }
  const features = new Set(options.features)
  const engine = createQueryEngine(
    {
      lookbackMs: query.lookbackMs,
      timeoutMs: query.timeoutMs,
      samplesMax: query.samplesMax,
      seriesMax: query.seriesMax,
      pointsMax: query.pointsMax + 1, // The API counts steps.
      bytesMax: query.bytesMax,
      bytesTotalMax: query.bytesTotalMax,
      evaluationIntervalMs: config.global.evaluationIntervalMs,
      experimentalFunctions: features.has('promql-experimental-functions'),
      delayedNameRemoval: features.has('promql-delayed-name-removal'),
    },
    { reader: store },
  )
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
  const api = createPrometheusApi({
    store,
    engine,
    scraper,
    rules,
    clock,
    parseSelector,
    formatQuery,
    parseQueryTree,
    matches: (matcher, value) => compileMatcher(matcher).matches(value),
    cardinality: (limit) => store.cardinality(limit),
    admin: options.enableAdminApi === true ? store : undefined,
    allowsOrigin,
    remoteWrite: { enabled: options.enableRemoteWriteReceiver === true },
    queries: { runningMax: query.concurrencyMax, waitMsMax: query.timeoutMs },
    stepsMax: query.pointsMax,
    perStepStats: features.has('promql-per-step-stats'),
    status: {
      version: readVersion(),
      startedMs: clock.now(),
      configText: config.text,
      flags: flagsOf(options, storage, query),
      retention: describeRetention(storage),
      isReady: () => true, // Nothing listens before the store and the rules are there.
      corruptions: () => store.stats().disk?.damages ?? 0,
    },
  })
  const metrics = createMonitorMetrics({ store, seriesMax: storage.seriesMax ?? storeDefaults.seriesMax, scraper, rules })
  addApiMetrics(metrics, api)

  const app = Fastify({
    logger: false,
    // As long as Go's server takes them: a dashboard's query may stand in the address.
    http: { maxHeaderSize: HEADER_BYTES_MAX },
    routerOptions: { ignoreTrailingSlash: true, ignoreDuplicateSlashes: true, maxParamLength: HEADER_BYTES_MAX },
    frameworkErrors: answerFrameworkError,
  })
  app.addHook('onError', async (request, _, error) => {
    if (!(error instanceof ModelwatchError) && (error.statusCode ?? 500) >= 500)
      log.error({ err: error, method: request.method, url: request.url }, 'a request failed')
  })
  await app.register(api.plugin)
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
