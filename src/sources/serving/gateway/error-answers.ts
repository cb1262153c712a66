import type { FastifyError, FastifyReply } from 'fastify'
import { assertNever, type ErrorKind, ModelwatchError } from '../../../core/errors.ts'
import { MS_PER_SECOND } from '../../../core/time.ts'
import { gatewayErrors } from './errors.ts'
import { closeLingering } from './lingering-close.ts'
import { NAME_LENGTH_MAX } from './model-requests.ts'
import type { InputFault } from './routes/rows.ts'

/**
 * The one place where an error becomes an answer: `code`, `error`, `hint`, and `detail` where fields are at fault.
 * @param onFault - Told of what is our fault.
 */
export function sendError(error: Error, reply: FastifyReply, onFault: (error: unknown) => void): FastifyReply {
  const known = error instanceof ModelwatchError ? error : translate(error as FastifyError, reply)
  if (known === undefined || known.kind === 'internal') onFault(known ?? error)
  const { code, message, hint, retryable } = known ?? internal()
  const { detail, retryAfterMs } = error as { detail?: readonly InputFault[]; retryAfterMs?: number }
  if (retryable) reply.header('retry-after', Math.max(1, Math.ceil((retryAfterMs ?? 0) / MS_PER_SECOND)))
  keepOrClose(reply)
  return reply.code(known === undefined ? 500 : statusOf(known)).send({ code, error: message, hint, detail: detail ?? [] })
}

const internal = () => gatewayErrors.MW_INTERNAL('the gateway failed at this request, and wrote the cause to its log')

/**
 * What becomes of the connection. A body that has arrived stands in nobody's way, whatever was wrong with it. One that has not would be read to its end, to
 * find the next request behind it: as long as a body may be here, it is; a longer one, or one whose length nobody told, costs the connection.
 */
function keepOrClose(reply: FastifyReply): void {
  const { request } = reply
  if (request.raw.complete) {
    reply.removeHeader('connection') // Fastify sets it when a parser refuses, for it cannot know.
    return
  }
  const { 'content-length': length, 'transfer-encoding': encoding } = request.headers
  if (encoding === undefined && Number(length ?? 0) <= request.routeOptions.bodyLimit) return
  reply.header('connection', 'close')
  closeLingering(request.raw)
}

/** Errors of the HTTP layer itself, in our words. */
function translate(error: FastifyError, { request }: FastifyReply): ModelwatchError | undefined {
  if (error.validation !== undefined) {
    const { instancePath, message } = error.validation[0]!
    return gatewayErrors.MW_INPUT_INVALID(`${error.validationContext ?? 'body'}${instancePath} ${message ?? 'is wrong'}`)
  }
  if (error.code === 'FST_ERR_CTP_BODY_TOO_LARGE')
    return gatewayErrors.MW_BODY_TOO_LARGE(`the body has more than ${request.routeOptions.bodyLimit} bytes, as many as it may`)
  if (error.code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE') return gatewayErrors.MW_BODY_TYPE('the body must be sent as application/json')
  if (error.code === 'FST_ERR_BAD_URL' || error.code === 'FST_ERR_MAX_PARAM_LENGTH')
    return gatewayErrors.MW_ROUTE_UNKNOWN(`the address is malformed, or a name in it is longer than ${NAME_LENGTH_MAX} characters`)
  if (error.statusCode !== undefined && error.statusCode < 500) return gatewayErrors.MW_BODY_INVALID(error.message, { cause: error })
  return undefined
}

function statusOf({ code, kind }: ModelwatchError): number {
  if (code === 'MW_BODY_TOO_LARGE') return 413
  if (code === 'MW_BODY_TYPE') return 415
  return statusOfKind(kind)
}

function statusOfKind(kind: ErrorKind): number {
  switch (kind) {
    case 'invalid':
      return 422
    case 'not_found':
      return 404
    case 'conflict':
      return 409
    case 'gone':
      return 410
    case 'overloaded':
    case 'unavailable':
      return 503
    case 'timeout':
      return 504
    case 'unsupported':
      return 501
    case 'config':
    case 'gate':
    case 'internal':
      return 500
    default:
      return assertNever(kind)
  }
}
