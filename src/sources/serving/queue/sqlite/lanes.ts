import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { type StateNumber, stateNames } from './states.ts'

/** A row of the table `lane`. */
export interface LaneRow {
  readonly id: number
  readonly queue: string
  readonly waiting: number
  readonly active: number
  readonly delayed: number
  readonly done: number
  readonly dead: number
  readonly cancelled: number
}

const columns = [...stateNames, 'handed'] as const

/**
 * One lane for each queue: its number, and counts of its tasks by state. Counts change in memory while a transaction runs, and are written as one row for each
 * lane at its end; lanes themselves are never deleted: there are as many as there were models.
 */
export class Lanes {
  readonly #byQueue = new Map<string, number>()
  readonly #queues = new Map<number, string>()
  readonly #deltas = new Map<number, Float64Array>()
  /** Before the transaction under way. */
  #unfinishedBefore: number | undefined
  readonly #find: StatementSync
  readonly #insert: StatementSync
  readonly #update: StatementSync
  readonly #name: StatementSync
  readonly #handed: StatementSync
  readonly #unfinished: StatementSync
  readonly #all: StatementSync

  constructor(database: DatabaseSync) {
    this.#find = database.prepare('SELECT id FROM lane WHERE queue = ?')
    this.#insert = database.prepare('INSERT INTO lane (queue) VALUES (?)')
    this.#update = database.prepare(`UPDATE lane SET ${columns.map((column) => `${column} = ${column} + ?`).join(', ')} WHERE id = ?`)
    this.#name = database.prepare('SELECT queue FROM lane WHERE id = ?')
    this.#handed = database.prepare('SELECT handed FROM lane WHERE id = ?')
    this.#unfinished = database.prepare('SELECT coalesce(sum(waiting + active + delayed), 0) AS count FROM lane')
    this.#all = database.prepare('SELECT * FROM lane ORDER BY queue')
  }

  /** The number of a queue's lane; undefined when it never had a task. */
  find(queue: string): number | undefined {
    const known = this.#byQueue.get(queue)
    if (known !== undefined) return known
    const row = this.#find.get(queue) as { id: number } | undefined
    if (row !== undefined) this.#remember(queue, row.id)
    return row?.id
  }

  /** Inside a transaction: the number of a queue's lane, which is made if it is not there. */
  ensure(queue: string): number {
    const known = this.find(queue)
    if (known !== undefined) return known
    const id = Number(this.#insert.run(queue).lastInsertRowid)
    this.#remember(queue, id)
    return id
  }

  queueOf(lane: number): string {
    const known = this.#queues.get(lane)
    if (known !== undefined) return known
    const { queue } = this.#name.get(lane) as { queue: string }
    this.#remember(queue, lane)
    return queue
  }

  /** Inside a transaction: a task came into a state, or left it. */
  count(lane: number, state: StateNumber, change: 1 | -1): void {
    this.#deltaOf(lane)[state]! += change
  }

  /** Inside a transaction: tasks handed out of this lane, over all time. */
  handed(lane: number): number {
    const { handed } = this.#handed.get(lane) as { handed: number }
    return handed + this.#deltaOf(lane)[stateNames.length]!
  }

  hand(lane: number, count: number): void {
    this.#deltaOf(lane)[stateNames.length]! += count
  }

  /** Inside a transaction: tasks that wait, are active or delayed, over all lanes. */
  unfinished(): number {
    // Nobody else writes meanwhile.
    this.#unfinishedBefore ??= (this.#unfinished.get() as { count: number }).count
    let count = this.#unfinishedBefore
    for (const delta of this.#deltas.values()) count += delta[0]! + delta[1]! + delta[2]!
    return count
  }

  /** Writes what was counted: the last thing of a transaction. */
  flush(): void {
    for (const [lane, delta] of this.#deltas) if (delta.some((change) => change !== 0)) this.#update.run(...delta, lane)
    this.#deltas.clear()
    this.#unfinishedBefore = undefined
  }

  /** The transaction was undone, and lanes it made are not there. */
  forget(): void {
    this.#deltas.clear()
    this.#unfinishedBefore = undefined
    this.#byQueue.clear()
    this.#queues.clear()
  }

  /** All lanes, by name. */
  all(): LaneRow[] {
    return this.#all.all() as unknown as LaneRow[]
  }

  #remember(queue: string, id: number): void {
    this.#byQueue.set(queue, id)
    this.#queues.set(id, queue)
  }

  #deltaOf(lane: number): Float64Array {
    let delta = this.#deltas.get(lane)
    if (delta === undefined) {
      delta = new Float64Array(columns.length)
      this.#deltas.set(lane, delta)
    }
    return delta
  }
}
