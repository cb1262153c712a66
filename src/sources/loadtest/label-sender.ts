import type { GatewayClient } from './gateway-client.ts'
import { pause } from './pause.ts'

/** What became of labels. Each that was handed in is counted in exactly one of these. */
export interface LabelProgress {
  /** Not due yet, or under way. */
  readonly waiting: number
  /** Joined to its prediction. */
  readonly matched: number
  /** The gateway does not know the prediction any more, as after a restart. */
  readonly orphan: number
  /** The gateway holds it to be too long after its prediction. */
  readonly late: number
  /** The prediction had a label already. */
  readonly duplicate: number
  /** Refused by the gateway, or given up after the last retry. */
  readonly failed: number
  /** Not taken, because `WAITING_MAX` waited already. */
  readonly shed: number
  /** Dropped by the stop, before they were due or before the gateway could be reached again. */
  readonly unsent: number
  /** Why the last failed one failed; '' while none did. */
  readonly lastFailure: string
}

export interface LabelSenderOptions {
  readonly model: string
  /** From the answer to the label. */
  readonly delayMs: number
}

export const WAITING_MAX = 100_000
const PER_REQUEST_MAX = 500
const TICK_MS = 100

export interface RetryOptions {
  /** Attempts after the first. */
  readonly retriesMax: number
  /** Wait before the first retry; it doubles with each, up to `waitMsMax`. */
  readonly waitMsMin: number
  readonly waitMsMax: number
}

/** Half a minute in all: a gateway that is started anew is back by then, or gone for longer. */
export const retryDefaults: RetryOptions = { retriesMax: 10, waitMsMin: 250, waitMsMax: 5000 }

interface Label {
  readonly dueMs: number
  readonly prediction_id: string
  readonly actual: Readonly<Record<string, number>>
}

/** Keeps labels until they are due, and sends them; what the gateway cannot take at the moment, again a little later. */
export class LabelSender {
  readonly #client: Pick<GatewayClient, 'post'>
  readonly #options: LabelSenderOptions
  readonly #retry: RetryOptions
  readonly #queue: Label[] = []
  #underWay = 0
  #finishing = false
  /** Whether the last label that failed used up its retries: the next ones are then tried once, until the gateway answers again. */
  #givenUp = false
  #counts = { matched: 0, orphan: 0, late: 0, duplicate: 0, failed: 0, shed: 0, unsent: 0, lastFailure: '' }

  constructor(client: Pick<GatewayClient, 'post'>, options: LabelSenderOptions, retry: RetryOptions = retryDefaults) {
    this.#client = client
    this.#options = options
    this.#retry = retry
  }

  progress(): LabelProgress {
    return { ...this.#counts, waiting: this.#queue.length + this.#underWay }
  }

  add(predictionId: string, actual: Readonly<Record<string, number>>): void {
    if (this.#queue.length >= WAITING_MAX) this.#counts.shed++
    else this.#queue.push({ dueMs: performance.now() + this.#options.delayMs, prediction_id: predictionId, actual })
  }

  /** Sends what falls due, until the signal aborts, or until nothing is left after `finish`. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted && !(this.#finishing && this.#queue.length === 0)) {
      const due = this.#takeDue()
      if (due.length === 0) await pause(TICK_MS, signal)
      else await this.#send(due, signal)
    }
  }

  /** No more will be added: `run` ends with the last. */
  finish(): void {
    this.#finishing = true
  }

  /** Gives up what still waits, counted. For after `run`. */
  drop(): void {
    this.#counts.unsent += this.#queue.length
    this.#queue.length = 0
  }

  /** Labels fall due in the order of their answers, so those due stand at the front. */
  #takeDue(): Label[] {
    const nowMs = performance.now()
    let count = 0
    while (count < this.#queue.length && count < PER_REQUEST_MAX && this.#queue[count]!.dueMs <= nowMs) count++
    return this.#queue.splice(0, count)
  }

  async #send(labels: readonly Label[], signal: AbortSignal): Promise<void> {
    this.#underWay += labels.length
    try {
      await this.#sendOrSplit(labels, signal)
    } finally {
      this.#underWay -= labels.length
    }
  }

  async #sendOrSplit(labels: readonly Label[], signal: AbortSignal): Promise<void> {
    const body = JSON.stringify({ labels: labels.map(({ prediction_id, actual }) => ({ prediction_id, actual })) })
    for (let retries = 0; ; retries++) {
      const reply = await this.#client.post(this.#options.model, 'labels', body)
      if (reply.kind !== 'failed') this.#givenUp = false
      if (reply.kind === 'answered') return this.#count(reply.answer, labels.length)
      if (reply.kind === 'refused' && (reply.status === 413 || reply.status === 422) && labels.length > 1) {
        // More than this gateway takes at once, or one label in it that it does not like: the others are not lost with it.
        const half = labels.length >> 1
        await this.#sendOrSplit(labels.slice(0, half), signal)
        return this.#sendOrSplit(labels.slice(half), signal)
      }
      if (reply.kind === 'failed' && !this.#givenUp && retries < this.#retry.retriesMax) {
        await pause(Math.min(this.#retry.waitMsMax, this.#retry.waitMsMin * 2 ** retries), signal)
        if (!signal.aborted) continue
        this.#counts.unsent += labels.length
        return
      }
      this.#givenUp = reply.kind === 'failed'
      this.#counts.failed += labels.length
      this.#counts.lastFailure = reply.reason
      return
    }
  }

  #count(answer: unknown, sent: number): void {
    const told = (answer as { outcomes?: Readonly<Record<string, unknown>> } | null)?.outcomes
    let known = 0
    for (const outcome of ['matched', 'orphan', 'late', 'duplicate'] as const) {
      const count = told?.[outcome] ?? 0
      if (typeof count !== 'number') continue
      this.#counts[outcome] += count
      known += count
    }
    if (known === sent) return
    this.#counts.failed += Math.max(0, sent - known)
    this.#counts.lastFailure = `the answer tells of ${known} of ${sent} labels`
  }
}
