import type { Random } from '../../../../core/random.ts'
import type { Exchange } from './connection.ts'

export interface RetryOptions {
  /** Whether a request that may have reached the server may be sent again. */
  readonly resend: boolean
  readonly attemptsMax: number
  readonly backoffMs: number
}

/** The longest pause before an attempt that we choose ourselves; a server may ask for more. */
const BACKOFF_MS_MAX = 2000

/** The server, or what stands before it, says that it could not take the request up. */
const passing = [429, 502, 503, 504]

/**
 * How long to wait before the next attempt; undefined when there should be none: the answer is final, or attempts are used up.
 * The pause is drawn evenly below a bound that doubles ("full jitter"), so that those who failed together do not come back together.
 * @param attempt - The one that was just made; 1 is the first.
 */
export function retryDelayMs(exchange: Exchange, attempt: number, options: RetryOptions, random: Random): number | undefined {
  if (attempt >= options.attemptsMax || !mayRetry(exchange, options.resend)) return undefined
  const backoffMs = random() * Math.min(BACKOFF_MS_MAX, options.backoffMs * 2 ** (attempt - 1))
  const askedMs = exchange.kind === 'answer' ? retryAfterMs(exchange.headers) : undefined
  return Math.max(backoffMs, askedMs ?? 0)
}

function mayRetry(exchange: Exchange, resend: boolean): boolean {
  if (exchange.kind === 'unsent') return true // Nobody has seen it.
  if (exchange.kind === 'reset') return resend
  return exchange.kind === 'answer' && resend && passing.includes(exchange.status)
}

/**
 * The wait a server asks for (RFC 9110 §10.2.3): seconds, or a date, which is held against the server's own clock, its header `date`.
 * @returns undefined when it asks for none, or in a way that cannot be read.
 */
export function retryAfterMs(headers: Readonly<Record<string, string | string[] | undefined>>): number | undefined {
  const text = headers['retry-after']
  if (typeof text !== 'string' || text.trim() === '') return undefined
  if (/^\s*\d+(\.\d+)?\s*$/.test(text)) return Number(text) * 1000
  const waitMs = Date.parse(text) - Date.parse(String(headers.date))
  return Number.isNaN(waitMs) ? undefined : Math.max(0, waitMs)
}
