import { randomBytes } from 'node:crypto'
import type { StatementSync } from 'node:sqlite'
import { CLAIM_BYTES_MAX, type Delivery } from '../contract.ts'
import type { Context } from './context.ts'
import { retryDelayMs } from './delays.ts'
import type { Housekeeping } from './housekeeping.ts'
import { TASK_COLUMNS, TASK_JOINS, type TaskRow, toTask, toWebhook } from './rows.ts'

const WAIT_MS_MAX = 3_600_000
/** Deliveries of one claim, whatever was asked for. */
const CLAIM_MAX = 256

type DeliveryRow = TaskRow & { readonly seq: number; readonly url: string; readonly secret: string | null; readonly tried: number }

/** Hands out webhooks that are due; `due_ms` of one in somebody's hands is the end of their lease. */
export class Deliveries {
  readonly #context: Context
  readonly #housekeeping: Housekeeping
  readonly #isDue: StatementSync
  readonly #due: StatementSync
  readonly #take: StatementSync
  readonly #end: StatementSync
  readonly #delay: StatementSync
  readonly #tokens = randomBytes(9).toString('base64url')
  #count = 0

  constructor(context: Context, housekeeping: Housekeeping) {
    this.#context = context
    this.#housekeeping = housekeeping
    const { database } = context
    this.#isDue = database.prepare('SELECT 1 FROM webhook WHERE due_ms <= ? LIMIT 1')
    this.#due = database.prepare(`
      SELECT ${TASK_COLUMNS}, task.seq, webhook.url, webhook.secret, webhook.attempts AS tried FROM webhook
      JOIN task USING (seq) ${TASK_JOINS} WHERE webhook.due_ms <= ? ORDER BY webhook.due_ms LIMIT ?`)
    this.#take = database.prepare('UPDATE webhook SET due_ms = ?, token = ? WHERE seq = ?')
    this.#end = database.prepare(`
      UPDATE webhook SET due_ms = NULL, token = NULL, attempts = ?, reason = ?
      WHERE seq = (SELECT seq FROM task WHERE id = ?) AND token = ? RETURNING seq`)
    this.#delay = database.prepare(`
      UPDATE webhook SET due_ms = ?, token = NULL, attempts = ?, reason = ? WHERE seq = (SELECT seq FROM task WHERE id = ?) AND token = ?`)
  }

  hasDue(nowMs: number): boolean {
    return this.#isDue.get(nowMs) !== undefined
  }

  /** Inside a transaction. */
  claim(max: number, holdMs: number, nowMs: number): Delivery[] {
    return this.#read(Math.min(max, CLAIM_MAX), nowMs).map((row) => {
      const token = `${this.#tokens}-${(this.#count++).toString(36)}`
      this.#take.run(nowMs + holdMs, token, row.seq)
      return { task: toTask(row, this.#context.lanes.queueOf(row.lane)), webhook: toWebhook(row)!, attempts: row.tried, token }
    })
  }

  /** Row by row, each with its result, until there is no room for the next. */
  #read(max: number, nowMs: number): DeliveryRow[] {
    const rows: DeliveryRow[] = []
    let bytesLeft = CLAIM_BYTES_MAX
    for (const row of this.#due.iterate(nowMs, max) as Iterable<unknown> as Iterable<DeliveryRow>) {
      bytesLeft -= Buffer.byteLength(row.result ?? '')
      if (rows.length > 0 && bytesLeft < 0) break
      rows.push(row)
    }
    return rows
  }

  /** Inside a transaction. Whose lease ran out is not heard: another delivers it too, or has. */
  delivered({ task, attempts, token }: Delivery): void {
    const row = this.#end.get(attempts + 1, null, task.id, token) as { seq: number } | undefined
    if (row !== undefined) this.#housekeeping.deleteIfGone(row.seq)
  }

  /** Inside a transaction. */
  undelivered({ task, attempts, token }: Delivery, reason: string, nowMs: number): 'delayed' | 'given_up' {
    const { options, random } = this.#context
    const tried = attempts + 1
    if (tried < options.webhookAttemptsMax) {
      const waitMs = retryDelayMs(tried, { firstMs: options.webhookDelayMs, maxMs: Math.max(options.webhookDelayMs, WAIT_MS_MAX) }, random)
      this.#delay.run(nowMs + waitMs, tried, reason, task.id, token)
      return 'delayed'
    }
    const row = this.#end.get(tried, reason, task.id, token) as { seq: number } | undefined
    if (row === undefined) return 'delayed'
    this.#housekeeping.deleteIfGone(row.seq)
    return 'given_up'
  }
}
