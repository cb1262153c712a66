import type { StatementSync } from 'node:sqlite'
import type { Context } from './context.ts'
import { CANCELLED, DEAD, DONE, type StateNumber, WAITING } from './states.ts'

/** Tasks deleted or moved in one transaction: a few milliseconds. */
export const PIECE_TASKS = 200
/** Rows looked at in one go where there is no index for what is sought. */
const WALK_ROWS = 5000
/** Free pages that are kept for what comes next, as a share of the file and at least; what is beyond goes back to the disk. */
const FREE_RATIO_MAX = 0.25
const FREE_PAGES_KEPT = 1024
const VACUUM_PAGES = 256

interface Row {
  readonly seq: number
  readonly id: string
  readonly lane: number
  readonly state: StateNumber
  readonly hooked: 0 | 1
}
const ROW = 'seq, id, lane, state, hooked'

/** Where a walk over tasks goes on; undefined when it is at its end. */
export interface Piece {
  readonly count: number
  readonly next: number | string | undefined
}

/** Deletes what was kept long enough, and does what people ask for over many tasks; piece by piece, each inside a transaction. */
export class Housekeeping {
  readonly #context: Context
  readonly #kept: StatementSync
  readonly #hasKept: StatementSync
  readonly #isHookPending: StatementSync
  readonly #hide: StatementSync
  readonly #isGone: StatementSync
  readonly #deletes: readonly StatementSync[]
  readonly #deleteKeys: StatementSync
  readonly #hasKeys: StatementSync
  readonly #byId: StatementSync
  readonly #rare: StatementSync
  readonly #walkEnd: StatementSync
  readonly #walk: StatementSync
  readonly #revive: StatementSync
  readonly #forgetFailure: StatementSync
  readonly #resetWebhook: StatementSync
  readonly #freePages: StatementSync
  readonly #pages: StatementSync

