import type { Random } from '../../../core/random.ts'
import type { ServedModel } from '../models/contract.ts'

export interface LaneOptions {
  /** Most rows of one call of the model. */
  readonly batchRowsMax: number
  /** Work that a lane keeps in hand, as the time the model takes for it: enough that it never waits for the queue, too little to be missed elsewhere. */
  readonly workMs: number
}

/** Weight of the newest observation in the learned throughput. */
const LEARNING = 0.2
/** Rest of a lane whose model cannot be reached: at first, and at most. */
const REST_MS = 100
const REST_MS_MAX = 5000
/** Calls per thread that may stand ready: one runs, one gathers. */
const CALLS_PER_THREAD = 2

/**
 * How many tasks of one model this worker takes: so many that the model's calls are full, and no more, for what waits here does not run on a worker
 * that is idle. It begins with a row for each call that can make progress, and learns the throughput by Little's law: rows in hand over the time one stays.
 */
export class Lane {
  readonly model: ServedModel
  readonly #options: LaneOptions
  #rowsInHand = 0
  #tasksInHand = 0
  #rowsPerMs: number | undefined
  #restsUntilMs = Number.NEGATIVE_INFINITY
  #restMs = REST_MS

  constructor(model: ServedModel, options: LaneOptions) {
    this.model = model
    this.#options = options
  }

  get rowsInHand(): number {
    return this.#rowsInHand
  }

  /** No task is in hand, from its claim until its result is stored; one that was lost is until the model is done with it. */
  get isEmpty(): boolean {
    return this.#tasksInHand === 0
  }

  enter(): void {
    this.#tasksInHand++
  }

  leave(): void {
    this.#tasksInHand--
  }

  /**
   * Rows to take now. 0: the lane rests, or has enough in hand, so that tasks are not fetched one by one while a full hand would cost the queue the same.
   * @param nowMs - on the clock that `take` and `rest` are told, which does not jump.
   */
  wanted(nowMs: number): number {
    if (nowMs < this.#restsUntilMs) return 0
    const concurrency = Math.max(1, ...this.model.revisions().map(({ served }) => served.concurrency))
    const budget = this.#budget(concurrency)
    return this.#rowsInHand < Math.max(concurrency, budget / 2) ? budget - this.#rowsInHand : 0
  }

  /**
   * The model took nothing: its threads are starting anew, or it has too much to do. The lane takes no tasks for a while, longer each time until one gets through.
   * @returns when to look again, in ms from now; undefined when it rests already.
   */
  rest(nowMs: number, random: Random): number | undefined {
    if (nowMs < this.#restsUntilMs) return undefined
    const restMs = this.#restMs * (0.5 + random() / 2)
    this.#restsUntilMs = nowMs + restMs
    this.#restMs = Math.min(REST_MS_MAX, this.#restMs * 2)
    return restMs
  }

  /** The model took a task. */
  reached(): void {
    this.#restMs = REST_MS
  }

  /**
   * Takes rows into hand.
   * @param isTypical - Whether the throughput is learned from it: not from a task that goes alone, or the lane would take few after it.
   * @returns what puts them down again.
   */
  take(rows: number, nowMs: number, isTypical = true): (endMs: number) => void {
    this.#rowsInHand += rows
    const together = this.#rowsInHand
    return (endMs) => {
      this.#rowsInHand -= rows
      if (!isTypical) return
      const rowsPerMs = together / Math.max(endMs - nowMs, 0.01)
      this.#rowsPerMs = this.#rowsPerMs === undefined ? rowsPerMs : (1 - LEARNING) * this.#rowsPerMs + LEARNING * rowsPerMs
    }
  }

  #budget(concurrency: number): number {
    const most = concurrency * CALLS_PER_THREAD * this.#options.batchRowsMax
    const learned = Math.round((this.#rowsPerMs ?? 0) * this.#options.workMs)
    return Math.min(most, Math.max(concurrency, learned))
  }
}
