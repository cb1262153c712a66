import { setImmediate as immediate, setTimeout as sleep } from 'node:timers/promises'
import { ModelwatchError } from '../../../../core/errors.ts'
import { queueErrors } from '../errors.ts'
import { isBusy, toQueueError } from './failures.ts'

/** Largest transaction: what takes a few milliseconds. */
const WEIGHT_MAX = 256
const BYTES_MAX = 8 * 1024 * 1024
/** How long the lock of another process is waited for. */
const BUSY_MS_MAX = 10_000
const BUSY_WAIT_MS_MAX = 8
/** Writes that may wait to be committed; beyond, something is badly wrong with the disk, and callers are better told. */
const PENDING_MAX = 100_000

/** A transaction, as the committer needs it. */
export interface Transactions {
  /** What is to be waited for before the next one. */
  held(): Promise<void> | undefined
  /** Takes the write lock. @throws busy, when another connection has it. */
  begin(): void
  commit(): void
  /** Also when the transaction ended by itself. */
  rollback(): void
  /** What was written is visible: tells whom it concerns. */
  committed(): void
  /** Brings everything committed so far to disk. */
  sync(): Promise<void>
  /** After a sync that failed, nobody knows what is on disk: writes all of it anew. @throws when that fails too. */
  rewrite(): void
}

export interface WriteOptions {
  /** Whether the answer waits until it is on disk. */
  readonly isDurable: boolean
  /** Tasks it writes, about. */
  readonly weight?: number
  readonly bytes?: number
}

interface Write {
  readonly run: () => unknown
  readonly options: WriteOptions
  readonly resolve: (value: unknown) => void
  readonly reject: (error: unknown) => void
}

type Outcome = { readonly write: Write; readonly value: unknown } | { readonly write: Write; readonly error: unknown }

/**
 * Writers share transactions and syncs to disk, and are answered after the sync. Nobody waits for others: a group is what has gathered when the event loop
 * has no more for it, and what gathers while the one before is on its way to the disk is the next. One group at a time is synced, and one may be committed
 * meanwhile, so that neither the disk nor the loop waits for the other.
 *
 *   write ─┐                          ┌─▶ answered
 *   write ─┼─▶ BEGIN … COMMIT ─▶ sync ┼─▶ answered
 *   write ─┘    (event loop)   (thread)─▶ answered
 *   write ───────────▶ BEGIN … COMMIT ─────────────▶ sync ─▶ answered
 */
export class GroupCommit {
  readonly #file: string
  readonly #transactions: Transactions
  #pending: Write[] = []
  #draining: Promise<void> | undefined
  /** The group before, until it is answered. */
  #settling: Promise<void> = Promise.resolve()
  #isClosed = false
  /** Commits so far, and how many of them are on disk. */
  #written = 0
  #synced = 0
  #syncing: Promise<void> | undefined
  #hasSyncFailed = false

  constructor(file: string, transactions: Transactions) {
    this.#file = file
    this.#transactions = transactions
  }

  /**
   * Runs a piece of a transaction. What it throws before it wrote anything, a ModelwatchError, is its own alone; after any other error the transaction is undone,
   * and each piece tried in one of its own.
   */
  write<T>(run: () => T, options: WriteOptions): Promise<T> {
    if (this.#isClosed) return Promise.reject(this.#closed())
    if (this.#pending.length >= PENDING_MAX)
      return Promise.reject(queueErrors.MW_QUEUE_UNAVAILABLE(`${PENDING_MAX} writes wait for ${this.#file}: the disk does not keep up`))
    const { promise, resolve, reject } = Promise.withResolvers<T>()
    this.#pending.push({ run, options, resolve: resolve as (value: unknown) => void, reject })
    this.#draining ??= this.#drain()
    return promise
  }

  /** Something was committed elsewhere: it may not be on disk yet. */
  noteForeignCommit(): void {
    this.#written++
  }

  /** Everything that can be read now is on disk after this. */
  async durable(): Promise<void> {
    const want = this.#written
    while (this.#synced < want) {
      this.#syncing ??= this.#sync().finally(() => {
        this.#syncing = undefined
      })
      await this.#syncing
    }
  }

