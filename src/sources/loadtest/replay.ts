import { MS_PER_SECOND } from '../../core/time.ts'
import { openTable } from '../../tables/index.ts'
import { RATE_MAX } from './config.ts'
import { loadtestErrors } from './errors.ts'
import { GatewayClient } from './gateway-client.ts'
import { type LabelProgress, LabelSender } from './label-sender.ts'
import { pause } from './pause.ts'
import { createRowOrder } from './row-order.ts'
import { type ReplayRow, readReplayRows } from './rows.ts'

export interface ReplayOptions {
  /** Address of the gateway, such as http://127.0.0.1:8000; a path prefix is kept. */
  readonly url: string
  /** Undefined: the only model that is served. */
  readonly model: string | undefined
  readonly file: string
  /** Rows per second, in (0, RATE_MAX]. Arrivals keep this pace whatever the gateway does. */
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
  /** Predictions answered with an error, or not at all. */
  readonly failed: number
  /** Labels joined to their predictions: `labels.matched`. */
  readonly labelled: number
  /** Rows that were due and not sent, because `IN_FLIGHT_MAX` were under way. */
  readonly shed: number
  /** Why the last failed prediction failed; '' while none did. */
  readonly lastFailure: string
  readonly labels: LabelProgress
}

export interface Replay {
  readonly model: string
  readonly rows: number
  readonly truncated: boolean
  readonly labelDelayMs: number
  progress(): ReplayProgress
  /** Sends until the passes are done and the last label is sent, or until the signal aborts; then waits a moment for what is under way. */
  run(signal: AbortSignal): Promise<void>
  close(): Promise<void>
}

/** Requests under way at most; a gateway that falls further behind loses rows, and the count says so. */
export const IN_FLIGHT_MAX = 512
const TICK_MS = 20
/** Wait, after a stop, for the answers that are under way; then they are cut off, and count as failed. */
const STOP_MS_MAX = 3000

/**
 * Prepares to send the rows of a file as predictions, and their true outcomes as labels some time later.
 * @throws MW_REPLAY_OPTIONS, MW_REPLAY_UNREACHABLE, MW_REPLAY_MODEL, and what reading the file throws.
 */
export async function createReplay(options: ReplayOptions): Promise<Replay> {
  if (!(options.rate > 0 && options.rate <= RATE_MAX))
    throw loadtestErrors.MW_REPLAY_OPTIONS(`a rate of ${options.rate} rows a second is not above 0 and up to ${RATE_MAX}`)
  const client = new GatewayClient(options.url)
  try {
    await openTable(options.file) // A file that is not there is told before a gateway that is not there.
    const model = await client.describeModel(options.model)
    const { rows, truncated } = await readReplayRows(options.file, model)
    return new Replayer(client, model.name, rows, truncated, options)
  } catch (error) {
    await client.close()
    throw error
  }
}

class Replayer implements Replay {
  readonly model: string
  readonly rows: number
  readonly truncated: boolean
  readonly labelDelayMs: number
  readonly #client: GatewayClient
  readonly #labels: LabelSender
  readonly #source: readonly ReplayRow[]
  readonly #options: ReplayOptions
  readonly #underWay = new Set<Promise<void>>()
  #counts = { sent: 0, answered: 0, failed: 0, shed: 0, lastFailure: '' }

  constructor(client: GatewayClient, model: string, source: readonly ReplayRow[], truncated: boolean, options: ReplayOptions) {
    this.#client = client
    this.#labels = new LabelSender(client, { model, delayMs: options.labelDelayMs })
    this.model = model
    this.#source = source
    this.rows = source.length
    this.truncated = truncated
    this.#options = options
    this.labelDelayMs = options.labelDelayMs
  }

  progress(): ReplayProgress {
    const labels = this.#labels.progress()
    return { ...this.#counts, labelled: labels.matched, labels }
  }

  async run(signal: AbortSignal): Promise<void> {
    const labelling = this.#labels.run(signal)
    let cut: NodeJS.Timeout | undefined
    const stopping = () => {
      cut = setTimeout(() => void this.#client.close(), STOP_MS_MAX)
    }
    if (signal.aborted) stopping()
    else signal.addEventListener('abort', stopping, { once: true })
    try {
      await this.#sendRows(signal)
      await Promise.all(this.#underWay)
      this.#labels.finish()
      await labelling
      this.#labels.drop()
    } finally {
      signal.removeEventListener('abort', stopping)
      clearTimeout(cut)
    }
  }

  async close(): Promise<void> {
    await this.#client.close()
  }

  /**
   * An open loop: how many rows should have left by now follows from the clock alone. However many that are, one turn sends no more than may be
   * under way, and counts the rest as shed without looking at them.
   */
  async #sendRows(signal: AbortSignal): Promise<void> {
    const { rate, passes, order, seed } = this.#options
    const rowAt = createRowOrder(this.#source, order, seed)
    const total = this.#source.length * passes
    const startMs = performance.now()
    let next = 0
    while (next < total && !signal.aborted) {
      const target = Math.min(total, Math.floor(((performance.now() - startMs) / MS_PER_SECOND) * rate) + 1)
      const sending = Math.min(target - next, IN_FLIGHT_MAX - this.#underWay.size)
      for (let i = 0; i < sending; i++) this.#track(this.#sendRow(rowAt(next + i)))
      this.#counts.shed += target - next - sending
      next = target
      await pause(TICK_MS, signal)
    }
  }

  async #sendRow({ body, actual }: ReplayRow): Promise<void> {
    this.#counts.sent++
    const reply = await this.#client.post(this.model, 'predict', body)
    const id = reply.kind === 'answered' ? (reply.answer as { prediction_id?: unknown } | null)?.prediction_id : undefined
    if (typeof id === 'string') {
      this.#counts.answered++
      if (Object.keys(actual).length > 0) this.#labels.add(id, actual)
    } else {
      this.#counts.failed++
      this.#counts.lastFailure = reply.kind === 'answered' ? 'the answer has no prediction_id' : reply.reason
    }
  }

  #track(work: Promise<void>): void {
    this.#underWay.add(work)
    void work.finally(() => this.#underWay.delete(work))
  }
}
