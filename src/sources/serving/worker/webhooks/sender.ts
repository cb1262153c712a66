import type { LookupAddress } from 'node:dns'
import { lookup } from 'node:dns/promises'
import { isIP, type LookupFunction } from 'node:net'
import { messageOf } from '../../../../core/errors.ts'
import type { Clock } from '../../../../core/time.ts'
import { MS_PER_SECOND } from '../../../../core/time.ts'
import type { Webhook } from '../../queue/contract.ts'
import { workerErrors } from '../errors.ts'
import type { AddressPolicy } from './address-policy.ts'
import { signWebhook } from './signature.ts'

/** What a receiver made of a webhook. */
export type Sent =
  | { readonly kind: 'delivered' }
  /** It will never want it: 410. */
  | { readonly kind: 'gone' }
  /** It must not be asked. */
  | { readonly kind: 'refused'; readonly reason: string }
  | { readonly kind: 'failed'; readonly reason: string }

export interface WebhookSender {
  /** Sends one webhook. Does not throw. @param id - The same for every attempt, so that a receiver knows a repetition. */
  send(webhook: Webhook, id: string, body: string): Promise<Sent>
  close(): Promise<void>
}

export interface WebhookSenderOptions {
  readonly timeoutMs: number
  /** Signs where the submission named no secret. */
  readonly secret: string | undefined
  readonly policy: AddressPolicy
}

/** All addresses of a host, as the system resolves it. */
export type ResolveHost = (hostname: string) => Promise<readonly LookupAddress[]>
const resolveHost: ResolveHost = (hostname) => lookup(hostname, { all: true })

/** Read of an answer that nobody looks at, so that its connection can be used again; a longer one costs the connection. */
const ANSWER_BYTES_MAX = 65_536
const IDLE_MS = 10_000
const REFUSED = 'MW_WEBHOOK_REFUSED'

/**
 * Sends webhooks: a POST, signed, that follows no redirects. A name is resolved once, while connecting, and only to addresses that are allowed: what was
 * looked at is what is connected to.
 */
export async function createWebhookSender(
  options: WebhookSenderOptions,
  { clock, resolve = resolveHost }: { clock: Clock; resolve?: ResolveHost },
): Promise<WebhookSender> {
  const { Agent, request } = await import('undici')
  const { timeoutMs, policy, secret } = options
  // As many connections as are sent at once: one that waited for a connection would use up its time, and an attempt, without being sent.
  const common = {
    pipelining: 1,
    headersTimeout: timeoutMs,
    bodyTimeout: timeoutMs,
    keepAliveTimeout: IDLE_MS,
    keepAliveMaxTimeout: IDLE_MS,
  }
  const guarded = new Agent({ ...common, connect: { timeout: timeoutMs, lookup: createGuardedLookup(policy, resolve) } })
  const unguarded = new Agent({ ...common, connect: { timeout: timeoutMs } })

  return {
    async send(webhook, id, body) {
      const reason = policy.faultOf(webhook.url)
      if (reason !== undefined) return { kind: 'refused', reason: `${webhook.url} is not asked: ${reason}` }
      const url = new URL(webhook.url)
      const timestampSeconds = Math.floor(clock.now() / MS_PER_SECOND)
      const key = webhook.secret ?? secret
      const headers = {
        'content-type': 'application/json; charset=utf-8',
        'user-agent': 'modelwatch',
        'webhook-id': id,
        'webhook-timestamp': String(timestampSeconds),
        ...(key === undefined ? {} : { 'webhook-signature': signWebhook(key, { id, timestampSeconds, body }) }),
      }
      try {
        // The agents' own limits are between two bytes; this one is of the whole.
        const signal = AbortSignal.timeout(timeoutMs)
        const answer = await request(url, {
          dispatcher: policy.isAllowed(url) ? unguarded : guarded,
          method: 'POST',
          headers,
          body,
          signal,
        })
        await answer.body.dump({ limit: ANSWER_BYTES_MAX, signal }).catch(() => {}) // Its status has said what counts.
        return toSent(answer.statusCode)
      } catch (error) {
        return toFailure(error, url)
      }
    },
    async close() {
      await Promise.all([guarded.destroy(), unguarded.destroy()])
    },
  }
}

function toSent(status: number): Sent {
  if (status >= 200 && status < 300) return { kind: 'delivered' }
  if (status === 410) return { kind: 'gone' }
  const redirect = status >= 300 && status < 400 ? ', and redirects are not followed' : ''
  return { kind: 'failed', reason: `it answered ${status}${redirect}` }
}

function toFailure(error: unknown, { host }: URL): Sent {
  const { code, cause } = error as { code?: string; cause?: { code?: string } }
  if (code === REFUSED || cause?.code === REFUSED) return { kind: 'refused', reason: messageOf(error) }
  return { kind: 'failed', reason: `${host}: ${messageOf(error)}` }
}

/** A resolver that knows only addresses which may be connected to. Numbers never come here: the policy has looked at them already. */
function createGuardedLookup(policy: AddressPolicy, resolve: ResolveHost): LookupFunction {
  return (hostname, { all }, callback) => {
    resolve(hostname).then(
      (addresses) => {
        const good = addresses.filter(({ address }) => isIP(address) !== 0 && policy.mayConnect(address))
        if (good.length === 0) callback(workerErrors.MW_WEBHOOK_REFUSED(`${hostname} is not asked: it has no public address`), [])
        else if (all === true) callback(null, good)
        else callback(null, good[0]!.address, good[0]!.family)
      },
      (error: NodeJS.ErrnoException) => callback(error, []),
    )
  }
}
