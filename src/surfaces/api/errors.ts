import { defineErrors, type ErrorKind, ModelwatchError, messageOf } from '../../core/errors.ts'

export const apiErrors = defineErrors({
  MW_API_PARAMETER: { kind: 'invalid', retryable: false, hint: 'Correct the parameter.' },
  MW_API_BUSY: { kind: 'unavailable', retryable: true, hint: 'Ask again a little later, or ask for less at once.' },
  MW_API_QUEUE_TIMEOUT: { kind: 'timeout', retryable: true, hint: 'Ask again a little later, or raise --query.max-concurrency.' },
  MW_API_CANCELED: { kind: 'unavailable', retryable: true, hint: 'Ask again.' },
  MW_API_NOT_FOUND: { kind: 'not_found', retryable: false, hint: 'See the Prometheus HTTP API for the addresses there are.' },
  MW_API_METHOD: { kind: 'invalid', retryable: false, hint: 'Use one of the methods named.' },
  MW_API_CROSS_SITE: { kind: 'invalid', retryable: false, hint: 'Ask from a terminal or from a page of the same host.' },
  MW_API_ADMIN_DISABLED: { kind: 'unavailable', retryable: false, hint: 'Start the monitor with --web.enable-admin-api.' },
})

/** The error types of the Prometheus HTTP API. */
export type ApiErrorType = 'bad_data' | 'execution' | 'timeout' | 'canceled' | 'internal' | 'unavailable' | 'not_found'

export interface ApiFailure {
  readonly status: number
  readonly errorType: ApiErrorType
  readonly message: string
}

const ofKind: Readonly<Record<ErrorKind, readonly [status: number, type: ApiErrorType]>> = {
  invalid: [400, 'bad_data'],
  config: [400, 'bad_data'],
  gate: [500, 'internal'],
  unsupported: [400, 'bad_data'],
  conflict: [400, 'bad_data'],
  not_found: [404, 'not_found'],
  gone: [410, 'not_found'],
  overloaded: [422, 'execution'],
  timeout: [503, 'timeout'],
  unavailable: [503, 'unavailable'],
  internal: [500, 'internal'],
}

/** Codes that say more than their kind: a query that parsed and still has no answer; a caller that went away (499, as nginx counts it). */
const ofCode: Readonly<Record<string, readonly [status: number, type: ApiErrorType]>> = {
  MW_PROMQL_EXECUTION: [422, 'execution'],
  MW_PROMQL_CANCELED: [499, 'canceled'],
  MW_API_CANCELED: [499, 'canceled'],
  MW_API_METHOD: [405, 'bad_data'],
  MW_API_CROSS_SITE: [403, 'bad_data'],
  MW_API_ADMIN_DISABLED: [500, 'unavailable'], // An odd status, and Prometheus's.
}

/** How the API answers an error. */
export function toFailure(error: unknown): ApiFailure {
  if (error instanceof ModelwatchError) {
    const [status, errorType] = ofCode[error.code] ?? ofKind[error.kind]
    return { status, errorType, message: error.message }
  }
  // Errors of fastify itself (a body too large, an unknown media type) carry the status they mean.
  const status = (error as { statusCode?: unknown } | undefined)?.statusCode
  if (typeof status === 'number' && status >= 400 && status < 500) return { status, errorType: 'bad_data', message: messageOf(error) }
  return { status: 500, errorType: 'internal', message: messageOf(error) }
}
