import { parseDurationMs } from '../../../../core/time.ts'
import type { Delivery } from '../../queue/contract.ts'
import type { WebhooksConfig } from '../config.ts'
import type { WorkerDeps } from '../contract.ts'
import { workerErrors } from '../errors.ts'
import { workerFamilies as families } from '../families.ts'
import { startWakingLoop } from '../waking-loop.ts'
import { createAddressPolicy } from './address-policy.ts'
import { createWebhookSender, type Sent, type WebhookSender } from './sender.ts'

/** Results of webhooks under way, beyond which no more are claimed: with the last claim it is this and CLAIM_BYTES_MAX, or one result. */
const BYTES_UNDER_WAY_MAX = 32 * 1024 * 1024
/** How long the queue may take to hear how an attempt ended: it waits that long for a disk or a server. */
const TELL_MS_MAX = 5000
const FAULT_WAIT_MS = 500
const FAULT_WAIT_MS_MAX = 30_000

export interface WebhookDeliverer {
  /** There may be webhooks that are due. */
  wake(): void
  /** Takes no more, and waits for those under way, each no longer than its timeout. */
  close(): Promise<void>
}

/**
 * Delivers webhooks that are due, each at least once, many at a time. The queue knows when the next attempt is.
 * @param options.leaseMs - How long the queue leaves a webhook to a process that may have died; longer where an attempt may take longer.
 */
export function createWebhookDeliverer(
  { config, leaseMs }: { readonly config: WebhooksConfig; readonly leaseMs: number },
  deps: Pick<WorkerDeps, 'queue' | 'registry' | 'clock' | 'random' | 'webhookBody' | 'onError'>,
  onFault: (error: unknown, streak: number) => void,
): WebhookDeliverer {
  const { queue, registry, onError } = deps
  const count = (outcome: Sent['kind'] | 'given_up') => registry.counter(families.webhooks, { outcome })
  for (const outcome of ['delivered', 'failed', 'gone', 'refused', 'given_up'] as const) count(outcome)
  const options = {
    timeoutMs: parseDurationMs(config.timeout)!,
    secret: config.secret,
    policy: createAddressPolicy(config),
  }
  // Or a receiver that is slow would be asked again and again, and never heard.
  const holdMs = Math.max(leaseMs, options.timeoutMs + TELL_MS_MAX)
  const underWay = new Set<Promise<void>>()
  let bytesUnderWay = 0
  let opening: Promise<WebhookSender> | undefined

  const deliver = async (delivery: Delivery) => {
    const { task, webhook } = delivery
    opening ??= createWebhookSender(options, deps) // A worker whose tasks have no webhooks never loads an HTTP client.
    // A dead task that was tried again ends a second time: another message.
    const sent = await (await opening).send(webhook, `${task.id}-${task.finishedMs ?? 0}`, deps.webhookBody(task))
    count(sent.kind).add()
    if (sent.kind === 'refused') onError(workerErrors.MW_WEBHOOK_REFUSED(sent.reason), { task: task.id })
    if (sent.kind !== 'failed') return queue.delivered(delivery) // Also when it never will be: there is no use in another attempt.
    if ((await queue.undelivered(delivery, sent.reason)) !== 'given_up') return
    count('given_up').add()
    onError(workerErrors.MW_WEBHOOK_FAILED(`given up after ${delivery.attempts + 1} attempts: ${sent.reason}`), { task: task.id })
  }

  const loop = startWakingLoop({
    turn: async () => {
      const room = config.concurrency_max - underWay.size
      if (room === 0 || bytesUnderWay >= BYTES_UNDER_WAY_MAX) return // The end of one wakes us.
      const due = await queue.claimDeliveries(room, { holdMs })
      for (const delivery of due) {
        const bytes = Buffer.byteLength(delivery.task.result ?? '')
        bytesUnderWay += bytes
        const sending: Promise<void> = deliver(delivery)
          .catch((error: unknown) => onFault(error, 1)) // The queue did not hear of it, and hands it out again.
          .finally(() => {
            underWay.delete(sending)
            bytesUnderWay -= bytes
            loop.wake()
          })
        underWay.add(sending)
      }
      if (due.length > 0) loop.wake()
    },
    onFault,
    random: deps.random,
    waitMs: FAULT_WAIT_MS,
    waitMsMax: FAULT_WAIT_MS_MAX,
  })
  return {
    wake: loop.wake,
    async close() {
      await loop.stop()
      await Promise.all(underWay)
      await (await opening)?.close()
    },
  }
}