  /** Takes no more; waits for those under way. */
  async close(): Promise<void> {
    this.#isClosed = true
    await this.#draining
    await this.#settling
    await this.#syncing?.catch(() => {}) // Whoever waits for it is told.
  }

  async #sync(): Promise<void> {
    const at = this.#written
    try {
      if (this.#hasSyncFailed) this.#repair()
      await this.#transactions.sync()
    } catch (error) {
      this.#hasSyncFailed = true
      throw toQueueError(error, this.#file)
    }
    this.#synced = at
  }

  /** The system may have forgotten pages it could not write, and say the next time that all is well; so they are written again. */
  #repair(): void {
    this.#transactions.rewrite()
    this.#hasSyncFailed = false
  }

  async #drain(): Promise<void> {
    while (this.#pending.length > 0) {
      await this.#gather()
      await this.#transactions.held()
      const batch = this.#takeBatch()
      const later = answerAtOnce(await this.#commit(batch))
      if (later.length === 0) continue
      await this.#settling
      this.#settling = this.#settle(later)
    }
    // In the same breath as the look at what is pending: a write in between would wait for ever.
    this.#draining = undefined
  }

  /** Lets those come along that are as good as here: as long as each turn of the event loop brings more of them. */
  async #gather(): Promise<void> {
    let gathered = 0
    while (gathered < Math.min(this.#pending.length, WEIGHT_MAX)) {
      gathered = this.#pending.length
      await immediate()
    }
  }

  #takeBatch(): Write[] {
    let weight = 0
    let bytes = 0
    let count = 0
    for (const { options } of this.#pending) {
      weight += options.weight ?? 1
      bytes += options.bytes ?? 0
      if (count > 0 && (weight > WEIGHT_MAX || bytes > BYTES_MAX)) break
      count++
    }
    return this.#pending.splice(0, count)
  }

  async #commit(batch: readonly Write[]): Promise<Outcome[]> {
    const endMs = performance.now() + BUSY_MS_MAX
    for (;;) {
      try {
        return this.#tryCommit(batch)
      } catch (error) {
        if (isBusy(error) && performance.now() < endMs) {
          await sleep(1 + Math.random() * BUSY_WAIT_MS_MAX)
          continue
        }
        if (batch.length === 1) return [{ write: batch[0]!, error: toQueueError(error, this.#file) }]
        const outcomes: Outcome[] = []
        for (const write of batch) outcomes.push(...(await this.#commit([write])))
        return outcomes
      }
    }
  }

  #tryCommit(batch: readonly Write[]): Outcome[] {
    if (this.#hasSyncFailed) this.#repair()
    this.#transactions.begin()
    const outcomes: Outcome[] = []
    try {
      for (const write of batch) outcomes.push(runOne(write))
      this.#transactions.commit()
    } catch (error) {
      this.#transactions.rollback()
      throw error
    }
    this.#written++
    this.#transactions.committed()
    return outcomes
  }

  /** Answers a group as soon as it is on disk. Does not throw. */
  async #settle(later: readonly Outcome[]): Promise<void> {
    try {
      await this.durable()
    } catch (error) {
      for (const { write } of later) write.reject(error)
      return
    }
    for (const outcome of later) answer(outcome)
  }

  #closed(): ModelwatchError {
    return queueErrors.MW_QUEUE_UNAVAILABLE(`the queue ${this.#file} is closed`)
  }
}

function runOne(write: Write): Outcome {
  try {
    return { write, value: write.run() }
  } catch (error) {
    if (error instanceof ModelwatchError) return { write, error }
    throw error
  }
}

/** Answers what needs no disk, a failure among it. @returns the others. */
function answerAtOnce(outcomes: readonly Outcome[]): readonly Outcome[] {
  const isLater = (outcome: Outcome) => 'value' in outcome && outcome.write.options.isDurable
  for (const outcome of outcomes) if (!isLater(outcome)) answer(outcome)
  return outcomes.filter(isLater)
}

function answer(outcome: Outcome): void {
  if ('error' in outcome) outcome.write.reject(outcome.error)
  else outcome.write.resolve(outcome.value)
}
