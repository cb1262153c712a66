import type { FastifyInstance, FastifyRequest } from 'fastify'
import { fromLabels } from '../../core/labels.ts'
import type { ApiDeps } from './contract.ts'
import { apiErrors } from './errors.ts'
import { limitParam, matchParam, paramsOf, rangeParam } from './params.ts'
import { limited, success } from './reply.ts'

/** `/api/v1/series`, `/labels`, `/label/<name>/values` and `/metadata`. */
export function seriesRoutes(app: FastifyInstance, { store, parseSelector }: ApiDeps): void {
  const series = async (request: FastifyRequest) => {
    const params = paramsOf(request)
    const sets = matchParam(params, parseSelector)
    if (sets.length === 0) throw apiErrors.MW_API_PARAMETER('no match[] parameter provided')
    const found = store.series(sets, rangeParam(params)).map((labels) => ({ labels, text: JSON.stringify(labels) }))
    found.sort((a, b) => (a.text < b.text ? -1 : 1))
    const { items, warnings } = limited(found, limitParam(params))
    const shown = items.map(({ labels }) => fromLabels(labels))
    return success(shown, { warnings })
  }
  const labels = async (request: FastifyRequest) => {
    const params = paramsOf(request)
    const { items, warnings } = limited(store.labelNames(matchParam(params, parseSelector), rangeParam(params)), limitParam(params))
    return success(items, { warnings })
  }
  app.route({ method: ['GET', 'POST'], url: '/api/v1/series', handler: series })
  app.route({ method: ['GET', 'POST'], url: '/api/v1/labels', handler: labels })
  app.get<{ Params: { name: string } }>('/api/v1/label/:name/values', async (request) => {
    const params = paramsOf(request)
    const name = unescapeName(request.params.name)
    if (name === '') throw apiErrors.MW_API_PARAMETER('invalid label name: ""')
    const { items, warnings } = limited(store.labelValues(name, matchParam(params, parseSelector), rangeParam(params)), limitParam(params))
    return success(items, { warnings })
  })
  app.get('/api/v1/metadata', async (request) => {
    const params = paramsOf(request)
    const limit = limitParam(params)
    limitParam(params, 'limit_per_metric') // Checked only: the store keeps one description of a metric.
    const metrics = [...store.metadata(params.get('metric') || undefined)].slice(0, limit)
    return success(Object.fromEntries(metrics.map(([metric, { type, help, unit }]) => [metric, [{ type, help, unit }]])))
  })
}

/** `U__http_2e_status` is `http.status`: how names that are no plain identifiers stand in an address. */
function unescapeName(name: string): string {
  if (!name.startsWith('U__')) return name
  return name.slice(3).replace(/__|_([0-9a-fA-F]{1,6})_/g, (all, hex: string | undefined) => {
    if (hex === undefined) return '_'
    const code = Number.parseInt(hex, 16)
    return code <= 0x10ffff ? String.fromCodePoint(code) : all
  })
}
