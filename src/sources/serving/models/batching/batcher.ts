import { setImmediate as nextTurn } from 'node:timers/promises'
import { ModelwatchError, messageOf } from '../../../../core/errors.ts'
import { MS_PER_SECOND } from '../../../../core/time.ts'
import type { Registry } from '../../../../instrument/index.ts'
import type { Columns, OutputColumn } from '../../../../watch/index.ts'
import type { LoadedModel } from '../../runtimes/contract.ts'
import { modelErrors } from '../errors.ts'
import { modelFamilies as families } from '../families.ts'

export interface BatcherOptions {
  readonly batchRowsMax: number
  readonly rowsWaitingMax: number
}

/** Turns of the event loop that a batch waits at most while each still brings rows: some ten microseconds each. */
const GATHER_TURNS_MAX = 4

interface Waiting {
  readonly columns: Columns
  readonly sinceMs: number
  resolve(outputs: readonly OutputColumn[]): void
  reject(error: unknown): void
}

/**
 * Lets requests that wait at the same time share one call of the model. A batch is what has gathered while the call before it ran, and then until a
 * turn of the event loop brings no more; there is no timer, and a lone request waits for a turn that brings nothing. First come, first served; a request's rows stay together and in order.
 */
export class Batcher {
  readonly #model: LoadedModel
  readonly #options: BatcherOptions
  readonly #metrics: ReturnType<typeof bindMetrics>
  #waiting: Waiting[] = []
  #rowsWaiting = 0
  #running = false
  #closed = false
  #whenIdle: (() => void)[] = []

