import { Readable } from 'node:stream'
import { promisify } from 'node:util'
import { constants, createGzip, gzip, gzipSync } from 'node:zlib'
import type { FastifyInstance } from 'fastify'

/** Below this, what is saved is less than a packet. */
const BYTES_MIN = 1024
/** Up to this, about 0.3 ms, the work itself is less than what it costs to hand it to another thread. */
const SYNC_BYTES_MAX = 1 << 16
/** JSON full of digits: the first level gives nearly what the others give. */
const options = { level: constants.Z_BEST_SPEED }
const gzipAsync = promisify(gzip)

/** Compresses answers for clients that accept it; large ones on a thread of zlib's own, so that the event loop is free meanwhile. */
export function compressAnswers(app: FastifyInstance): void {
  app.addHook('onSend', async (request, reply, payload: unknown) => {
    const isStream = payload instanceof Readable
    const isText = typeof payload === 'string' || Buffer.isBuffer(payload)
    if (!isStream && !(isText && payload.length >= BYTES_MIN)) return payload
    reply.header('vary', [reply.getHeader('vary') ?? [], 'accept-encoding'].flat().join(', '))
    if (request.method === 'HEAD' || reply.hasHeader('content-encoding') || !acceptsGzip(request.headers['accept-encoding'])) return payload
    reply.header('content-encoding', 'gzip')
    reply.removeHeader('content-length')
    if (!isStream) {
      const whole = payload as string | Buffer
      return whole.length <= SYNC_BYTES_MAX ? gzipSync(whole, options) : await gzipAsync(whole, options)
    }
    const packed = createGzip(options)
    // Each end tells the other: a client that hangs up ends the writing too.
    payload.on('error', (error) => packed.destroy(error))
    packed.on('close', () => payload.destroy())
    return payload.pipe(packed)
  })
}

/** Whether a list such as `gzip;q=0.8, *;q=0` allows gzip. */
export function acceptsGzip(header: string | string[] | undefined): boolean {
  const accepted = new Map<string, number>()
  for (const part of [header ?? []].flat().join(',').toLowerCase().split(',')) {
    const [name = '', ...parameters] = part.split(';').map((text) => text.trim())
    const weight = parameters.find((text) => text.startsWith('q='))
    accepted.set(name, weight === undefined ? 1 : Number(weight.slice(2)))
  }
  return (accepted.get('gzip') ?? accepted.get('*') ?? 0) > 0
}
