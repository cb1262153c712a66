import { availableParallelism, hostname } from 'node:os'
import { cwd, version as nodeVersion } from 'node:process'
import type { FastifyInstance } from 'fastify'
import type { Cardinality } from '../../plane/store/index.ts'
import type { ApiDeps } from './contract.ts'
import { apiErrors } from './errors.ts'
import { paramsOf, parseInteger } from './params.ts'
import { success, timestamp } from './reply.ts'

/** The release of Prometheus whose API this is: clients such as Grafana read it from `version`, and ask for no more than it has. */
const PROMETHEUS_VERSION = '3.5.3'
/** Entries of each list of `status/tsdb` where the request says nothing. */
const CARDINALITY_DEFAULT = 10

/** `/api/v1/status/…`, `/-/healthy` and `/-/ready`. Fields about Go keep their names, for clients read them, and say what Node has. */
export function statusRoutes(app: FastifyInstance, { status, clock, cardinality, scraper }: ApiDeps): void {
  app.get('/api/v1/status/config', async () => success({ yaml: status.configText }))
  app.get('/api/v1/status/flags', async () => success(status.flags))
  app.get('/api/v1/status/buildinfo', async () =>
    success({
      version: `${PROMETHEUS_VERSION}+modelwatch.${status.version}`,
      revision: '',
      branch: '',
      buildUser: 'modelwatch',
      buildDate: '',
      goVersion: `node ${nodeVersion}`,
    }),
  )
  app.get('/api/v1/status/runtimeinfo', async () =>
    success({
      startTime: timestamp(status.startedMs),
      CWD: cwd(),
      hostname: hostname(),
      serverTime: timestamp(clock.now()),
      reloadConfigSuccess: true,
      lastConfigTime: timestamp(status.startedMs),
      corruptionCount: status.corruptions?.() ?? 0,
      goroutineCount: 0,
      GOMAXPROCS: availableParallelism(),
      GOMEMLIMIT: 0,
      GOGC: '',
      GODEBUG: '',
      storageRetention: status.retention,
    }),
  )
  app.get('/api/v1/status/tsdb', async (request, reply) => {
    const text = paramsOf(request).get('limit') ?? ''
    const limit = text === '' ? CARDINALITY_DEFAULT : parseInteger(text)
    if (typeof limit === 'string' || limit < 1) throw apiErrors.MW_API_PARAMETER('limit must be a positive number')
    return reply.type('application/json').send(cardinalityJson(await cardinality(limit)))
  })
  // The log is read before anything listens.
  app.get('/api/v1/status/walreplay', async () => success({ min: 0, max: 0, current: 0 }))
  app.get('/api/v1/scrape_pools', async () => success({ scrapePools: [...new Set(scraper.targets().map(({ job }) => job))].sort() }))
  app.get('/api/v1/alertmanagers', async () => success({ activeAlertmanagers: [], droppedAlertmanagers: [] }))
  app.get('/api/v1/notifications', async () => success([]))
  app.get('/-/healthy', async (_, reply) => reply.type('text/plain; charset=utf-8').send('modelwatch is healthy.\n'))
  app.get('/-/ready', async (_, reply) => {
    const ready = status.isReady()
    return reply
      .code(ready ? 200 : 503)
      .type('text/plain; charset=utf-8')
      .send(ready ? 'modelwatch is ready.\n' : 'modelwatch is not ready yet.\n')
  })
}

/** By hand: an empty store has the ends of 64 bits as its times, which a double would round past what Go reads. */
function cardinalityJson({ headStats, ...lists }: Cardinality): string {
  const { minTime, maxTime, ...counts } = headStats
  const times = `"minTime":${minTime ?? '9223372036854775807'},"maxTime":${maxTime ?? '-9223372036854775808'}`
  return `{"status":"success","data":{"headStats":{${JSON.stringify(counts).slice(1, -1)},${times}},${JSON.stringify(lists).slice(1)}}`
}
