import assert from 'node:assert/strict'
import { ModelwatchError } from '../../../../core/errors.ts'
import { Registry } from '../../../../instrument/index.ts'
import type { Column, Columns } from '../../../../watch/index.ts'
import type { LoadedModel } from '../../runtimes/contract.ts'
import { Batcher, type BatcherOptions } from './batcher.ts'
import type { EventLoop } from './event-loop.ts'

/** What one turn of the simulated event loop takes, when it has little else to do. */
const TURN_MS = 0.01

/** Simulated time: nothing happens but what was asked for, in the order of its time. */
export class SimulatedLoop implements EventLoop {
  #nowMs = 1000
  #order = 0
  readonly #events: { readonly timeMs: number; readonly order: number; readonly callback: () => void }[] = []
  readonly #cancelled = new Set<() => void>()
  readonly #turnMs: number

  constructor(turnMs = TURN_MS) {
    this.#turnMs = turnMs
  }

  now(): number {
    return this.#nowMs
  }

  nextTurn(callback: () => void): void {
    this.after(this.#turnMs, callback)
  }

  after(delayMs: number, callback: () => void): () => void {
    assert(delayMs >= 0)
    const event = { timeMs: this.#nowMs + delayMs, order: this.#order++, callback }
    let i = this.#events.length
    while (i > 0 && this.#events[i - 1]!.timeMs > event.timeMs) i-- // Behind those of the same time; the last stands at the end.
    this.#events.splice(i, 0, event)
    return () => this.#cancelled.add(callback)
  }

  sleep(delayMs: number): Promise<void> {
    return new Promise((resolve) => this.after(delayMs, resolve))
  }

  /** Lets time pass until nothing more is to come, or to a time. */
  async run(untilMs = Number.POSITIVE_INFINITY): Promise<void> {
    await settled()
    while (this.#events.length > 0 && this.#events[0]!.timeMs <= untilMs) {
      const { timeMs, callback } = this.#events.shift()!
      if (this.#cancelled.delete(callback)) continue
      this.#nowMs = timeMs
      callback()
      await settled()
    }
    if (untilMs !== Number.POSITIVE_INFINITY) this.#nowMs = untilMs
  }
}

/** When every promise that can be has been followed. */
const settled = () => new Promise<void>((resolve) => setImmediate(resolve))

export interface CostlyModelOptions {
  readonly fixedMs: number
  readonly rowMs: number
  readonly concurrency?: number
  /** By what each call's time is multiplied; 1 when left out. */
  readonly jitter?: () => number
  /** What a call with these rows fails with; undefined: it does not. */
  readonly fault?: (rows: readonly number[]) => Error | undefined
}

/** Answers each number plus one after rowMs · rows + fixedMs of simulated time, and remembers the rows of each call. */
export class CostlyModel implements LoadedModel {
  readonly concurrency: number
  readonly threads = undefined
  readonly calls: { readonly startMs: number; readonly rows: readonly number[] }[] = []
  readonly #loop: EventLoop
  readonly #options: CostlyModelOptions
  #underWay = 0

  constructor(loop: EventLoop, options: CostlyModelOptions) {
    this.#loop = loop
    this.#options = options
    this.concurrency = options.concurrency ?? 1
  }

  async predict({ rows, values }: Columns): Promise<readonly Column[]> {
    const { fixedMs, rowMs, fault, jitter = () => 1 } = this.#options
    const column = values[0] as Float64Array
    this.calls.push({ startMs: this.#loop.now(), rows: [...column] })
    this.#underWay++
    assert(this.#underWay <= this.concurrency, 'more calls at once than the model can make')
    await new Promise<void>((resolve) => this.#loop.after((fixedMs + rowMs * rows) * jitter(), resolve))
    this.#underWay--
    const error = fault?.([...column])
    if (error !== undefined) throw error
    return [column.map((value) => value + 1)]
  }

  async unload(): Promise<void> {}
}

export const numbers = (...values: readonly number[]): Columns => ({ rows: values.length, values: [Float64Array.from(values)] })

/** As a thread that dies, or is ended, says it. */
export const lost = (code: 'MW_MODEL_DIED' | 'MW_MODEL_TIMEOUT') =>
  new ModelwatchError(code, { kind: code === 'MW_MODEL_DIED' ? 'internal' : 'timeout', retryable: false, hint: '' }, 'scripted')

export interface BatcherUnderTest {
  readonly batcher: Batcher
  readonly registry: Registry
  /** The value of a series by the beginning of its line, as it would be scraped. */
  series(start: string): string | undefined
}

export function createTestBatcher(model: LoadedModel, options: Partial<BatcherOptions> = {}, loop?: EventLoop): BatcherUnderTest {
  const registry = new Registry()
  const full = { batchRowsMax: 256, rowsWaitingMax: 20_000, batchWaitMaxMs: 2, waitMaxMs: 1000, ...options }
  const batcher = new Batcher(model, { model: 'demo', revision: 'v1' }, registry, full, loop)
  const series = (start: string) =>
    registry
      .render()
      .split('\n')
      .find((line) => line.startsWith(start))
      ?.split(' ')
      .at(-1)
  return { batcher, registry, series }
}
