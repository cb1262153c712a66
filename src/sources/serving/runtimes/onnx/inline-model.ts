import type { Column, Columns, ModelSchema } from '../../../../watch/index.ts'
import type { LoadedModel, ModelThreads, PredictOptions } from '../contract.ts'
import { runtimeErrors } from '../errors.ts'
import { CallCost } from './call-cost.ts'
import type { LoopLoad } from './loop-load.ts'
import { probeColumns } from './probe.ts'
import type { OnnxSession } from './session.ts'

export interface InlineModelOptions {
  readonly modelPath: string
  readonly schema: ModelSchema
  /** Longest call that runs on the event loop, as far as one can tell. */
  readonly inlineMsMax: number
  /** How busy the event loop is; undefined where a thread would have no core of its own, and calls leave the loop only when they are long. */
  readonly load: LoopLoad | undefined
  /** Starts threads with copies of the model, when the first long call comes. @param onAnswer - To be told what calls cost there. */
  startThreads(onAnswer: (rows: number, computeMs: number) => void): Promise<LoadedModel & { readonly threads: ModelThreads }>
}

/** Calls of fewer rows are measured now and then, as most are alike and a measurement is not free. */
const MEASURED_ROWS_MIN = 8
const MEASURED_EVERY = 16
/** Longest call on a loop that is busy: twice what a message to a thread and back costs it. */
const BUSY_MS_MAX = 0.1
/** While the first thread starts, calls up to so many times as long as the longest inline run here: a start takes as long as many of them. */
const UNTIL_STARTED = 4
/** Most measurements before the first client comes. */
const FIRST_MEASUREMENTS = 3

/**
 * Short calls on the event loop, where a small model takes less time than a message to a thread would; long ones in threads, which are started
 * with the first of them. Which is which is learned from the calls. While the loop is busy all but the shortest leave it, so that a second core computes and the
 * loop reads and answers: of requests of 100 rows nearly twice as many.
 */
export async function createInlineModel(session: OnnxSession, options: InlineModelOptions): Promise<LoadedModel> {
  const model = new InlineModel(session, options)
  await model.learnFirst()
  return model
}

class InlineModel implements LoadedModel {
  readonly #session: OnnxSession
  readonly #options: InlineModelOptions
  readonly #cost = new CallCost()
  #pool: Promise<LoadedModel & { readonly threads: ModelThreads }> | undefined
  #started: (LoadedModel & { readonly threads: ModelThreads }) | undefined
  #calls = 0
  #underWay = 0
  #whenIdle: (() => void) | undefined
  #unloading: Promise<void> | undefined

  constructor(session: OnnxSession, options: InlineModelOptions) {
    this.#session = session
    this.#options = options
  }

  get threads(): ModelThreads | undefined {
    return this.#started?.threads
  }

  get concurrency(): number {
    if (this.#started === undefined) return 1
    return this.#started.concurrency + (this.#isShort(1) ? 1 : 0)
  }

  /** Knows the cost of a row before the first client comes; a model whose every call is long gets its threads at once. */
  async learnFirst(): Promise<void> {
    const columns = probeColumns(this.#options.schema)
    let leastMs = Number.POSITIVE_INFINITY
    for (let i = 0; i < FIRST_MEASUREMENTS && !(leastMs <= this.#options.inlineMsMax); i++) {
      try {
        leastMs = Math.min(leastMs, (await this.#session.measure(columns)).busyMs) // A machine that does much else makes any one of them long.
      } catch {
        return // A row that is made up may have no answer; the clients' rows will tell.
      }
    }
    this.#cost.learn(1, leastMs)
    if (!this.#isShort(1)) await this.#startThreads()
  }

  async predict(columns: Columns, options: PredictOptions = {}): Promise<readonly Column[]> {
    const { modelPath } = this.#options
    if (this.#unloading !== undefined) throw runtimeErrors.MW_MODEL_DOWN(`${modelPath} is unloaded`)
    if (options.deadlineMs !== undefined && options.deadlineMs <= performance.now()) {
      throw runtimeErrors.MW_DEADLINE_PASSED(`the deadline passed before ${modelPath} was called`)
    }
    this.#underWay++
    try {
      return await (this.#runsHere(columns.rows) ? this.#predictInline(columns) : this.#predictInThread(columns, options))
    } finally {
      this.#underWay--
      if (this.#underWay === 0) this.#whenIdle?.()
    }
  }

  unload(): Promise<void> {
    this.#unloading ??= this.#unload()
    return this.#unloading
  }

  #isShort(rows: number): boolean {
    return rows === 0 || this.#cost.expectMs(rows) <= this.#options.inlineMsMax
  }

  #runsHere(rows: number): boolean {
    const { inlineMsMax, load } = this.#options
    const expectedMs = rows === 0 ? 0 : this.#cost.expectMs(rows)
    if (expectedMs <= Math.min(inlineMsMax, BUSY_MS_MAX)) return true
    if (expectedMs <= inlineMsMax && load?.isBusy() !== true) return true
    if (this.#started !== undefined || expectedMs > UNTIL_STARTED * inlineMsMax) return false
    this.#startThreads().catch(() => {}) // A longer call that needs them is told why there are none.
    return true
  }

  async #predictInline(columns: Columns): Promise<readonly Column[]> {
    const { rows } = columns
    if (rows === 0 || (rows < MEASURED_ROWS_MIN && this.#calls++ % MEASURED_EVERY !== 0)) return this.#session.predict(columns, undefined)
    const { outputs, busyMs } = await this.#session.measure(columns)
    this.#cost.learn(rows, busyMs)
    return outputs
  }

  async #predictInThread(columns: Columns, options: PredictOptions): Promise<readonly Column[]> {
    const pool = this.#started ?? (await this.#startThreads())
    return pool.predict(columns, options)
  }

  #startThreads(): Promise<LoadedModel & { readonly threads: ModelThreads }> {
    this.#pool ??= this.#options
      .startThreads((rows, computeMs) => {
        if (rows > 0) this.#cost.learn(rows, computeMs)
        this.#options.load?.elsewhere(computeMs)
      })
      .then(
        (pool) => {
          this.#started = pool
          return pool
        },
        (error: unknown) => {
          this.#pool = undefined // The next long call tries again.
          throw error
        },
      )
    return this.#pool
  }

  async #unload(): Promise<void> {
    if (this.#underWay > 0) {
      await new Promise<void>((resolve) => {
        this.#whenIdle = resolve
      })
    }
    const pool = await this.#pool?.catch(() => undefined) // It was told to the call that wanted it.
    await pool?.unload()
    await this.#session.unload()
  }
}
