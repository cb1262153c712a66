import assert from 'node:assert/strict'
import { messageOf } from '../../../../core/errors.ts'
import type { Column, Columns } from '../../../../watch/index.ts'
import type { LoadedModel, ModelThreads, PredictOptions, RuntimeEvent } from '../contract.ts'
import { runtimeErrors } from '../errors.ts'
import { type Death, ModelThread, type ModelThreadOptions, TIMER_MS_MAX } from './model-thread.ts'

export interface ThreadModelOptions extends ModelThreadOptions {
  /** Threads to begin with; at least 1. */
  readonly threads: number
  onEvent(event: RuntimeEvent): void
  /** After each call, with the time it took in its thread. */
  onAnswer?(rows: number, computeMs: number): void
}

/** Most calls that wait for a thread; further ones are refused, and told of. The rows of requests wait in front of them, under a bound of their own. */
export const callsWaitingMax = 1000
/** Deaths of a thread, without an answer in between, from which on calls no longer wait for it. */
const DEATHS_MAX = 3
/** Waits before a thread is started again: none after its first death, this after the second, and twice as long each time up to the longest. */
const RESTART_MS = 100
const RESTART_MS_MAX = 10_000
/** From when on a thread that does not end is taken to hang in native code, which nothing can interrupt. */
const STUCK_MS = 5000

interface Waiting {
  readonly columns: Columns
  readonly deadlineMs: number | undefined
  readonly timer: NodeJS.Timeout | undefined
  resolve(outputs: readonly Column[]): void
  reject(error: unknown): void
}

/** A place for a thread: where one dies, another is started. */
interface Slot {
  state: 'idle' | 'busy' | 'down'
  thread: ModelThread
  /** Deaths and failed starts since the last answer. */
  deaths: number
  stuck: boolean
  lastDeath: string
  timer: NodeJS.Timeout | undefined
  restarting: Promise<void> | undefined
  /** Told when its call is over, in place of another call. */
  onLeave: (() => void) | undefined
}

/**
 * Starts threads with a copy of the model each. Calls go to them in the order in which they come, one at a time to each.
 * A thread that dies, or is ended because its call takes too long, fails that call alone; another one is started in its place.
 * @throws what loading the first copy throws.
 */
export async function createThreadModel(options: ThreadModelOptions): Promise<LoadedModel & { readonly threads: ModelThreads }> {
  const pool = new ThreadPool(options)
  try {
    await pool.resize(options.threads)
  } catch (error) {
    await pool.unload()
    throw error
  }
  return pool
}

class ThreadPool implements LoadedModel, ModelThreads {
  readonly threads = this
  readonly #options: ThreadModelOptions
  readonly #slots: Slot[] = []
  #waiting = new Set<Waiting>()
  /** The last of the changes in number, which come one after the other. */
  #changes: Promise<void> = Promise.resolve()
  #unloading: Promise<void> | undefined
  #whenIdle: (() => void) | undefined

  constructor(options: ThreadModelOptions) {
    this.#options = options
  }

  get count(): number {
    return this.#slots.length
  }

