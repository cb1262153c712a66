import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { Ajv, type AnySchema } from 'ajv'
import Fastify, { type FastifyInstance } from 'fastify'
import { parse } from 'yaml'
import { createQueryEngine, formatQuery, parseQueryTree, parseSelector } from '../../plane/promql/index.ts'
import { type Cardinality, compileMatcher, type SeriesStore } from '../../plane/store/index.ts'
import type { ApiDeps } from './contract.ts'
import { answerFrameworkError, createPrometheusApi, type PrometheusApi } from './index.ts'

/**
 * Checks answers against the OpenAPI description of the Prometheus API.
 * @returns undefined where the description is not at hand; else a function from schema name and answer to what is wrong, '' being nothing.
 */
export function createAnswerCheck(): ((schema: string, answer: unknown) => string) | undefined {
  const file = fileURLToPath(new URL('../../../../shared/conformance/openapi/prometheus-api-v1.yaml', import.meta.url))
  if (!existsSync(file)) return undefined
  const { components } = parse(readFileSync(file, 'utf8')) as { components: AnySchema }
  const ajv = new Ajv({ strict: false, validateFormats: false, allErrors: true })
  ajv.addSchema({ $id: 'api', components } as AnySchema)
  return (schema, answer) => {
    const validate = ajv.getSchema(`api#/components/schemas/${schema}`)
    if (validate === undefined) throw new Error(`there is no schema ${schema}`)
    return validate(answer) ? '' : ajv.errorsText(validate.errors)
  }
}

const nothingCounted: Cardinality = {
  headStats: { numSeries: 0, numLabelPairs: 0, chunkCount: 0, minTime: undefined, maxTime: undefined },
  seriesCountByMetricName: [],
  labelValueCountByLabelName: [],
  memoryInBytesByLabelName: [],
  seriesCountByLabelValuePair: [],
}

/** The API over a store, without targets, rules or an administrator; whatever is given takes the place of that. */
export async function createTestApi(
  store: SeriesStore,
  deps: Partial<ApiDeps> & Pick<ApiDeps, 'clock'>,
): Promise<{ app: FastifyInstance; api: PrometheusApi }> {
  const api = createPrometheusApi({
    store,
    engine: createQueryEngine({}, { reader: store }),
    scraper: { targets: () => [] },
    rules: { groups: () => [], alerts: () => [] },
    parseSelector,
    matches: (matcher, value) => compileMatcher(matcher).matches(value),
    formatQuery,
    parseQueryTree,
    cardinality: async () => nothingCounted,
    admin: undefined,
    allowsOrigin: () => true,
    remoteWrite: { enabled: false },
    status: {
      version: '0.0.1',
      startedMs: deps.clock.now() - 1000,
      configText: 'global: {}\n',
      flags: { 'config.file': 'prometheus.yml' },
      retention: '6h',
      isReady: () => true,
    },
    ...deps,
  })
  const app = Fastify({ frameworkErrors: answerFrameworkError })
  await app.register(api.plugin)
  return { app, api }
}
