import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { StoreAdmin } from '../../plane/store/contract.ts'
import type { ApiDeps } from './contract.ts'
import { apiErrors } from './errors.ts'
import { booleanParam, isEmpty, matchParam, paramsOf, rangeParam } from './params.ts'
import { success } from './reply.ts'

/**
 * `/api/v1/admin/tsdb/…`: `delete_series`, `clean_tombstones` and `snapshot` as in Prometheus, and `wipe`, which forgets everything.
 * They are disabled unless the server was started with `--web.enable-admin-api`.
 */
export function adminRoutes(app: FastifyInstance, { admin, parseSelector }: ApiDeps): void {
  const route = (name: string, act: (admin: StoreAdmin, params: URLSearchParams) => Promise<unknown>) => {
    app.route({
      method: ['POST', 'PUT'],
      url: `/api/v1/admin/tsdb/${name}`,
      handler: async (request: FastifyRequest, reply) => {
        if (admin === undefined) throw apiErrors.MW_API_ADMIN_DISABLED('admin APIs disabled')
        // A form on any page could otherwise delete the data of whoever looks at it: browsers send those without asking.
        if (request.headers['sec-fetch-site'] === 'cross-site')
          throw apiErrors.MW_API_CROSS_SITE('a page of another site asked for an administrative action')
        const data = await act(admin, paramsOf(request))
        return data === undefined ? reply.code(204).send() : success(data)
      },
    })
  }
  route('delete_series', async (to, params) => {
    if (!params.has('match[]')) throw apiErrors.MW_API_PARAMETER('no match[] parameter provided')
    const range = rangeParam(params)
    const sets = await matchParam(params, parseSelector)
    if (!isEmpty(range)) await to.deleteSeries(sets, range)
  })
  route('clean_tombstones', (to) => to.cleanTombstones())
  route('snapshot', async (to, params) => {
    const skipHead = booleanParam(params, 'skip_head', 'unable to parse boolean')
    return { name: await to.snapshot({ skipHead }) }
  })
  route('wipe', (to) => to.wipe())
}
