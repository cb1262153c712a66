import type { IncomingHttpHeaders } from 'node:http'
import { parseDurationMs } from '../../../../core/time.ts'
import { taskErrors } from './errors.ts'

/** What a submission says about its task besides the rows. */
export interface SubmissionOptions {
  readonly priority: number
  /** Time from now; undefined: no deadline. */
  readonly deadlineMs: number | undefined
  readonly idempotencyKey: string | undefined
  readonly webhook: { readonly url: string; readonly secret: string | undefined } | undefined
}

export const PRIORITY_DEFAULT = 5
const KEY_LENGTH_MAX = 255
/** Nobody waits longer for a task; and beyond what a date can say, the task could not be shown. */
const DEADLINE_MAX_MS = 31_536_000_000
const SECRET_LENGTH_MAX = 512

/**
 * Reads query and headers of a submission. What tells how a task is run stands in the query; what is only between client and gateway, and a secret,
 * which addresses are no place for, in headers.
 * @param webhookFault - Why a webhook may not go there; undefined: it may.
 * @throws MW_TASK_OPTION_INVALID or MW_WEBHOOK_UNFIT.
 */
export function readSubmissionOptions(
  query: Readonly<Record<string, unknown>>,
  headers: IncomingHttpHeaders,
  webhookFault: (url: string) => string | undefined,
): SubmissionOptions {
  refuseUnknown(query, ['priority', 'deadline'])
  const { priority, deadline } = query
  if (priority !== undefined && !(typeof priority === 'string' && /^\d$/.test(priority)))
    throw taskErrors.MW_TASK_OPTION_INVALID(`priority must be a digit from 0 to 9, got ${show(priority)}`)
  const idempotencyKey = headers['idempotency-key']
  if (idempotencyKey !== undefined && !(typeof idempotencyKey === 'string' && isPrintable(idempotencyKey, KEY_LENGTH_MAX)))
    throw taskErrors.MW_TASK_OPTION_INVALID(`Idempotency-Key must have 1 to ${KEY_LENGTH_MAX} printable ASCII characters`)
  return {
    priority: priority === undefined ? PRIORITY_DEFAULT : Number(priority),
    deadlineMs: deadline === undefined ? undefined : readDeadline(deadline),
    idempotencyKey,
    webhook: readWebhook(headers, webhookFault),
  }
}

function readWebhook(headers: IncomingHttpHeaders, faultOf: (url: string) => string | undefined): SubmissionOptions['webhook'] {
  const { 'webhook-url': url, 'webhook-secret': secret } = headers
  if (secret !== undefined && !(typeof secret === 'string' && isPrintable(secret, SECRET_LENGTH_MAX)))
    throw taskErrors.MW_TASK_OPTION_INVALID(`Webhook-Secret must have 1 to ${SECRET_LENGTH_MAX} printable ASCII characters`)
  if (url === undefined) {
    if (secret !== undefined) throw taskErrors.MW_TASK_OPTION_INVALID('Webhook-Secret stands without Webhook-Url')
    return undefined
  }
  const fault = typeof url === 'string' ? faultOf(url) : 'it stands more than once'
  if (fault !== undefined) throw taskErrors.MW_WEBHOOK_UNFIT(`Webhook-Url ${show(url)} cannot be used: ${fault}`)
  return { url: url as string, secret }
}

function readDeadline(value: unknown): number {
  const deadlineMs = readDuration('deadline', value)
  if (deadlineMs > DEADLINE_MAX_MS) throw taskErrors.MW_TASK_OPTION_INVALID(`deadline must be at most 1y, got ${show(value)}`)
  return deadlineMs
}

/**
 * A duration above zero from a query.
 * @throws MW_TASK_OPTION_INVALID
 */
export function readDuration(name: string, value: unknown): number {
  const durationMs = typeof value === 'string' ? parseDurationMs(value) : undefined
  if (durationMs === undefined || durationMs === 0 || !Number.isSafeInteger(durationMs))
    throw taskErrors.MW_TASK_OPTION_INVALID(`${name} must be a duration above zero such as 10s or 1m30s, got ${show(value)}`)
  return durationMs
}

/** @throws MW_TASK_OPTION_INVALID: a misspelt word in a query would else be no word at all. */
export function refuseUnknown(query: Readonly<Record<string, unknown>>, known: readonly string[]): void {
  const unknown = Object.keys(query).find((key) => !known.includes(key))
  if (unknown !== undefined)
    throw taskErrors.MW_TASK_OPTION_INVALID(`the query has ${show(unknown)}; known here: ${known.join(', ') || 'nothing'}`)
}

const isPrintable = (text: string, lengthMax: number) => text.length <= lengthMax && /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/.test(text)

const SHOWN_MAX = 60
function show(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing'
  return text.length > SHOWN_MAX ? `${text.slice(0, SHOWN_MAX)}…` : text
}