  constructor(model: LoadedModel, of: { model: string; revision: string }, registry: Registry, options: BatcherOptions) {
    this.#model = model
    this.#options = options
    this.#metrics = bindMetrics(registry, of)
    registry.read(families.rowsWaiting, of, () => this.#rowsWaiting)
  }

  /**
   * @returns shape [outputs][rows].
   * @throws MW_GATEWAY_BUSY when too many rows wait already; MW_GATEWAY_STOPPING after close; MW_MODEL_FAILED when the model fails on these rows.
   */
  predict(columns: Columns): Promise<readonly OutputColumn[]> {
    if (this.#closed) return Promise.reject(modelErrors.MW_GATEWAY_STOPPING('the gateway is stopping'))
    if (this.#rowsWaiting > 0 && this.#rowsWaiting + columns.rows > this.#options.rowsWaitingMax) {
      return Promise.reject(
        modelErrors.MW_GATEWAY_BUSY(`${this.#rowsWaiting} rows wait already; at most ${this.#options.rowsWaitingMax} may`),
      )
    }
    this.#rowsWaiting += columns.rows
    return new Promise((resolve, reject) => {
      this.#waiting.push({ columns, sinceMs: performance.now(), resolve, reject })
      if (!this.#running) {
        this.#running = true
        void this.#drain()
      }
    })
  }

  /** Takes no more rows, and waits for those it has. */
  async close(): Promise<void> {
    this.#closed = true
    if (this.#running) await new Promise<void>((resolve) => this.#whenIdle.push(resolve))
  }

  async #drain(): Promise<void> {
    while (this.#waiting.length > 0) {
      await this.#gather()
      const batch = this.#take()
      await this.#run(batch, batch.length > 1 ? 'gathered' : 'alone')
    }
    this.#running = false
    for (const resolve of this.#whenIdle.splice(0)) resolve()
  }

  /** Lets the event loop turn as long as each turn brings more rows. A call costs as much as reading several requests, so this pays at once. */
  async #gather(): Promise<void> {
    let rows = 0
    for (let turn = 0; turn < GATHER_TURNS_MAX && rows < this.#rowsWaiting && this.#rowsWaiting < this.#options.batchRowsMax; turn++) {
      rows = this.#rowsWaiting
      await nextTurn()
    }
  }

  /** Whole requests from the front, as long as they fit; the first always does, and is cut up below. */
  #take(): Waiting[] {
    let rows = 0
    let count = 0
    for (const { columns } of this.#waiting) {
      if (count > 0 && rows + columns.rows > this.#options.batchRowsMax) break
      rows += columns.rows
      count++
    }
    this.#rowsWaiting -= rows
    return this.#waiting.splice(0, count)
  }

  async #run(batch: readonly Waiting[], reason: 'alone' | 'gathered' | 'retried'): Promise<void> {
    const startMs = performance.now()
    for (const { sinceMs } of batch) this.#metrics.queue.observe((startMs - sinceMs) / MS_PER_SECOND)
    let outputs: readonly OutputColumn[]
    try {
      outputs = await this.#call(concat(batch.map(({ columns }) => columns)), reason)
    } catch (error) {
      if (batch.length === 1) batch[0]!.reject(toRefusal(error))
      else for (const one of batch) await this.#run([one], 'retried') // A bad row must not fail its neighbours.
      return
    }
    let from = 0
    for (const { columns, resolve } of batch) {
      const to = from + columns.rows
      resolve(batch.length === 1 ? outputs : outputs.map((column) => column.slice(from, to)))
      from = to
    }
  }

  /** Runs a batch in pieces of at most `batchRowsMax`, letting the event loop turn between them. */
  async #call(columns: Columns, reason: 'alone' | 'gathered' | 'retried'): Promise<readonly OutputColumn[]> {
    const { batchRowsMax } = this.#options
    const pieces: (readonly OutputColumn[])[] = []
    for (let from = 0; from < Math.max(1, columns.rows); from += batchRowsMax) {
      const piece = columns.rows <= batchRowsMax ? columns : cut(columns, from, Math.min(columns.rows, from + batchRowsMax))
      this.#metrics.rows.observe(piece.rows)
      this.#metrics.batches[piece.rows === batchRowsMax ? 'full' : reason].add()
      const startMs = performance.now()
      pieces.push(await this.#model.predict(piece))
      this.#metrics.compute.observe((performance.now() - startMs) / MS_PER_SECOND)
    }
    return pieces.length === 1 ? pieces[0]! : join(pieces)
  }
}

/** What the runtime refuses in our words stays as it is; anything else is the model's own failure. */
function toRefusal(error: unknown): unknown {
  if (error instanceof ModelwatchError && error.kind === 'invalid') return error
  return modelErrors.MW_MODEL_FAILED(`the model failed on this input: ${messageOf(error)}`, { cause: error })
}

function bindMetrics(registry: Registry, of: { model: string; revision: string }) {
  const batches = (reason: string) => registry.counter(families.batches, { ...of, reason })
  return {
    queue: registry.histogram(families.phaseDuration, { ...of, phase: 'queue' }),
    compute: registry.histogram(families.phaseDuration, { ...of, phase: 'compute' }),
    rows: registry.histogram(families.batchRows, of),
    batches: { alone: batches('alone'), gathered: batches('gathered'), full: batches('full'), retried: batches('retried') },
  }
}

function concat(parts: readonly Columns[]): Columns {
  if (parts.length === 1) return parts[0]!
  const rows = parts.reduce((sum, part) => sum + part.rows, 0)
  return {
    rows,
    values: parts[0]!.values.map((_, f) =>
      joinColumns(
        parts.map((part) => part.values[f]!),
        rows,
      ),
    ),
  }
}

function join(pieces: readonly (readonly OutputColumn[])[]): OutputColumn[] {
  const rows = pieces.reduce((sum, piece) => sum + piece[0]!.length, 0)
  return pieces[0]!.map((_, o) =>
    joinColumns(
      pieces.map((piece) => piece[o]!),
      rows,
    ),
  )
}

function joinColumns(parts: readonly OutputColumn[], rows: number): OutputColumn {
  if (!(parts[0] instanceof Float64Array)) return (parts as readonly (readonly string[])[]).flat()
  const joined = new Float64Array(rows)
  let at = 0
  for (const part of parts as readonly Float64Array[]) {
    joined.set(part, at)
    at += part.length
  }
  return joined
}

function cut(columns: Columns, from: number, to: number): Columns {
  return { rows: to - from, values: columns.values.map((column) => column.slice(from, to)) }
}
