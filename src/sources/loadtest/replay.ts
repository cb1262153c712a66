import { setTimeout as delay } from 'node:timers/promises'
import { Pool } from 'undici'
import { messageOf } from '../../core/errors.ts'
import { createRandom, shuffled } from '../../core/random.ts'
import { MS_PER_SECOND } from '../../core/time.ts'
import { openTable } from '../../tables/index.ts'
import { loadtestErrors } from './errors.ts'
import { type ModelDescription, type ReplayRow, readReplayRows } from './rows.ts'

export interface ReplayOptions {
  /** Address of the gateway, such as http://127.0.0.1:8000. */
  readonly url: string
  /** Undefined: the only model that is served. */
  readonly model: string | undefined
  readonly file: string
  /** Rows per second, > 0. Arrivals keep this pace whatever the gateway does. */
  readonly rate: number
  /** `random` shuffles each pass anew, seeded; `file` keeps the file's order. */
  readonly order: 'random' | 'file'
  readonly seed: number
  /** From an answer to its label. */
  readonly labelDelayMs: number
  /** Passes over the file; Infinity until stopped. */
  readonly passes: number
}

/** What a replay has done so far. */
export interface ReplayProgress {
  readonly sent: number
  readonly answered: number
  /** Answered with an error, or not at all. */
  readonly failed: number
  readonly labelled: number
  /** Rows not sent, or labels dropped, because too much was under way. */
  readonly shed: number
  /** Why the last failed one failed; '' while none did. */
  readonly lastFailure: string
}

export interface Replay {
  readonly model: string
  readonly rows: number
  readonly truncated: boolean
  readonly labelDelayMs: number
  progress(): ReplayProgress
  /** Sends until the passes are done or the signal aborts; then waits for what is under way. */
  run(signal: AbortSignal): Promise<void>
  close(): Promise<void>
}

/** Requests under way at most; a gateway that falls further behind loses rows, and the count says so. */
const IN_FLIGHT_MAX = 512
const LABELS_WAITING_MAX = 100_000
const LABELS_PER_REQUEST_MAX = 500
const TICK_MS = 20
const LABEL_TICK_MS = 250
const REQUEST_TIMEOUT_MS = 10_000

/**
 * Prepares to send the rows of a file as predictions, and their true outcomes as labels some time later.
 * @throws MW_REPLAY_UNREACHABLE, MW_REPLAY_MODEL, and what reading the file throws.
 */
export async function createReplay(options: ReplayOptions): Promise<Replay> {
  await openTable(options.file) // A file that is not there is told before a gateway that is not there.
  const pool = new Pool(options.url, { connections: 16, bodyTimeout: REQUEST_TIMEOUT_MS, headersTimeout: REQUEST_TIMEOUT_MS })
  try {
    const model = await describeModel(pool, options)
    const { rows, truncated } = await readReplayRows(options.file, model)
    return new Replayer(pool, model.name, rows, truncated, options)
  } catch (error) {
    await pool.close()
    throw error
  }
}

async function describeModel(pool: Pool, { url, model }: ReplayOptions): Promise<ModelDescription> {
  let models: ModelDescription[]
  try {
    const { statusCode, body } = await pool.request({ method: 'GET', path: '/v1/models' })
    if (statusCode !== 200) throw new Error(`it answered ${statusCode}`)
    ;({ models } = (await body.json()) as { models: ModelDescription[] })
  } catch (error) {
    throw loadtestErrors.MW_REPLAY_UNREACHABLE(`no gateway answers at ${url}: ${messageOf(error)}`, { cause: error })
  }
  const names = models.map(({ name }) => name).join(', ')
  const found = model === undefined && models.length === 1 ? models[0] : models.find(({ name }) => name === model)
  if (found === undefined)
    throw loadtestErrors.MW_REPLAY_MODEL(
      model === undefined ? `several models are served: ${names}` : `no model ${model} is served; there is ${names}`,
    )
  return found
}

interface DueLabel {
  readonly dueMs: number
  readonly prediction_id: string
  readonly actual: Readonly<Record<string, number>>
}

class Replayer implements Replay {
  readonly model: string
  readonly rows: number
  readonly truncated: boolean
  readonly labelDelayMs: number
  readonly #pool: Pool
  readonly #source: readonly ReplayRow[]
  readonly #options: ReplayOptions
  readonly #labels: DueLabel[] = []
  readonly #underWay = new Set<Promise<void>>()
  #progress = { sent: 0, answered: 0, failed: 0, labelled: 0, shed: 0, lastFailure: '' }

