import type { IncomingHttpHeaders } from 'node:http'
import { MS_PER_SECOND } from '../../../../core/time.ts'
import { admissionErrors } from './errors.ts'

const pattern = /^(\d{1,9}(?:\.\d{1,9})?)(ms|s)?$/
/** Nobody waits longer for an answer. */
const TIMEOUT_MAX_MS = 86_400_000

/**
 * How long a client waits for its answer, as it says itself in the header `Request-Timeout`: `250ms`, `2s`, or a number of seconds.
 * @returns Milliseconds, above 0 and at most a day; undefined when the client does not say.
 * @throws MW_TIMEOUT_INVALID for anything else: a deadline that was misread would be a wrong one.
 */
export function parseRequestTimeout(headers: IncomingHttpHeaders): number | undefined {
  const text = headers['request-timeout'] as string | undefined // Sent twice, its values stand behind each other with a comma.
  if (text === undefined) return undefined
  const match = pattern.exec(text)
  const timeoutMs = match === null ? Number.NaN : Number(match[1]) * (match[2] === 'ms' ? 1 : MS_PER_SECOND)
  if (timeoutMs > 0 && timeoutMs <= TIMEOUT_MAX_MS) return timeoutMs
  throw admissionErrors.MW_TIMEOUT_INVALID(`Request-Timeout must be above zero and at most a day, got ${JSON.stringify(text.slice(0, 40))}`)
}
