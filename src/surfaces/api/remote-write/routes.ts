import type { IncomingMessage } from 'node:http'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { ModelwatchError, messageOf } from '../../../core/errors.ts'
import { discardRest } from '../discard.ts'
import { BodyReader } from './body-reader.ts'
import { remoteWriteErrors } from './errors.ts'
import { type RemoteWriteLimits, remoteWriteLimits } from './limits.ts'
import { createRemoteWriteReceiver, type RemoteWriteDeps, type RemoteWriteStats } from './receiver.ts'

const MESSAGE_V1 = 'prometheus.WriteRequest'
const MESSAGE_V2 = 'io.prometheus.write.v2.Request'
/** What a sender that was sent away is asked to wait. */
const RETRY_AFTER_SECONDS = 5

export interface WriteRouteStats extends RemoteWriteStats {
  /** Requests by what was answered. */
  readonly requests: ReadonlyMap<number, number>
  readonly inFlight: number
}

/**
 * `POST /api/v1/write`: remote write 1.0. Errors are told as plain text, as Prometheus does.
 * @param config - `enabled`: whether anything is taken; else 404 says how to change that.
 * @returns what happened so far.
 */
export async function writeRoute(
  app: FastifyInstance,
  config: Partial<RemoteWriteLimits> & { readonly enabled: boolean },
  deps: RemoteWriteDeps,
): Promise<() => WriteRouteStats> {
  const limits = { ...remoteWriteLimits, ...config }
  const receiver = createRemoteWriteReceiver(limits, deps)
  const bodies = new BodyReader({ bytesMax: limits.bodyBytesMax, msMax: limits.bodyMsMax })
  const requests = new Map<number, number>()
  let inFlight = 0
  let inFlightBytes = 0

  /** Looks at the head of a request before its body is read. */
  const admit = (request: FastifyRequest, reply: FastifyReply) => {
    if (!config.enabled)
      throw remoteWriteErrors.MW_REMOTE_WRITE_DISABLED('remote write receiver needs to be enabled with --web.enable-remote-write-receiver')
    checkMedia(request.headers)
    const length = Number(request.headers['content-length'] ?? 0)
    if (length > limits.bodyBytesMax)
      throw remoteWriteErrors.MW_REMOTE_WRITE_TOO_LARGE(`the request has ${length} bytes, more than ${limits.bodyBytesMax}`)
    if (inFlight >= limits.inFlightMax || inFlightBytes + length > limits.inFlightBytesMax)
      throw remoteWriteErrors.MW_REMOTE_WRITE_BUSY(`${inFlight} requests of ${inFlightBytes} bytes are being written already`)
    inFlight++
    // A body of unknown length counts as the largest there may be.
    const counted = request.headers['content-length'] === undefined ? limits.bodyBytesMax : length
    inFlightBytes += counted
    reply.raw.once('close', () => {
      inFlight--
      inFlightBytes -= counted
    })
  }

  await app.register(async (scope) => {
    scope.removeAllContentTypeParsers()
    scope.addContentTypeParser('*', async (_: FastifyRequest, payload: IncomingMessage) => bodies.read(payload))
    scope.addHook('onRequest', async (request, reply) => admit(request, reply))
    scope.addHook('onResponse', async (_, reply) => void requests.set(reply.statusCode, (requests.get(reply.statusCode) ?? 0) + 1))
    scope.setErrorHandler(async (error, request, reply) => {
      const status = statusOf(error)
      if (status !== 408) await discardRest(request.raw)
      // What is left of the request is not waited for.
      if (status === 408) reply.header('connection', 'close')
      if (status === 503) reply.header('retry-after', RETRY_AFTER_SECONDS)
      return reply
        .code(status)
        .type('text/plain; charset=utf-8')
        .send(`${messageOf(error)}\n`)
    })
    scope.post('/api/v1/write', async (request, reply) => {
      const body = (request.body as Buffer | undefined) ?? Buffer.alloc(0)
      try {
        await receiver.receive(body)
      } finally {
        bodies.release(body)
      }
      return reply.code(204).send()
    })
  })
  return () => ({ ...receiver.stats(), requests, inFlight })
}

/** @throws MW_REMOTE_WRITE_MEDIA unless it is, or may be, remote write 1.0 in snappy. Older senders say nothing, and mean just that. */
function checkMedia(headers: IncomingMessage['headers']): void {
  const type = headers['content-type'] ?? ''
  const [media = '', ...parameters] = type.split(';').map((part) => part.trim())
  if (media !== '' && media.toLowerCase() !== 'application/x-protobuf')
    throw remoteWriteErrors.MW_REMOTE_WRITE_MEDIA(`expected application/x-protobuf as the first (media) part, got ${type} content-type`)
  for (const parameter of parameters) {
    const [name = '', value = ''] = parameter.split('=').map((part) => part.trim())
    if (name.toLowerCase() !== 'proto' || value === MESSAGE_V1) continue
    const reason =
      value === MESSAGE_V2 ? 'remote write 2.0 is not supported yet; send' : `unknown remote write protobuf message ${value}, supported:`
    throw remoteWriteErrors.MW_REMOTE_WRITE_MEDIA(`got ${type} content type; ${reason} ${MESSAGE_V1}`)
  }
  const encoding = (headers['content-encoding'] ?? 'snappy').toLowerCase()
  if (encoding !== 'snappy')
    throw remoteWriteErrors.MW_REMOTE_WRITE_MEDIA(
      `${encoding} encoding (compression) is not accepted by this server; only snappy is acceptable`,
    )
}

const ofCode: Readonly<Record<string, number>> = {
  MW_REMOTE_WRITE_TOO_LARGE: 413,
  MW_REMOTE_WRITE_MEDIA: 415,
  MW_REMOTE_WRITE_DISABLED: 404,
  MW_REMOTE_WRITE_SLOW: 408,
  MW_REMOTE_WRITE_BUSY: 503,
}

/** 400 means "do not send this again", 503 "send it again later": senders act on no more than that. */
function statusOf(error: unknown): number {
  if (error instanceof ModelwatchError) return ofCode[error.code] ?? (error.kind === 'invalid' ? 400 : error.retryable ? 503 : 500)
  const { statusCode } = error as { statusCode?: unknown }
  return typeof statusCode === 'number' ? statusCode : 500
}