  constructor(pool: Pool, model: string, source: readonly ReplayRow[], truncated: boolean, options: ReplayOptions) {
    this.#pool = pool
    this.model = model
    this.#source = source
    this.rows = source.length
    this.truncated = truncated
    this.#options = options
    this.labelDelayMs = options.labelDelayMs
  }

  progress(): ReplayProgress {
    return { ...this.#progress }
  }

  async run(signal: AbortSignal): Promise<void> {
    const labelling = this.#sendLabels(signal)
    try {
      await this.#sendRows(signal)
      await Promise.all(this.#underWay)
      while (this.#labels.length > 0 && !signal.aborted) await pause(LABEL_TICK_MS, signal)
    } finally {
      labelling.stop()
      await labelling.ended
      await Promise.all(this.#underWay)
    }
  }

  async close(): Promise<void> {
    await this.#pool.destroy()
  }

  /** An open loop: how many rows should have left by now follows from the clock alone. */
  async #sendRows(signal: AbortSignal): Promise<void> {
    const { rate, passes } = this.#options
    const startMs = performance.now()
    const order = this.#orders()
    const total = this.#source.length * passes
    let due = 0
    while (due < total && !signal.aborted) {
      const target = Math.min(total, Math.floor(((performance.now() - startMs) / MS_PER_SECOND) * rate) + 1)
      for (; due < target; due++) {
        const row = order.next().value
        if (this.#underWay.size >= IN_FLIGHT_MAX) this.#progress.shed++
        else this.#track(this.#sendRow(row))
      }
      await pause(TICK_MS, signal)
    }
  }

  *#orders(): Generator<ReplayRow, never> {
    const random = createRandom(this.#options.seed)
    for (;;) yield* this.#options.order === 'random' ? shuffled(this.#source, random) : this.#source
  }

  async #sendRow(row: ReplayRow): Promise<void> {
    this.#progress.sent++
    const reply = (await this.#post('predict', row.body)) as { prediction_id: string } | undefined
    if (reply === undefined) return
    this.#progress.answered++
    if (Object.keys(row.actual).length === 0) return
    if (this.#labels.length >= LABELS_WAITING_MAX) this.#progress.shed++
    else
      this.#labels.push({ dueMs: performance.now() + this.#options.labelDelayMs, prediction_id: reply.prediction_id, actual: row.actual })
  }

  /** Labels fall due in the order of their answers, so those due are always at the front. */
  #sendLabels(signal: AbortSignal): { stop(): void; ended: Promise<void> } {
    const stopped = new AbortController()
    const either = AbortSignal.any([signal, stopped.signal])
    const loop = async () => {
      while (!either.aborted) {
        const nowMs = performance.now()
        const waiting = this.#labels.findIndex(({ dueMs }) => dueMs > nowMs)
        const due = this.#labels.splice(0, Math.min(waiting < 0 ? this.#labels.length : waiting, LABELS_PER_REQUEST_MAX))
        if (due.length > 0) await this.#postLabels(due)
        if (due.length < LABELS_PER_REQUEST_MAX) await pause(LABEL_TICK_MS, either)
      }
    }
    return { stop: () => stopped.abort(), ended: loop() }
  }

  async #postLabels(due: readonly DueLabel[]): Promise<void> {
    const labels = due.map(({ prediction_id, actual }) => ({ prediction_id, actual }))
    const reply = (await this.#post('labels', JSON.stringify({ labels }))) as { outcomes: { matched?: number } } | undefined
    this.#progress.labelled += reply?.outcomes.matched ?? 0
  }

  /** @returns the answer, or undefined when there was none or it was an error: counted, and the replay goes on. */
  async #post(api: 'predict' | 'labels', body: string): Promise<unknown> {
    try {
      const reply = await this.#pool.request({
        method: 'POST',
        path: `/v1/models/${this.model}/${api}`,
        headers: { 'content-type': 'application/json' },
        body,
      })
      const answer = (await reply.body.json()) as { error?: string }
      if (reply.statusCode === 200) return answer
      this.#fail(`${reply.statusCode}: ${answer.error ?? 'no reason given'}`)
    } catch (error) {
      this.#fail(messageOf(error))
    }
    return undefined
  }

  #fail(reason: string): void {
    this.#progress.failed++
    this.#progress.lastFailure = reason
  }

  #track(work: Promise<void>): void {
    this.#underWay.add(work)
    void work.finally(() => this.#underWay.delete(work))
  }
}

/** Waits, and no longer once aborted. */
async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal }).catch(() => {}) // Only the abort ends it early, and the caller looks at the signal.
}