  get concurrency(): number {
    return Math.max(1, this.#slots.length)
  }

  predict(columns: Columns, { deadlineMs }: PredictOptions = {}): Promise<readonly Column[]> {
    const { modelPath } = this.#options.task
    if (this.#unloading !== undefined) return Promise.reject(runtimeErrors.MW_MODEL_DOWN(`${modelPath} is unloaded`))
    if (deadlineMs !== undefined && deadlineMs <= performance.now()) return Promise.reject(toLate(modelPath))
    const slot = this.#slots.find(({ state }) => state === 'idle') // None is, while calls wait.
    if (slot !== undefined) return new Promise((resolve, reject) => this.#send(slot, columns, deadlineMs, { resolve, reject }))
    if (this.#isHopeless()) return Promise.reject(this.#toDown())
    if (this.#waiting.size >= callsWaitingMax) {
      const message = `${this.#waiting.size} calls wait for the ${this.count} threads of ${modelPath} already`
      this.#options.onEvent({ kind: 'shed', message })
      return Promise.reject(runtimeErrors.MW_MODEL_BUSY(message))
    }
    return new Promise((resolve, reject) => this.#wait(columns, deadlineMs, resolve, reject))
  }

  resize(count: number): Promise<void> {
    assert.ok(Number.isInteger(count) && count >= 1, `resize: ${count} threads`)
    const changed = this.#changes.then(async () => {
      while (this.#slots.length < count && this.#unloading === undefined) await this.#grow()
      while (this.#slots.length > count) await this.#shrink()
    })
    this.#changes = changed.catch(() => {}) // Told to whoever asked for it.
    return changed
  }

  unload(): Promise<void> {
    this.#unloading ??= this.#unload()
    return this.#unloading
  }

  async #unload(): Promise<void> {
    await this.#changes
    if (this.#waiting.size > 0 && !this.#isHopeless()) {
      await new Promise<void>((resolve) => {
        this.#whenIdle = resolve
      })
    }
    this.#failWaiting(runtimeErrors.MW_MODEL_DOWN(`${this.#options.task.modelPath} is unloaded`))
    await Promise.all(this.#slots.splice(0).map((slot) => this.#leave(slot)))
  }

  #wait(columns: Columns, deadlineMs: number | undefined, resolve: Waiting['resolve'], reject: Waiting['reject']): void {
    const leftMs = deadlineMs === undefined ? Number.POSITIVE_INFINITY : deadlineMs - performance.now()
    const timer =
      leftMs > TIMER_MS_MAX // Weeks; it is looked at again when the call is sent.
        ? undefined
        : setTimeout(() => {
            this.#waiting.delete(waiting)
            reject(toLate(this.#options.task.modelPath))
            this.#tellIdle()
          }, leftMs)
    const waiting: Waiting = { columns, deadlineMs, timer, resolve, reject }
    this.#waiting.add(waiting)
  }

  #send(slot: Slot, columns: Columns, deadlineMs: number | undefined, call: Pick<Waiting, 'resolve' | 'reject'>): void {
    slot.state = 'busy'
    const { resolve, reject } = call
    const again = () => this.#waitFirst(columns, deadlineMs, resolve, reject)
    slot.thread.send(columns, deadlineMs === undefined ? undefined : deadlineMs - performance.now(), { resolve, reject, again })
  }

  /** Before all that wait: it came before them. */
  #waitFirst(columns: Columns, deadlineMs: number | undefined, resolve: Waiting['resolve'], reject: Waiting['reject']): void {
    if (this.#slots.length === 0) {
      reject(runtimeErrors.MW_MODEL_DOWN(`${this.#options.task.modelPath} is unloaded, and its last thread died`))
      return
    }
    const others = this.#waiting
    this.#waiting = new Set()
    this.#wait(columns, deadlineMs, resolve, reject)
    for (const other of others) this.#waiting.add(other)
    const idle = this.#slots.find(({ state }) => state === 'idle')
    if (idle !== undefined) this.#next(idle)
  }

  /** Gives a thread that is free the call that has waited longest. */
  #next(slot: Slot): void {
    slot.state = 'idle'
    if (slot.onLeave !== undefined) {
      slot.onLeave()
      return
    }
    const [first] = this.#waiting
    if (first === undefined) return
    this.#waiting.delete(first)
    clearTimeout(first.timer)
    const { columns, deadlineMs } = first
    if (deadlineMs !== undefined && deadlineMs <= performance.now()) {
      first.reject(toLate(this.#options.task.modelPath)) // Its timer was about to say so.
      this.#next(slot)
    } else this.#send(slot, columns, deadlineMs, first)
    this.#tellIdle()
  }

  /** Starts a thread for a place. @throws what loading throws. */
  async #start(slot: () => Slot): Promise<ModelThread> {
    const thread = new ModelThread(this.#options, {
      onLog: (stream, line) => this.#options.onEvent({ kind: 'log', stream, line }),
      onAnswer: (rows, computeMs) => this.#options.onAnswer?.(rows, computeMs),
      onFree: () => {
        slot().deaths = 0
        this.#next(slot())
      },
      onDeath: (death) => {
        this.#options.onEvent({ kind: 'thread_died', reason: death.reason, message: `${this.#options.task.modelPath}: ${death.message}` })
        this.#mourn(slot(), death)
      },
    })
    try {
      await thread.ready
    } catch (error) {
      await thread.exited
      throw error
    }
    return thread
  }

  async #grow(): Promise<void> {
    const thread = await this.#start(() => slot)
    const slot: Slot = {
      state: 'idle',
      thread,
      deaths: 0,
      stuck: false,
      lastDeath: '',
      timer: undefined,
      restarting: undefined,
      onLeave: undefined,
    }
    this.#slots.push(slot)
    this.#next(slot)
  }

  async #shrink(): Promise<void> {
    const worst = (['down', 'idle', 'busy'] as const).flatMap((state) => this.#slots.filter((slot) => slot.state === state))[0]!
    this.#slots.splice(this.#slots.indexOf(worst), 1)
    await this.#leave(worst)
  }

  /** Ends the thread of a place that was taken off the list, its call first. */
  async #leave(slot: Slot): Promise<void> {
    if (slot.state === 'busy') {
      await new Promise<void>((resolve) => {
        slot.onLeave = resolve
      })
    }
    slot.onLeave = () => {}
    clearTimeout(slot.timer)
    await slot.restarting
    await slot.thread.end()
  }

  #mourn(slot: Slot, death: Pick<Death, 'message'>): void {
    slot.state = 'down'
    slot.deaths++
    slot.lastDeath = death.message
    if (slot.onLeave !== undefined) {
      slot.onLeave()
      return
    }
    const stuck = setTimeout(() => {
      slot.stuck = true
      this.#giveUp()
    }, STUCK_MS)
    void slot.thread.exited.then(() => {
      clearTimeout(stuck)
      slot.stuck = false
      if (slot.onLeave !== undefined) return
      const delayMs = slot.deaths === 1 ? 0 : Math.min(RESTART_MS * 2 ** (slot.deaths - 2), RESTART_MS_MAX)
      slot.timer = setTimeout(() => {
        slot.restarting = this.#restart(slot)
      }, delayMs)
    })
    this.#giveUp()
  }

