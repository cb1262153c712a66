import { defineFamilies, type Registry } from '../instrument/index.ts'
import type { ApiStats, PrometheusApi, QueryGateStats, Refusal } from '../surfaces/api/index.ts'

/** What the API tells about itself. */
export const apiFamilies = defineFamilies({
  queries: {
    kind: 'counter',
    name: 'modelwatch_api_queries_total',
    help: 'Queries asked of the API, by outcome.',
    labels: ['outcome'],
    labelSetsMax: 5,
  },
  queriesInFlight: {
    kind: 'gauge',
    unit: 'none',
    name: 'modelwatch_api_queries',
    help: 'Queries of the API that run, and those that wait for their turn.',
    labels: ['state'],
    labelSetsMax: 2,
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

const outcomes = { done: 'done', failed: 'failed', refused: 'refused', canceled: 'canceled', timedOut: 'timed_out' } as const
const refusals: Readonly<Record<Refusal, string>> = {
  outOfOrder: 'out_of_order',
  tooOld: 'too_old',
  duplicate: 'duplicate',
  overLimit: 'over_limit',
  tooFarAhead: 'too_far_ahead',
  invalidLabels: 'invalid_labels',
  histogram: 'histogram',
}
const codes = [204, 400, 404, 408, 413, 415, 500, 503] as const

/** Adds the API's figures to a registry that reads them when it is scraped. */
export function addApiMetrics(registry: Registry, api: Pick<PrometheusApi, 'stats'>): void {
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

  const writes = (read: (stats: NonNullable<ApiStats['remoteWrite']>) => number) => () => {
    const { remoteWrite } = api.stats()
    return remoteWrite === undefined ? 0 : read(remoteWrite)
  }
  for (const code of codes)
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
