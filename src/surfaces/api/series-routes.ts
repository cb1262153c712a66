import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { compareLabels } from '../../core/labels.ts'
import { sortInTurns } from '../../core/sort-in-turns.ts'
import { createPace } from '../../core/turns.ts'
import type { ApiDeps } from './contract.ts'
import { apiErrors } from './errors.ts'
import { countParam, isEmpty, limitParam, matchParam, paramsOf, rangeParam } from './params.ts'
import { labelsJson, limited, sendList, success } from './reply.ts'

/** `/api/v1/series`, `/labels`, `/label/<name>/values` and `/metadata`. */
export function seriesRoutes(app: FastifyInstance, { store, parseSelector }: ApiDeps): void {
  const series = async (request: FastifyRequest, reply: FastifyReply) => {
    const params = paramsOf(request)
    if (!params.has('match[]')) throw apiErrors.MW_API_PARAMETER('no match[] parameter provided')
    const limit = limitParam(params)
    const range = rangeParam(params)
    const sets = await matchParam(params, parseSelector)
    const found = isEmpty(range) ? [] : await store.series(sets, range)
    await sortInTurns(found, compareLabels, createPace())
    const { items, warnings } = limited(found, limit)
    return sendList(reply, items, labelsJson, { warnings })
  }
  const labels = async (request: FastifyRequest, reply: FastifyReply) => {
    const params = paramsOf(request)
    const limit = limitParam(params)
    const range = rangeParam(params)
    const sets = await matchParam(params, parseSelector, false)
    const { items, warnings } = limited(isEmpty(range) ? [] : await store.labelNames(sets, range), limit)
    return sendList(reply, items, toText, { warnings })
  }
  app.route({ method: ['GET', 'POST'], url: '/api/v1/series', handler: series })
  app.route({ method: ['GET', 'POST'], url: '/api/v1/labels', handler: labels })
  app.get<{ Params: { name: string } }>('/api/v1/label/:name/values', async (request, reply) => {
    const params = paramsOf(request)
    const name = unescapeName(request.params.name)
    if (name === '') throw apiErrors.MW_API_PARAMETER('invalid label name: ""')
    const limit = limitParam(params)
    const range = rangeParam(params)
    const sets = await matchParam(params, parseSelector, false)
    const { items, warnings } = limited(isEmpty(range) ? [] : await store.labelValues(name, sets, range), limit)
    return sendList(reply, items, toText, { warnings })
  })
  app.get('/api/v1/metadata', async (request) => {
    const params = paramsOf(request)
    const limit = countParam(params, 'limit')
    countParam(params, 'limit_per_metric') // Checked only: the store keeps one description of a metric.
    const metrics = [...store.metadata(params.get('metric') || undefined)].slice(0, limit)
    return success(Object.fromEntries(metrics.map(([metric, { type, help, unit }]) => [metric, [{ type, help, unit }]])))
  })
}

const toText = (item: string) => JSON.stringify(item)

/** `U__http_2e_status` is `http.status`: how names that are no plain identifiers stand in an address. */
function unescapeName(name: string): string {
  if (!name.startsWith('U__')) return name
  return name.slice(3).replace(/__|_([0-9a-fA-F]{1,6})_/g, (all, hex: string | undefined) => {
    if (hex === undefined) return '_'
    const code = Number.parseInt(hex, 16)
    return code <= 0x10ffff ? String.fromCodePoint(code) : all
  })
}
