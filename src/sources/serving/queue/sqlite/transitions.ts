import type { StatementSync } from 'node:sqlite'
import type { Claim, Failure, TaskOutcome } from '../contract.ts'
import { queueErrors } from '../errors.ts'
import type { Context } from './context.ts'
import { retryDelayMs } from './delays.ts'
import { ACTIVE, CANCELLED, DEAD, DELAYED, DONE, type StateNumber, WAITING } from './states.ts'
import { seqOf } from './token.ts'

/** Tasks one sweep moves, of each kind: a millisecond or two. */
export const SWEEP_MAX = 256

interface Row {
  readonly seq: number
  readonly id: string
  readonly lane: number
  readonly state: StateNumber
  readonly due_ms: number | null
  readonly hooked: 0 | 1
  readonly attempts: number
  readonly deaths: number
  readonly deadline_ms: number | null
  readonly worker: string | null
}
const ROW = 'seq, id, lane, state, due_ms, hooked, attempts, deaths, deadline_ms, worker'

/** Moves tasks from state to state; all of it inside transactions. */
export class Transitions {
  readonly #context: Context
  readonly #byId: StatementSync
  readonly #byToken: StatementSync
  readonly #due: StatementSync
  readonly #isDue: StatementSync
  readonly #move: StatementSync
  readonly #finish: StatementSync
  readonly #complete: StatementSync
  readonly #unclaim: StatementSync
  readonly #extend: StatementSync
  readonly #storeResult: StatementSync
  readonly #storeFailure: StatementSync
  readonly #readFailure: StatementSync
  readonly #callWebhook: StatementSync

