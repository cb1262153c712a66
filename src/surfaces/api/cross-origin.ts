import type { FastifyInstance } from 'fastify'

/** As Prometheus sends them. */
const allowed = {
  'access-control-allow-headers': 'Accept, Authorization, Content-Type, Origin',
  'access-control-allow-methods': 'GET, POST, OPTIONS',
  'access-control-expose-headers': 'Date',
} as const

/** Lets pages of other origins read the answers of `/api/…`. @param allows - Whether an origin such as `https://grafana.example` may. */
export function allowOrigins(app: FastifyInstance, allows: (origin: string) => boolean): void {
  app.addHook('onRequest', async (request, reply) => {
    if (!request.url.startsWith('/api/')) return
    reply.header('vary', 'Origin')
    const { origin } = request.headers
    if (origin === undefined) return
    reply.headers(allowed)
    if (allows(origin)) reply.header('access-control-allow-origin', origin)
  })
}
