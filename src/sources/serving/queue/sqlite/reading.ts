import type { StatementSync } from 'node:sqlite'
import { setImmediate as immediate } from 'node:timers/promises'
import { type QueueStats, type Task, type TaskFilter, type TaskWithPayload, taskStates } from '../contract.ts'
import type { Context } from './context.ts'
import {
  type PayloadRow,
  SUMMARY_COLUMNS,
  SUMMARY_JOINS,
  TASK_COLUMNS,
  TASK_JOINS,
  type TaskRow,
  toTask,
  toTaskWithPayload,
} from './rows.ts'
import { ACTIVE, DONE, IS_WAITING, IS_WAITING_SUSPECT, type StateNumber, stateNumberOf, WAITING } from './states.ts'

/** Rows looked at between two looks at the event loop. */
const WALK_ROWS = 2000
/** Behind every id. */
const LAST = '\u{10ffff}'
const PRIORITIES = [9, 8, 7, 6, 5, 4, 3, 2, 1, 0]

interface Place {
  readonly seq: number
  readonly id: string
}

/** Answers questions about tasks; nothing is written. */
export class Reading {
  readonly #context: Context
  readonly #get: StatementSync
  readonly #getWithPayload: StatementSync
  readonly #summary: StatementSync
  readonly #state: StatementSync
  readonly #walkEnd: StatementSync
  readonly #walk: StatementSync
  readonly #rare: StatementSync
  readonly #active: StatementSync
  readonly #oldest: StatementSync
  readonly #oldestSuspect: StatementSync

  constructor(context: Context) {
    this.#context = context
    const { database } = context
    this.#get = database.prepare(`SELECT ${TASK_COLUMNS} FROM task ${TASK_JOINS} WHERE task.id = ?`)
    this.#getWithPayload = database.prepare(`
      SELECT ${TASK_COLUMNS}, payload.payload, webhook.url, webhook.secret FROM task
      JOIN payload USING (seq) ${TASK_JOINS} LEFT JOIN webhook USING (seq) WHERE task.id = ?`)
    this.#summary = database.prepare(`SELECT ${SUMMARY_COLUMNS} FROM task ${SUMMARY_JOINS} WHERE task.seq = ?`)
    this.#state = database.prepare('SELECT state, attempts, deaths FROM task WHERE id = ?')
    this.#walkEnd = database.prepare(`SELECT min(id) AS id FROM (SELECT id FROM task WHERE id < ? ORDER BY id DESC LIMIT ${WALK_ROWS})`)
    this.#walk = database.prepare(`
      SELECT seq, id FROM task WHERE id < ? AND id >= ? AND state = ?3 AND (?4 IS NULL OR lane = ?4)
        AND (?3 = ${WAITING} OR due_ms > ?5) ORDER BY id DESC LIMIT ?6`)
    this.#rare = database.prepare(`
      SELECT seq, id FROM task WHERE id < ? AND state = ? AND state IN (2, 4, 5) AND (?3 IS NULL OR lane = ?3)
        AND (state = 2 OR due_ms > ?4) ORDER BY id DESC LIMIT ?5`)
    // Few, and the index by lease finds them: the `+` keeps SQLite from walking all ids in their order instead.
    this.#active = database.prepare(`
      SELECT seq, id FROM task WHERE state = ${ACTIVE} AND due_ms > -1 AND id < ? AND (?2 IS NULL OR lane = ?2) ORDER BY +id DESC LIMIT ?`)
    this.#oldest = database.prepare(`SELECT submitted_ms FROM task WHERE lane = ? AND ${IS_WAITING} AND priority = ? ORDER BY seq LIMIT 1`)
    this.#oldestSuspect = database.prepare(`SELECT submitted_ms FROM task WHERE lane = ? AND ${IS_WAITING_SUSPECT} ORDER BY seq LIMIT 1`)
  }

  get(id: string, nowMs: number): Task | undefined {
    const row = this.#get.get(id) as TaskRow | undefined
    return row === undefined || isGone(row, nowMs) ? undefined : toTask(row, this.#context.lanes.queueOf(row.lane))
  }

  getWithPayload(id: string, nowMs: number): TaskWithPayload | undefined {
    const row = this.#getWithPayload.get(id) as PayloadRow | undefined
    return row === undefined || isGone(row, nowMs) ? undefined : toTaskWithPayload(row, this.#context.lanes.queueOf(row.lane))
  }

  /** A word that is another after each change of the task's state. */
  versionOf(id: string): string {
    const row = this.#state.get(id) as { state: number; attempts: number; deaths: number } | undefined
    return row === undefined ? '' : `${row.state}:${row.attempts}:${row.deaths}`
  }

  /** Newest first. Walks in pieces, so that a question about a million tasks holds nobody up. */
  async list({ queue, states = taskStates, limit, after }: TaskFilter, nowMs: number): Promise<Task[]> {
    const lane = queue === undefined ? undefined : this.#context.lanes.find(queue)
    if (limit < 1 || (queue !== undefined && lane === undefined)) return []
    const places: Place[] = []
    for (const state of states) places.push(...(await this.#places(stateNumberOf(state), lane, { limit, after: after ?? LAST, nowMs })))
    places.sort((a, b) => (a.id < b.id ? 1 : -1))
    const tasks: Task[] = []
    for (const { seq } of places.slice(0, limit)) {
      const row = this.#summary.get(seq) as TaskRow | undefined
      if (row !== undefined && !isGone(row, nowMs)) tasks.push(toTask(row, this.#context.lanes.queueOf(row.lane)))
    }
    return tasks
  }

  stats(): QueueStats[] {
    const lanes = this.#context.lanes.all().filter((lane) => taskStates.some((state) => lane[state] > 0))
    return lanes.map(({ id, queue, waiting, active, delayed, dead }) => {
      return { queue, waiting, active, delayed, dead, oldestWaitingMs: waiting === 0 ? undefined : this.#oldestOf(id) }
    })
  }

  /** Whether any task waits. */
  isAnyWaiting(): boolean {
    return this.#context.lanes.all().some(({ waiting }) => waiting > 0)
  }

  async #places(
    state: StateNumber,
    lane: number | undefined,
    { limit, after, nowMs }: { limit: number; after: string; nowMs: number },
  ): Promise<Place[]> {
    if (state === ACTIVE) return this.#active.all(after, lane ?? null, limit) as unknown as Place[]
    if (state !== WAITING && state !== DONE) return this.#rare.all(after, state, lane ?? null, nowMs, limit) as unknown as Place[]
    const places: Place[] = []
    for (let from = after; places.length < limit; ) {
      const { id: end } = this.#walkEnd.get(from) as { id: string | null }
      if (end === null) break
      places.push(...(this.#walk.all(from, end, state, lane ?? null, nowMs, limit - places.length) as unknown as Place[]))
      from = end
      await immediate()
    }
    return places
  }

  #oldestOf(lane: number): number | undefined {
    const rows = [this.#oldestSuspect.get(lane), ...PRIORITIES.map((priority) => this.#oldest.get(lane, priority))]
    const times = (rows as ({ submitted_ms: number } | undefined)[]).flatMap((row) => (row === undefined ? [] : [row.submitted_ms]))
    return times.length === 0 ? undefined : Math.min(...times)
  }
}

/** Final, and kept long enough: for everybody but its webhook it is not there any more. */
function isGone({ state, due_ms }: TaskRow, nowMs: number): boolean {
  return state >= DONE && (due_ms === null || due_ms <= nowMs)
}
