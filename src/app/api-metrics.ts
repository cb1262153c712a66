import { defineFamilies, type Registry } from '../instrument/index.ts'
import type { ApiStats, PrometheusApi, QueryGateStats, Refusal } from '../surfaces/api/index.ts'

/** What the API tells about itself. */
export const apiFamilies = defineFamilies({
  requests: {
    kind: 'counter',
    name: 'modelwatch_api_requests_total',
    help: 'Requests of the API, by the status they were answered with; 499 hung up first.',
    labels: ['code'],
    labelSetsMax: 13,
  },
  queries: {
    kind: 'counter',
    name: 'modelwatch_api_queries_total',
    help: 'Queries asked of the API, by outcome: limited ones asked for more than one query may, refused ones found too many waiting.',
    labels: ['outcome'],
    labelSetsMax: 6,
  },
  queriesInFlight: {
    kind: 'gauge',
    unit: 'none',
    name: 'modelwatch_api_queries',
    help: 'Queries of the API that run, and those that wait for their turn.',
    labels: ['state'],
    labelSetsMax: 2,
  },
  sending: {
    kind: 'gauge',
    unit: 'bytes',
    name: 'modelwatch_api_sending_bytes',
    help: 'Memory of answers that are on their way to their clients; past 512 MiB further queries are answered 503.',
    labels: [],
    labelSetsMax: 1,
  },
  writes: {
    kind: 'counter',
    name: 'modelwatch_remote_write_requests_total',
    help: 'Requests of remote write, by the status they were answered with.',
    labels: ['code'],
    labelSetsMax: 8,
  },
  writesInFlight: {
    kind: 'gauge',
    unit: 'none',
    name: 'modelwatch_remote_write_requests',
    help: 'Requests of remote write that are read or written at the moment.',
    labels: [],
    labelSetsMax: 1,
  },
  writtenSamples: {
    kind: 'counter',
    name: 'modelwatch_remote_write_samples_total',
    help: 'Samples that came by remote write, by what became of them.',
    labels: ['outcome'],
    labelSetsMax: 8,
  },
  exemplarsDropped: {
    kind: 'counter',
    name: 'modelwatch_remote_write_exemplars_dropped_total',
    help: 'Exemplars that came by remote write; none is kept.',
    labels: [],
    labelSetsMax: 1,
  },
  cacheSeries: {
    kind: 'gauge',
    unit: 'none',
    name: 'modelwatch_remote_write_cache_series',
    help: 'Series that remote write knows by the bytes of their labels.',
    labels: [],
    labelSetsMax: 1,
  },
  cacheEvictions: {
    kind: 'counter',
    name: 'modelwatch_remote_write_cache_evictions_total',
    help: 'Series that remote write forgot for lack of room, and reads anew when they come again.',
    labels: [],
    labelSetsMax: 1,
  },
})

const outcomes = {
  done: 'done',
  failed: 'failed',
  limited: 'limited',
  refused: 'refused',
  canceled: 'canceled',
  timedOut: 'timed_out',
} as const
const refusals: Readonly<Record<Refusal, string>> = {
  outOfOrder: 'out_of_order',
  tooOld: 'too_old',
  duplicate: 'duplicate',
  overLimit: 'over_limit',
  tooFarAhead: 'too_far_ahead',
  invalidLabels: 'invalid_labels',
  histogram: 'histogram',
}
const codes = [200, 204, 400, 403, 404, 405, 413, 415, 422, 431, 499, 500, 503] as const
const writeCodes = [204, 400, 404, 408, 413, 415, 500, 503] as const

/** Adds the API's figures to a registry that reads them when it is scraped. */
export function addApiMetrics(registry: Registry, api: Pick<PrometheusApi, 'stats'>): void {
  for (const code of codes) registry.read(apiFamilies.requests, { code: String(code) }, () => api.stats().requests.get(code) ?? 0)
  const queries = (read: (stats: QueryGateStats) => number) => () => read(api.stats().queries)
  for (const key of Object.keys(outcomes) as (keyof typeof outcomes)[])
    registry.read(
      apiFamilies.queries,
      { outcome: outcomes[key] },
      queries((stats) => stats[key]),
    )
  for (const state of ['running', 'waiting'] as const)
    registry.read(
      apiFamilies.queriesInFlight,
      { state },
      queries((stats) => stats[state]),
    )

  registry.read(apiFamilies.sending, {}, () => api.stats().sendingBytes)

  const writes = (read: (stats: NonNullable<ApiStats['remoteWrite']>) => number) => () => {
    const { remoteWrite } = api.stats()
    return remoteWrite === undefined ? 0 : read(remoteWrite)
  }
  for (const code of writeCodes)
    registry.read(
      apiFamilies.writes,
      { code: String(code) },
      writes(({ requests }) => requests.get(code) ?? 0),
    )
  registry.read(
    apiFamilies.writesInFlight,
    {},
    writes(({ inFlight }) => inFlight),
  )
  registry.read(
    apiFamilies.writtenSamples,
    { outcome: 'appended' },
    writes(({ samples }) => samples),
  )
  for (const key of Object.keys(refusals) as Refusal[])
    registry.read(
      apiFamilies.writtenSamples,
      { outcome: refusals[key] },
      writes(({ refused }) => refused[key]),
    )
  registry.read(
    apiFamilies.exemplarsDropped,
    {},
    writes(({ exemplarsDropped }) => exemplarsDropped),
  )
  registry.read(
    apiFamilies.cacheSeries,
    {},
    writes(({ cacheSeries }) => cacheSeries),
  )
  registry.read(
    apiFamilies.cacheEvictions,
    {},
    writes(({ cacheEvictions }) => cacheEvictions),
  )
}