  constructor(context: Context) {
    this.#context = context
    const { database } = context
    this.#kept = database.prepare(`SELECT ${ROW} FROM task WHERE state = ? AND due_ms <= ? ORDER BY due_ms LIMIT ${PIECE_TASKS}`)
    this.#hasKept = database.prepare('SELECT 1 FROM task WHERE state = ? AND due_ms <= ? LIMIT 1')
    this.#isHookPending = database.prepare('SELECT 1 FROM webhook WHERE seq = ? AND due_ms IS NOT NULL')
    this.#hide = database.prepare('UPDATE task SET due_ms = NULL WHERE seq = ?')
    this.#isGone = database.prepare(`SELECT 1 FROM task WHERE seq = ? AND due_ms IS NULL AND state >= ${DONE}`)
    this.#deletes = ['payload', 'result', 'failure', 'webhook', 'task'].map((table) =>
      database.prepare(`DELETE FROM ${table} WHERE seq = ?`),
    )
    this.#deleteKeys = database.prepare(`
      DELETE FROM idempotency WHERE (lane, key) IN (SELECT lane, key FROM idempotency WHERE expires_ms <= ? LIMIT ${PIECE_TASKS})`)
    this.#hasKeys = database.prepare('SELECT 1 FROM idempotency WHERE expires_ms <= ? LIMIT 1')
    this.#byId = database.prepare(`SELECT ${ROW} FROM task WHERE id = ? AND state = ? AND due_ms IS NOT NULL`)
    this.#rare = database.prepare(`
      SELECT ${ROW} FROM task WHERE state = ? AND state IN (2, 4, 5) AND id > ? AND (?3 IS NULL OR lane = ?3) AND due_ms IS NOT NULL
      ORDER BY id LIMIT ${PIECE_TASKS}`)
    this.#walkEnd = database.prepare(`SELECT max(seq) AS seq FROM (SELECT seq FROM task WHERE seq > ? ORDER BY seq LIMIT ${WALK_ROWS})`)
    this.#walk = database.prepare(`
      SELECT ${ROW} FROM task WHERE seq > ? AND seq <= ? AND state = ?3 AND (?4 IS NULL OR lane = ?4)
        AND (?3 = ${WAITING} OR due_ms IS NOT NULL) ORDER BY seq LIMIT ${PIECE_TASKS}`)
    this.#revive = database.prepare(`
      UPDATE task SET state = ${WAITING}, due_ms = NULL, deadline_ms = NULL, attempts = 0, deaths = 0, started_ms = NULL, finished_ms = NULL
      WHERE seq = ?`)
    this.#forgetFailure = database.prepare('DELETE FROM failure WHERE seq = ?')
    this.#resetWebhook = database.prepare('UPDATE webhook SET due_ms = NULL, attempts = 0, token = NULL, reason = NULL WHERE seq = ?')
    this.#freePages = database.prepare('PRAGMA freelist_count')
    this.#pages = database.prepare('PRAGMA page_count')
  }

  /** Whether `expire` would find something. */
  hasKeptEnough(nowMs: number): boolean {
    return [DONE, DEAD, CANCELLED].some((state) => this.#hasKept.get(state, nowMs) !== undefined) || this.#hasKeys.get(nowMs) !== undefined
  }

  /** Deletes a piece of what was kept long enough. A task whose webhook is still to be delivered is only hidden. */
  expire(nowMs: number): void {
    for (const state of [DONE, DEAD, CANCELLED] as const) {
      for (const row of this.#kept.all(state, nowMs) as unknown as Row[]) {
        if (row.hooked === 1 && this.#isHookPending.get(row.seq) !== undefined) {
          this.#hide.run(row.seq)
          this.#context.lanes.count(row.lane, row.state, -1)
          this.#context.effects.change(row.id)
        } else this.#remove(row)
      }
    }
    this.#deleteKeys.run(nowMs)
  }

  /** Its webhook is settled: a task that was only kept for it goes. */
  deleteIfGone(seq: number): void {
    if (this.#isGone.get(seq) !== undefined) this.#delete(seq)
  }

  /** Deletes a piece of the tasks in one state. @param after - `next` of the piece before. */
  purge(state: StateNumber, lane: number | undefined, after: Piece['next']): Piece {
    const { rows, next } = state === WAITING || state === DONE ? this.#walkPiece(state, lane, after) : this.#rarePiece(state, lane, after)
    for (const row of rows) this.#remove(row)
    return { count: rows.length, next }
  }

  /** Revives a piece of the dead tasks. */
  retryAll(lane: number | undefined, after: Piece['next']): Piece {
    const { rows, next } = this.#rarePiece(DEAD, lane, after)
    for (const row of rows) this.#reviveTask(row)
    return { count: rows.length, next }
  }

  retry(ids: readonly string[]): number {
    const rows = ids.flatMap((id) => (this.#byId.get(id, DEAD) as Row | undefined) ?? [])
    for (const row of rows) this.#reviveTask(row)
    return rows.length
  }

  /** Whether so many pages are free that some should go back to the disk. */
  hasSpare(): boolean {
    const count = (statement: StatementSync) => Object.values(statement.get()!)[0] as number
    const free = count(this.#freePages)
    return free > FREE_PAGES_KEPT && free > FREE_RATIO_MAX * count(this.#pages)
  }

  /** Gives some free pages back. */
  vacuum(): void {
    this.#context.database.exec(`PRAGMA incremental_vacuum(${VACUUM_PAGES})`)
  }

  #rarePiece(state: StateNumber, lane: number | undefined, after: Piece['next']): { rows: Row[]; next: Piece['next'] } {
    const rows = this.#rare.all(state, after ?? '', lane ?? null) as unknown as Row[]
    return { rows, next: rows.length < PIECE_TASKS ? undefined : rows.at(-1)!.id }
  }

  #walkPiece(state: StateNumber, lane: number | undefined, after: Piece['next']): { rows: Row[]; next: Piece['next'] } {
    const from = after ?? 0
    const end = (this.#walkEnd.get(from) as { seq: number | null }).seq
    if (end === null) return { rows: [], next: undefined }
    const rows = this.#walk.all(from, end, state, lane ?? null) as unknown as Row[]
    return { rows, next: rows.length < PIECE_TASKS ? end : rows.at(-1)!.seq }
  }

  #reviveTask({ seq, id, lane }: Row): void {
    const { lanes, effects } = this.#context
    this.#revive.run(seq)
    this.#forgetFailure.run(seq)
    this.#resetWebhook.run(seq)
    lanes.count(lane, DEAD, -1)
    lanes.count(lane, WAITING, 1)
    effects.change(id)
    effects.work()
  }

  #remove({ seq, id, lane, state }: Row): void {
    this.#delete(seq)
    this.#context.lanes.count(lane, state, -1)
    this.#context.effects.change(id)
  }

  #delete(seq: number): void {
    for (const statement of this.#deletes) statement.run(seq)
  }
}
