import type { IncomingHttpHeaders } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import { Agent, request } from 'undici'
import type { Random } from '../../../src/core/random.ts'
import type { Entry, Ledger } from './ledger.ts'
import { WEBHOOK_SECRET } from './receiver.ts'

export interface ClientDeps {
  readonly gatewayUrl: string
  readonly webhookUrl: string
  readonly ledger: Ledger
  readonly random: Random
  /** Resolves when whatever was killed is back. */
  whenReady(): Promise<void>
  onAccepted(): void
}

interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
}

/** Beside what is down, a gateway may have too much to do. */
const BACK_OFF_MS = 50
const WAIT = '5s'
/** Beyond this a gateway that is there says nothing, which it must not. */
const ANSWER_MS_MAX = 60_000
const CONNECTIONS_MAX = 256

/** A patient client: it asks again whenever it gets no answer, or is told to come again. */
export class Client {
  readonly #deps: ClientDeps
  readonly #agent = new Agent({ connections: CONNECTIONS_MAX, pipelining: 1, headersTimeout: ANSWER_MS_MAX, bodyTimeout: ANSWER_MS_MAX })
  readonly #tasksUrl: string
  #isOver = false

  constructor(deps: ClientDeps) {
    this.#deps = deps
    this.#tasksUrl = `${deps.gatewayUrl}/v1/models/sums/tasks`
  }

  /** Submits a task until it is accepted. */
  async submit(entry: Entry): Promise<void> {
    const { plan } = entry
    const { ledger } = this.#deps
    const isFirst = await this.#submitOnce(entry, plan.hangUpMs)
    if (!isFirst) while (!this.#isOver && !(await this.#submitOnce(entry, undefined)));
    if (entry.taskId === undefined) {
      ledger.fault(entry, 'was never accepted')
      return
    }
    ledger.accepted++
    this.#deps.onAccepted()
    if (plan.twice) while (!this.#isOver && !(await this.#submitOnce(entry, undefined)));
  }

  /** @returns whether there is nothing more to be said about it. */
  async #submitOnce(entry: Entry, hangUpMs: number | undefined): Promise<boolean> {
    const { plan } = entry
    const { ledger, webhookUrl } = this.#deps
    const query = new URLSearchParams()
    if (plan.priority !== undefined) query.set('priority', String(plan.priority))
    if (plan.deadlineMs !== undefined) query.set('deadline', `${plan.deadlineMs}ms`)
    const headers = {
      'content-type': 'application/json',
      ...(plan.key === undefined ? {} : { 'idempotency-key': plan.key }),
      ...(plan.webhook ? { 'webhook-url': webhookUrl, 'webhook-secret': WEBHOOK_SECRET } : {}),
    }
    const answer = await this.#ask(entry, 'POST', `${this.#tasksUrl}?${query}`, {
      headers,
      body: JSON.stringify({ rows: plan.rows }),
      hangUpMs,
    })
    if (answer === undefined) return false
    const { status, text } = answer
    if (status !== 202 && status !== 200) {
      ledger.fault(entry, `submitted: ${status} ${text}`)
      return true
    }
    const { task_id: taskId } = JSON.parse(text) as { task_id: string }
    entry.ids.add(taskId)
    entry.taskId ??= taskId
    if (answer.headers['idempotency-replayed'] === 'true') ledger.replayed++
    return true
  }

  /** Cancels a task that was accepted. */
  async cancel(entry: Entry): Promise<void> {
    const { ledger } = this.#deps
    while (!this.#isOver) {
      const answer = await this.#ask(entry, 'DELETE', `${this.#tasksUrl}/${entry.taskId}`)
      if (answer === undefined) continue
      if (answer.status === 200) entry.isCancelled = true
      else if (answer.status !== 409) ledger.fault(entry, `cancelled: ${answer.status} ${answer.text}`)
      return
    }
  }

  /** Waits until a task is final, and keeps what is said of it then. */
  async read(entry: Entry): Promise<void> {
    const { ledger } = this.#deps
    while (!this.#isOver) {
      const answer = await this.#ask(entry, 'GET', `${this.#tasksUrl}/${entry.taskId}?wait=${WAIT}`)
      if (answer === undefined) continue
      if (answer.status !== 200) {
        ledger.fault(entry, `read: ${answer.status} ${answer.text}`)
        return
      }
      const { state } = JSON.parse(answer.text) as { state: string }
      if (state !== 'done' && state !== 'dead' && state !== 'cancelled') continue
      entry.texts.add(answer.text)
      return
    }
    ledger.fault(entry, 'is not final in the end')
  }

  /** Nothing is tried again from now on. */
  giveUp(): void {
    this.#isOver = true
  }

  async close(): Promise<void> {
    this.giveUp()
    await this.#agent.destroy()
  }

  /** @returns undefined when it is to be asked again; it has waited then until that may help. */
  async #ask(
    entry: Entry,
    method: 'POST' | 'GET' | 'DELETE',
    url: string,
    { headers = {}, body, hangUpMs }: { headers?: Record<string, string>; body?: string; hangUpMs?: number | undefined } = {},
  ): Promise<Answer | undefined> {
    const { ledger, random } = this.#deps
    const leaving = new AbortController()
    const timer = hangUpMs === undefined ? undefined : setTimeout(() => leaving.abort(), hangUpMs)
    try {
      const sent = await request(url, {
        dispatcher: this.#agent,
        method,
        headers,
        signal: leaving.signal,
        ...(body === undefined ? {} : { body }),
      })
      const text = await sent.body.text()
      ledger.note(entry, `${method} ${sent.statusCode}${sent.statusCode < 300 && method !== 'POST' ? '' : ` ${text.slice(0, 300)}`}`)
      if (sent.statusCode !== 503 && sent.statusCode !== 429) return { status: sent.statusCode, headers: sent.headers, text }
      if (method === 'POST') entry.unanswered++
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException
      ledger.note(entry, `${method} ${code ?? message}`)
      // Where nobody listened nothing was stored.
      if (method === 'POST' && code !== 'ECONNREFUSED') entry.unanswered++
      if (leaving.signal.aborted) return undefined
      if (code?.endsWith('_TIMEOUT')) ledger.fault(entry, `${method}: ${code}`)
    } finally {
      clearTimeout(timer)
    }
    await this.#deps.whenReady()
    await delay(BACK_OFF_MS * (0.5 + random()))
    return undefined
  }
}