  async #restart(slot: Slot): Promise<void> {
    try {
      slot.thread = await this.#start(() => slot)
      slot.state = 'idle'
      if (slot.onLeave === undefined) this.#next(slot)
    } catch (error) {
      const message = messageOf(error)
      if (slot.onLeave !== undefined) return
      this.#options.onEvent({ kind: 'thread_died', reason: 'crash', message: `it cannot be started again: ${message}` })
      this.#mourn(slot, { message })
    }
  }

  #isHopeless(): boolean {
    return this.#slots.length > 0 && this.#slots.every(({ state, deaths, stuck }) => state === 'down' && (deaths >= DEATHS_MAX || stuck))
  }

  #giveUp(): void {
    if (this.#isHopeless()) this.#failWaiting(this.#toDown())
  }

  #toDown(): Error {
    const { deaths, lastDeath, stuck } = this.#slots[0]!
    const state = stuck ? 'hangs and cannot be ended' : `died ${deaths} times without an answer`
    return runtimeErrors.MW_MODEL_DOWN(`${this.#options.task.modelPath}: its thread ${state}; the last time: ${lastDeath}`)
  }

  #failWaiting(error: unknown): void {
    for (const { timer, reject } of this.#waiting) {
      clearTimeout(timer)
      reject(error)
    }
    this.#waiting.clear()
    this.#tellIdle()
  }

  #tellIdle(): void {
    if (this.#waiting.size === 0) this.#whenIdle?.()
  }
}

const toLate = (modelPath: string) => runtimeErrors.MW_DEADLINE_PASSED(`the deadline passed before a thread of ${modelPath} was free`)
