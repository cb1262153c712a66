import type { FastifyInstance, InjectOptions, LightMyRequestResponse } from 'fastify'
import { afterAll, beforeAll } from 'vitest'
import { toLabels } from '../../core/labels.ts'
import type { ActiveAlert, RuleGroupStatus } from '../../plane/rules/index.ts'
import type { TargetStatus } from '../../plane/scrape/index.ts'
import { type Cardinality, createMemoryStore } from '../../plane/store/index.ts'
import { createTestApi } from './testing.ts'

export const nowMs = Date.parse('2026-11-20T12:00:00Z')
export const seconds = nowMs / 1000

export const targets: TargetStatus[] = [
  {
    job: 'app',
    scrapeUrl: 'http://host:1/metrics',
    discoveredLabels: { __address__: 'host:1', job: 'app' },
    labels: { instance: 'host:1', job: 'app' },
    health: 'up',
    lastError: '',
    lastScrapeMs: nowMs - 500,
    lastScrapeDurationMs: 12.5,
    intervalMs: 15_000,
    timeoutMs: 10_000,
  },
  {
    job: 'other',
    scrapeUrl: 'http://host:2/metrics',
    discoveredLabels: {},
    labels: {},
    health: 'unknown',
    lastError: '',
    lastScrapeMs: undefined,
    lastScrapeDurationMs: 0,
    intervalMs: 500,
    timeoutMs: 500,
  },
]
const alert: ActiveAlert = {
  labels: toLabels({ alertname: 'High', severity: 'page' }),
  annotations: { summary: 'is high' },
  state: 'firing',
  activeAtMs: nowMs - 60_000,
  keptFiringSinceMs: undefined,
  value: 0.25,
}
const base = { health: 'ok', lastError: '', lastEvaluationMs: nowMs, evaluationDurationMs: 2 } as const
export const groups: RuleGroupStatus[] = [
  {
    name: 'g',
    file: 'f.yml',
    intervalMs: 1500,
    seriesMax: Number.POSITIVE_INFINITY,
    lastEvaluationMs: nowMs,
    evaluationDurationMs: 3,
    rules: [
      { kind: 'recording', name: 'a:b', query: 'sum(a)', labels: {}, ...base },
      {
        kind: 'alerting',
        name: 'High',
        query: 'a > 1',
        labels: { severity: 'page' },
        state: 'firing',
        forMs: 60_000,
        keepFiringForMs: 0,
        annotations: { summary: 'is high' },
        alerts: [alert],
        ...base,
      },
    ],
  },
]

const cardinality: Cardinality = {
  headStats: { numSeries: 4, numLabelPairs: 6, chunkCount: 5, minTime: undefined, maxTime: nowMs },
  seriesCountByMetricName: [{ name: 'load', value: 2 }],
  labelValueCountByLabelName: [],
  memoryInBytesByLabelName: [],
  seriesCountByLabelValuePair: [],
}

// biome-ignore lint/suspicious/noExplicitAny: answers are looked at field by field.
export type Answer = { status: number; body: any }

/** The API over a plane with a few series, two targets and a rule of each kind. */
class TestPlane {
  readonly store = createMemoryStore()
  #app: FastifyInstance | undefined

  async begin(): Promise<void> {
    const { store } = this
    const appender = store.appender()
    for (let i = 0; i <= 10; i++) {
      appender.append(0, toLabels({ __name__: 'load', zone: 'a' }), nowMs - 100_000 + i * 10_000, i / 4)
      appender.append(0, toLabels({ __name__: 'load', zone: 'b' }), nowMs - 100_000 + i * 10_000, 1e-7)
    }
    appender.append(0, toLabels({ __name__: 'odd', 'http.status': '200' }), nowMs, Number.NaN)
    appender.append(0, toLabels({ __name__: 'end' }), nowMs, Number.POSITIVE_INFINITY)
    await appender.commit()
    store.setMetadata('load', { type: 'gauge', help: 'How busy.', unit: '' })
    store.setMetadata('end', { type: 'counter', help: '', unit: '' })
    const created = await createTestApi(store, {
      scraper: { targets: () => targets },
      rules: { groups: () => groups, alerts: () => [alert] },
      clock: { now: () => nowMs },
      cardinality: async () => cardinality,
    })
    this.#app = created.app
  }

  async end(): Promise<void> {
    await this.#app?.close()
  }

  inject(request: string | InjectOptions): Promise<LightMyRequestResponse> {
    return this.#app!.inject(request)
  }

  async get(path: string, params: Record<string, string | string[]> = {}): Promise<Answer> {
    const search = new URLSearchParams(
      Object.entries(params).flatMap(([name, value]) => [value].flat().map((v): [string, string] => [name, v])),
    )
    const response = await this.inject({ url: `/api/v1/${path}?${search}` })
    return { status: response.statusCode, body: response.json() }
  }
}

/** One for all tests of the file. */
export function useTestPlane(): TestPlane {
  const plane = new TestPlane()
  beforeAll(() => plane.begin())
  afterAll(() => plane.end())
  return plane
}
