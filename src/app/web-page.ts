import { existsSync } from 'node:fs'
import { join } from 'node:path'
import fastifyStatic from '@fastify/static'
import type { FastifyInstance, FastifyRequest } from 'fastify'

/** Whether a folder holds a built page. */
export function hasPage(uiDir: string): boolean {
  return existsSync(join(uiDir, 'index.html'))
}

/** The page brings all it needs: nothing of another origin is ever loaded, and nobody frames it. */
const contentPolicy = "default-src 'self'; base-uri 'none'; object-src 'none'; frame-ancestors 'none'"

/**
 * Serves the built web page of a folder: files as they are, and `index.html` for every other address a browser asks for, so that an
 * address inside the page can be shared. Files under `assets/` bear a hash in their name, so they never change; the rest is asked for anew.
 */
export async function servePage(app: FastifyInstance, uiDir: string): Promise<void> {
  const assets = join(uiDir, 'assets/')
  await app.register(fastifyStatic, {
    root: uiDir,
    cacheControl: false,
    setHeaders: (reply, path) => {
      reply.header('cache-control', path.startsWith(assets) ? 'public, max-age=31536000, immutable' : 'no-cache')
      reply.header('x-content-type-options', 'nosniff')
      reply.header('content-security-policy', contentPolicy)
    },
  })
  app.setNotFoundHandler((request, reply) => {
    if (wantsPage(request)) return reply.sendFile('index.html')
    return reply.code(404).type('text/plain; charset=utf-8').send('not found\n')
  })
}

/** A browser that opens an address; not a script or picture that is missing, and not a client of the API. */
function wantsPage(request: FastifyRequest): boolean {
  if (request.method !== 'GET' && request.method !== 'HEAD') return false
  if (/^\/(?:api|-|assets)\//.test(request.url)) return false
  return (request.headers.accept ?? '').includes('text/html')
}
