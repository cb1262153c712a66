import { randomBytes } from 'node:crypto'
import type { StatementSync } from 'node:sqlite'
import { CLAIM_BYTES_MAX, type Claim, type ClaimRequest } from '../contract.ts'
import type { Context } from './context.ts'
import { type PayloadRow, TASK_COLUMNS, TASK_JOINS, toTaskWithPayload } from './rows.ts'
import { ACTIVE, IS_WAITING, IS_WAITING_SUSPECT, WAITING } from './states.ts'
import { TOKEN } from './token.ts'
import { type Candidate, chooseTurns, TURN_OF_THE_OLDEST } from './turns.ts'

/** Tasks of one claim, whatever was asked for: the transaction stays short, and others get some. */
const CLAIM_TASKS_MAX = 256
const PRIORITIES = [9, 8, 7, 6, 5, 4, 3, 2, 1, 0]

/** Hands tasks out. */
export class Claims {
  readonly #context: Context
  readonly #isWaiting: StatementSync
  readonly #isSuspectWaiting: StatementSync
  readonly #suspect: StatementSync
  readonly #byPriority: StatementSync
  readonly #oldest: StatementSync
  readonly #lowest: StatementSync
  readonly #take: StatementSync
  readonly #read: StatementSync
  readonly #tokens = randomBytes(9).toString('base64url')
  #count = 0
  /** Which lane comes first: another each time. */
  #turn = 0

