import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import type { FastifyInstance } from 'fastify'

/** The OpenAPI page of what is mounted behind it, under `/docs`; `/` leads there. */
export async function addApiPage(app: FastifyInstance, version: string): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'modelwatch gateway',
        version,
        description: 'Predictions, labels, health and metrics of the models served here.',
      },
    },
  })
  await app.register(swaggerUi, {
    routePrefix: '/docs',
    theme: { title: 'modelwatch gateway' },
    uiConfig: { layout: 'BaseLayout', defaultModelsExpandDepth: -1, tryItOutEnabled: true }, // Ready to send; no bar of another name on top.
  })
  app.get('/', { schema: { hide: true } }, (_request, reply) => reply.redirect('/docs'))
}