  constructor(context: Context) {
    this.#context = context
    const { database } = context
    this.#byId = database.prepare(`SELECT ${ROW} FROM task WHERE id = ?`)
    this.#byToken = database.prepare(`SELECT ${ROW} FROM task WHERE id = ? AND token = ? AND state = ${ACTIVE}`)
    this.#due = database.prepare(`SELECT ${ROW} FROM task WHERE state = ? AND due_ms <= ? ORDER BY due_ms LIMIT ${SWEEP_MAX}`)
    // One statement, for each takes and gives back the lock of a reader.
    const due = (state: number) => `EXISTS (SELECT 1 FROM task WHERE state = ${state} AND due_ms <= ?1)`
    this.#isDue = database.prepare(`SELECT ${[WAITING, ACTIVE, DELAYED].map(due).join(' OR ')} AS is_due`)
    this.#move = database.prepare('UPDATE task SET state = ?, due_ms = ?, deaths = ?, token = NULL WHERE seq = ?')
    this.#finish = database.prepare('UPDATE task SET state = ?, due_ms = ?, deaths = ?, finished_ms = ?, token = NULL WHERE seq = ?')
    this.#complete = database.prepare(`
      UPDATE task SET state = ${DONE}, due_ms = ?, finished_ms = ?, token = NULL WHERE seq = ? AND token = ? AND state = ${ACTIVE}`)
    this.#unclaim = database.prepare(`
      UPDATE task SET state = ${WAITING}, due_ms = deadline_ms, attempts = attempts - 1, token = NULL,
        started_ms = CASE attempts WHEN 1 THEN NULL ELSE started_ms END WHERE seq = ?`)
    this.#extend = database.prepare(`UPDATE task SET due_ms = ? WHERE id = ? AND token = ? AND state = ${ACTIVE}`)
    this.#storeResult = database.prepare('INSERT OR REPLACE INTO result (seq, result) VALUES (?, ?)')
    this.#storeFailure = database.prepare('INSERT OR REPLACE INTO failure (seq, code, message, stack) VALUES (?, ?, ?, ?)')
    this.#readFailure = database.prepare('SELECT code, message FROM failure WHERE seq = ?')
    this.#callWebhook = database.prepare('UPDATE webhook SET due_ms = ?, attempts = 0, token = NULL WHERE seq = ?')
  }

  /** Whether a sweep would find something. */
  hasDue(nowMs: number): boolean {
    return (this.#isDue.get(nowMs) as { is_due: 0 | 1 }).is_due === 1
  }

  /** Does what time alone does to tasks, a bounded number of each kind. */
  sweep(nowMs: number): void {
    for (const row of this.#dueOf(ACTIVE, nowMs)) this.#lose(row, nowMs)
    for (const row of this.#dueOf(DELAYED, nowMs)) this.#wait(row, row.deaths)
    for (const row of this.#dueOf(WAITING, nowMs)) this.#expire(row, nowMs)
  }

  complete({ task, token }: Claim, result: string, nowMs: number): 'stored' | 'lost' {
    const { options, lanes } = this.#context
    const seq = seqOf(token)
    // Nothing is read: the claim and its token say all there is to know.
    if (this.#complete.run(nowMs + options.resultsMs, nowMs, seq, token).changes === 0) return 'lost'
    this.#storeResult.run(seq, result)
    const lane = lanes.find(task.queue)!
    this.#ended({ seq, id: task.id, lane, state: ACTIVE, hooked: task.webhook === undefined ? 0 : 1 }, DONE, { nowMs, outcome: 'done' })
    return 'stored'
  }

  fail({ task, token }: Claim, failure: Failure, isFinal: boolean, nowMs: number): 'delayed' | 'dead' | 'lost' {
    const row = this.#byToken.get(task.id, token) as Row | undefined
    if (row === undefined) return 'lost'
    const isUsedUp = row.attempts - row.deaths >= this.#context.options.attemptsMax
    return this.#tryAgain(row, row.deaths, failure, isFinal || isUsedUp, nowMs)
  }

  died({ task, token }: Claim, failure: Failure, nowMs: number): 'delayed' | 'dead' | 'lost' {
    const row = this.#byToken.get(task.id, token) as Row | undefined
    if (row === undefined) return 'lost'
    if (row.deaths + 1 < this.#context.options.deathsMax) return this.#tryAgain(row, row.deaths + 1, failure, false, nowMs)
    this.#poison(row, failure, nowMs)
    return 'dead'
  }

  release({ task, token }: Claim): void {
    const row = this.#byToken.get(task.id, token) as Row | undefined
    if (row === undefined) return
    this.#unclaim.run(row.seq)
    this.#moved(row, WAITING)
    this.#context.effects.work()
  }

  /** @returns whether the claim still holds. */
  extend({ task, token }: Claim, nowMs: number): boolean {
    return this.#extend.run(nowMs + this.#context.options.leaseMs, task.id, token).changes === 1
  }

  cancel(id: string, nowMs: number): 'cancelled' | 'final' | 'unknown' {
    const row = this.#byId.get(id) as Row | undefined
    if (row === undefined) return 'unknown'
    const isKept = row.due_ms !== null && row.due_ms > nowMs
    if (row.state === CANCELLED) return isKept ? 'cancelled' : 'unknown'
    if (row.state === DONE || row.state === DEAD) return isKept ? 'final' : 'unknown'
    this.#end(row, CANCELLED, { nowMs, deaths: row.deaths, outcome: 'cancelled' })
    return 'cancelled'
  }

  #dueOf(state: StateNumber, nowMs: number): Row[] {
    return this.#due.all(state, nowMs) as unknown as Row[]
  }

  /** The lease ran out: the worker died, or hangs. */
  #lose(row: Row, nowMs: number): void {
    const { options, lanes, effects } = this.#context
    const spec = queueErrors.MW_TASK_WORKER_LOST
    const failure = {
      code: spec('').code,
      message: `the worker ${row.worker} was not heard of for ${options.leaseMs} ms`,
      stack: undefined,
    }
    if (row.deaths + 1 >= options.deathsMax) this.#poison(row, failure, nowMs)
    else {
      this.#setFailure(row.seq, failure)
      this.#wait(row, row.deaths + 1)
      effects.outcome(lanes.queueOf(row.lane), 'retried')
    }
  }

  #wait(row: Row, deaths: number): void {
    this.#move.run(WAITING, row.deadline_ms, deaths, row.seq)
    this.#moved(row, WAITING)
    this.#context.effects.work()
  }

  #expire(row: Row, nowMs: number): void {
    const last = this.#readFailure.get(row.seq) as { code: string; message: string } | undefined
    const cause = last === undefined ? '' : `; the last attempt failed: ${last.message} (${last.code})`
    const lateMs = nowMs - (row.deadline_ms ?? nowMs)
    const error = queueErrors.MW_TASK_EXPIRED(`the deadline passed ${lateMs} ms ago, after ${row.attempts} attempts${cause}`)
    this.#setFailure(row.seq, { code: error.code, message: error.message, stack: undefined })
    this.#end(row, DEAD, { nowMs, deaths: row.deaths, outcome: 'expired' })
  }

  #poison(row: Row, last: Failure, nowMs: number): void {
    const deaths = row.deaths + 1
    const error = queueErrors.MW_TASK_POISONED(`${deaths} workers died of it; the last: ${last.message} (${last.code})`)
    this.#setFailure(row.seq, { code: error.code, message: error.message, stack: last.stack })
    this.#end(row, DEAD, { nowMs, deaths, outcome: 'poisoned' })
  }

  #tryAgain(row: Row, deaths: number, failure: Failure, isFinal: boolean, nowMs: number): 'delayed' | 'dead' {
    const { options, random, lanes, effects } = this.#context
    this.#setFailure(row.seq, failure)
    const dueMs = nowMs + retryDelayMs(row.attempts, { firstMs: options.retryDelayMs, maxMs: options.retryDelayMsMax }, random)
    if (isFinal || (row.deadline_ms !== null && dueMs >= row.deadline_ms)) {
      this.#end(row, DEAD, { nowMs, deaths, outcome: 'dead' })
      return 'dead'
    }
    this.#move.run(DELAYED, dueMs, deaths, row.seq)
    this.#moved(row, DELAYED)
    effects.outcome(lanes.queueOf(row.lane), 'retried')
    return 'delayed'
  }

  #setFailure(seq: number, { code, message, stack }: Failure): void {
    this.#storeFailure.run(seq, code, message, stack ?? null)
  }

  #end(row: Row, state: StateNumber, { nowMs, deaths, outcome }: { nowMs: number; deaths: number; outcome: TaskOutcome }): void {
    const { options } = this.#context
    this.#finish.run(state, nowMs + (state === DEAD ? options.deadMs : options.resultsMs), deaths, nowMs, row.seq)
    this.#ended(row, state, { nowMs, outcome })
  }

  /** What the end of a task means for others. @param row - The task as it was before. */
  #ended(
    row: Pick<Row, 'seq' | 'id' | 'lane' | 'state' | 'hooked'>,
    state: StateNumber,
    { nowMs, outcome }: { nowMs: number; outcome: TaskOutcome },
  ): void {
    const { lanes, effects } = this.#context
    if (row.hooked === 1) {
      this.#callWebhook.run(nowMs, row.seq)
      effects.work()
    }
    this.#moved(row, state)
    effects.outcome(lanes.queueOf(row.lane), outcome)
  }

  #moved(row: Pick<Row, 'id' | 'lane' | 'state'>, to: StateNumber): void {
    const { lanes, effects } = this.#context
    lanes.count(row.lane, row.state, -1)
    lanes.count(row.lane, to, 1)
    effects.change(row.id)
  }
}