  constructor(context: Context) {
    this.#context = context
    const { database } = context
    const waiting = `lane = ? AND ${IS_WAITING}`
    const suspect = `lane = ? AND ${IS_WAITING_SUSPECT}`
    const live = '(due_ms IS NULL OR due_ms > ?)'
    this.#isWaiting = database.prepare(`SELECT 1 FROM task WHERE ${waiting} LIMIT 1`)
    this.#isSuspectWaiting = database.prepare(`SELECT 1 FROM task WHERE ${suspect} LIMIT 1`)
    this.#suspect = database.prepare(`SELECT seq, rows, bytes FROM task WHERE ${suspect} AND ${live} ORDER BY seq LIMIT 1`)
    this.#byPriority = database.prepare(
      `SELECT seq, rows, bytes, priority FROM task WHERE ${waiting} AND ${live} ORDER BY priority DESC, seq LIMIT ?`,
    )
    this.#oldest = database.prepare(`SELECT seq, rows, bytes FROM task WHERE ${waiting} AND priority = ? AND ${live} ORDER BY seq LIMIT ?`)
    this.#lowest = database.prepare(`SELECT priority FROM task WHERE ${waiting} ORDER BY priority LIMIT 1`)
    const chosen = 'task.seq IN (SELECT value FROM json_each(?))'
    this.#take = database.prepare(`
      UPDATE task SET state = ${ACTIVE}, attempts = attempts + 1, started_ms = ?, due_ms = ?, token = ${TOKEN}, worker = ? WHERE ${chosen}`)
    this.#read = database.prepare(`
      SELECT task.seq, task.token, ${TASK_COLUMNS}, payload.payload, webhook.url, webhook.secret FROM task
      JOIN payload USING (seq) ${TASK_JOINS} LEFT JOIN webhook USING (seq) WHERE ${chosen}`)
  }

  /** Whether any of these queues has a task waiting that the claim may bring. */
  isAnyWaiting({ queues, suspectsMax = 1 }: ClaimRequest): boolean {
    return queues.some((asked) => {
      const lane = canTake(asked) ? this.#context.lanes.find(asked.queue) : undefined
      return (
        lane !== undefined &&
        (this.#isWaiting.get(lane) !== undefined || (suspectsMax > 0 && this.#isSuspectWaiting.get(lane) !== undefined))
      )
    })
  }

  /** Inside a transaction. Lanes take turns, within the claim and over claims in which of them is first. */
  claim({ queues, suspectsMax = 1, worker }: ClaimRequest, nowMs: number): Claim[] {
    const first = queues.length === 0 ? 0 : this.#turn++ % queues.length
    const asked = [...queues.slice(first), ...queues.slice(0, first)].filter(canTake)
    const room = { tasks: CLAIM_TASKS_MAX, bytes: CLAIM_BYTES_MAX }
    const hands: Claim[][] = []
    const hand = (lane: number, queue: string, chosen: readonly Candidate[]) => {
      room.tasks -= chosen.length
      for (const { bytes } of chosen) room.bytes -= bytes
      hands.push(this.#hand(chosen, queue, worker, nowMs))
      this.#context.lanes.hand(lane, chosen.length)
      for (let i = 0; i < chosen.length; i++) {
        this.#context.lanes.count(lane, WAITING, -1)
        this.#context.lanes.count(lane, ACTIVE, 1)
      }
    }
    const suspect = suspectsMax > 0 ? this.#findSuspect(asked, nowMs) : undefined
    // Before all others, which may use up the room.
    if (suspect !== undefined) hand(suspect.lane, suspect.queue, [suspect.candidate])
    for (const { queue, tasksMax, rowsMax } of asked) {
      const lane = this.#context.lanes.find(queue)
      const tasks = Math.min(tasksMax, room.tasks)
      if (lane === undefined || queue === suspect?.queue || tasks < 1 || room.bytes <= 0) continue
      hand(lane, queue, this.#choose(lane, { tasksMax: tasks, rowsMax, bytesMax: room.bytes }, nowMs))
    }
    return interleave(hands)
  }

  /** The oldest suspect of the first of these queues that has any. */
  #findSuspect(
    queues: ClaimRequest['queues'],
    nowMs: number,
  ): { readonly lane: number; readonly queue: string; readonly candidate: Candidate } | undefined {
    for (const { queue } of queues) {
      const lane = this.#context.lanes.find(queue)
      const candidate = lane === undefined ? undefined : (this.#suspect.get(lane, nowMs) as Candidate | undefined)
      if (lane !== undefined && candidate !== undefined) return { lane, queue, candidate }
    }
    return undefined
  }

  #choose(lane: number, room: { tasksMax: number; rowsMax: number; bytesMax: number }, nowMs: number): Candidate[] {
    const candidates = this.#byPriority.all(lane, nowMs, room.tasksMax) as unknown as (Candidate & { priority: number })[]
    if (candidates.length === 0) return []
    const isAll = candidates.length < room.tasksMax
    const lowest = isAll ? candidates.at(-1)!.priority : (this.#lowest.get(lane) as { priority: number }).priority
    // Where all have one priority, the oldest is first anyway.
    const oldest = lowest === candidates[0]!.priority ? [] : this.#oldestOf(lane, Math.ceil(room.tasksMax / TURN_OF_THE_OLDEST), nowMs)
    return chooseTurns(candidates, oldest, this.#context.lanes.handed(lane), room)
  }

  /** Over all priorities: ten short looks at one index are cheaper than a second index for every task. */
  #oldestOf(lane: number, limit: number, nowMs: number): Candidate[] {
    const all = PRIORITIES.flatMap((priority) => this.#oldest.all(lane, priority, nowMs, limit) as unknown as Candidate[])
    return all.sort((a, b) => a.seq - b.seq).slice(0, limit)
  }

  /** All of them at once: what a statement costs beside its rows is more than what a row does. */
  #hand(chosen: readonly Candidate[], queue: string, worker: string, nowMs: number): Claim[] {
    if (chosen.length === 0) return []
    const { options, effects } = this.#context
    const seqs = JSON.stringify(chosen.map(({ seq }) => seq))
    this.#take.run(nowMs, nowMs + options.leaseMs, `${this.#tokens}-${(this.#count++).toString(36)}`, worker, seqs)
    const bySeq = new Map((this.#read.all(seqs) as unknown as ClaimRow[]).map((row) => [row.seq, row]))
    return chosen.map(({ seq }) => {
      const row = bySeq.get(seq)!
      effects.change(row.id)
      return { task: toTaskWithPayload(row, queue), token: row.token }
    })
  }
}

type ClaimRow = PayloadRow & { readonly seq: number; readonly token: string }

const canTake = ({ tasksMax, rowsMax }: ClaimRequest['queues'][number]): boolean => tasksMax > 0 && rowsMax > 0

/** One of each, then the next of each. */
function interleave<T>(lists: readonly (readonly T[])[]): T[] {
  const longest = Math.max(0, ...lists.map(({ length }) => length))
  return Array.from({ length: longest }, (_, i) => lists.flatMap((list) => (i < list.length ? [list[i]!] : []))).flat()
}
