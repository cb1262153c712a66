import type { StatementSync } from 'node:sqlite'
import type { NewTask, Submitted } from '../contract.ts'
import { queueErrors } from '../errors.ts'
import type { Context } from './context.ts'
import type { Effects } from './effects.ts'
import { WAITING } from './states.ts'

interface KeyRow {
  readonly digest: string
  readonly id: string
  readonly expires_ms: number
}

/** Takes tasks in. */
export class Submissions {
  readonly #context: Context
  readonly #insert: StatementSync
  readonly #insertPayload: StatementSync
  readonly #insertWebhook: StatementSync
  readonly #exists: StatementSync
  readonly #key: StatementSync
  readonly #rememberKey: StatementSync

  readonly #inUse: StatementSync
  #kept: { effects: Effects | undefined; bytes: number } = { effects: undefined, bytes: 0 }

  constructor(context: Context) {
    this.#context = context
    const { database } = context
    this.#insert = database.prepare(`
      INSERT INTO task (id, lane, state, due_ms, priority, rows, bytes, hooked, revision, submitted_ms, deadline_ms)
      VALUES (?, ?, ${WAITING}, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING`)
    this.#insertPayload = database.prepare('INSERT INTO payload (seq, payload) VALUES (?, ?)')
    this.#insertWebhook = database.prepare('INSERT INTO webhook (seq, url, secret) VALUES (?, ?, ?)')
    this.#inUse = database.prepare(`
      SELECT (all_pages.page_count - free.freelist_count) * size.page_size AS bytes
      FROM pragma_page_count AS all_pages, pragma_freelist_count AS free, pragma_page_size AS size`)
    this.#exists = database.prepare('SELECT 1 FROM task WHERE id = ?')
    this.#key = database.prepare('SELECT digest, id, expires_ms FROM idempotency WHERE lane = ? AND key = ?')
    this.#rememberKey = database.prepare('INSERT OR REPLACE INTO idempotency (lane, key, digest, id, expires_ms) VALUES (?, ?, ?, ?, ?)')
  }

  /**
   * Inside a transaction.
   * @throws MW_QUEUE_FULL, and nothing is written then.
   */
  submit(task: NewTask): Submitted {
    const same = this.#findKey(task)
    if (same !== undefined) return same
    const { lanes, options, clock, effects } = this.#context
    const unfinished = lanes.unfinished()
    if (unfinished >= options.tasksMax) {
      if (this.#exists.get(task.id) !== undefined) return { kind: 'known', id: task.id }
      effects.outcome(task.queue, 'refused')
      throw queueErrors.MW_QUEUE_FULL(`the queue holds ${unfinished} unfinished tasks, as many as it may`)
    }
    const bytes = Buffer.byteLength(task.payload)
    const kept = this.#bytesKept(effects)
    if (kept + bytes > options.bytesMax) {
      if (this.#exists.get(task.id) !== undefined) return { kind: 'known', id: task.id }
      effects.outcome(task.queue, 'refused')
      throw queueErrors.MW_QUEUE_FULL(
        `the queue keeps ${kept} bytes, and ${bytes} more would be above queue.bytes_max, ${options.bytesMax}`,
      )
    }
    const lane = lanes.ensure(task.queue)
    const hooked = task.webhook === undefined ? 0 : 1
    const { id, priority, rows, revision, submittedMs } = task
    const deadlineMs = task.deadlineMs ?? null
    const inserted = this.#insert.run(id, lane, deadlineMs, priority, rows, bytes, hooked, revision, submittedMs, deadlineMs)
    if (inserted.changes === 0) return { kind: 'known', id }
    this.#kept.bytes += bytes
    const seq = inserted.lastInsertRowid
    this.#insertPayload.run(seq, task.payload)
    if (task.webhook !== undefined) this.#insertWebhook.run(seq, task.webhook.url, task.webhook.secret ?? null)
    if (task.idempotency !== undefined) {
      this.#rememberKey.run(lane, task.idempotency.key, task.idempotency.digest, id, clock.now() + options.idempotencyMs)
    }
    lanes.count(lane, WAITING, 1)
    effects.change(id)
    effects.work()
    effects.outcome(task.queue, 'submitted')
    return { kind: 'accepted', id }
  }

  /** Bytes of the file that are in use, as the transaction under way found it and with what it took in: asked once, for that costs as much as a task. */
  #bytesKept(effects: Effects): number {
    if (this.#kept.effects !== effects) this.#kept = { effects, bytes: (this.#inUse.get() as { bytes: number }).bytes }
    return this.#kept.bytes
  }

  /** What was handed in under the same key, while it is remembered. */
  #findKey({ queue, idempotency }: NewTask): Submitted | undefined {
    const lane = idempotency === undefined ? undefined : this.#context.lanes.find(queue)
    if (idempotency === undefined || lane === undefined) return undefined
    const row = this.#key.get(lane, idempotency.key) as KeyRow | undefined
    if (row === undefined || row.expires_ms <= this.#context.clock.now()) return undefined
    return { kind: row.digest === idempotency.digest ? 'known' : 'conflict', id: row.id }
  }
}
