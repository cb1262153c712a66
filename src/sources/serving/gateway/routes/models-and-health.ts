import type { FastifyInstance } from 'fastify'
import { type Registry, textContentType } from '../../../../instrument/index.ts'
import type { ServedModel } from '../../models/contract.ts'

/** `GET /v1/models` and of each model: what they take and answer, and their revisions. */
export function addModelRoutes(app: FastifyInstance, models: readonly ServedModel[]): void {
  const describe = (model: ServedModel) => {
    const { name, description, features, outputs } = model.schema
    const revisions = model
      .revisions()
      .map(({ served, percent, tags }) => ({ name: served.revision, percent, tags, watched: served.watched }))
    return { name, description, revisions, features, outputs }
  }
  app.get('/v1/models', { schema: { tags: ['models'], summary: 'The models served here' } }, () => ({ models: models.map(describe) }))
  for (const model of models) {
    const { name } = model.schema
    app.get(`/v1/models/${name}`, { schema: { tags: ['models'], summary: `What ${name} takes and answers, and its revisions` } }, () =>
      describe(model),
    )
  }
}

/** `GET /health/live`, `/health/ready` and `/metrics`. */
export function addHealthRoutes(app: FastifyInstance, models: readonly ServedModel[], registry: Registry): void {
  const tags = ['health']
  app.get('/health/live', { schema: { tags, summary: 'The process answers' } }, () => ({ status: 'live' }))
  app.get('/health/ready', { schema: { tags, summary: 'Every model is loaded and requests are welcome' } }, () => {
    // While it stops, everything is answered 503 (refuseWhileStopping).
    return {
      status: 'ready',
      models: models.map((model) => ({ name: model.schema.name, revisions: model.revisions().map(({ served }) => served.revision) })),
    }
  })
  app.get('/metrics', { schema: { tags, summary: 'Metrics in the Prometheus text format' } }, (_request, reply) =>
    reply.type(textContentType).send(registry.render()),
  )
}
