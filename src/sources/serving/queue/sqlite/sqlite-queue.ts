import type { FileHandle } from 'node:fs/promises'
import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'
import { ModelwatchError } from '../../../../core/errors.ts'
import type {
  Claim,
  ClaimRequest,
  Delivery,
  Failure,
  Heartbeat,
  NewTask,
  QueueStats,
  Submitted,
  Task,
  TaskFilter,
  TaskOutcome,
  TaskQueue,
  TaskState,
  TaskWithPayload,
} from '../contract.ts'
import { isFinal } from '../contract.ts'
import { queueErrors } from '../errors.ts'
import { Checkpointer } from './checkpointer.ts'
import { Claims } from './claims.ts'
import type { Context } from './context.ts'
import { Deliveries } from './deliveries.ts'
import { Doorbell } from './doorbell.ts'
import { Effects } from './effects.ts'
import { isBusy, toQueueError } from './failures.ts'
import { GroupCommit, type Transactions, type WriteOptions } from './group-commit.ts'
import { Housekeeping, PIECE_TASKS, type Piece } from './housekeeping.ts'
import { Reading } from './reading.ts'
import { stateNumberOf } from './states.ts'
import { Submissions } from './submissions.ts'
import { Transitions } from './transitions.ts'
import { Watchers } from './watchers.ts'

/** How often the queue is looked at without being told to, about: for what time does to tasks, and for processes that could not ring. */
const LOOK_MS = 250
/** Pieces of old tasks deleted in one look: 16,000 tasks a second go, more than come. */
const EXPIRE_PIECES_MAX = 20
const VACUUM_PIECES_MAX = 4
const READ_MS_MAX = 10_000

export interface SqliteQueueParts {
  readonly file: string
  readonly context: Context
  /** The log, to sync it. */
  readonly wal: FileHandle
}

/** The queue in a SQLite file; any number of processes may have it open. */
export class SqliteQueue implements TaskQueue {
  readonly #file: string
  readonly #context: Context
  readonly #database: DatabaseSync
  readonly #wal: FileHandle
  readonly #commits: GroupCommit
  readonly #checkpointer: Checkpointer
  readonly #submissions: Submissions
  readonly #claims: Claims
  readonly #transitions: Transitions
  readonly #deliveries: Deliveries
  readonly #housekeeping: Housekeeping
  readonly #reading: Reading
  readonly #watchers: Watchers
  readonly #doorbell: Doorbell
  readonly #outcomeListeners = new Set<(queue: string, outcome: TaskOutcome) => void>()
  readonly #dataVersion: StatementSync
  #lastDataVersion: number
  #lookTimer: NodeJS.Timeout | undefined
  #looking: Promise<void> | undefined
  #closing: Promise<void> | undefined

  constructor({ file, context, wal }: SqliteQueueParts) {
    this.#file = file
    this.#context = context
    this.#database = context.database
    this.#wal = wal
    this.#checkpointer = new Checkpointer(file, context.database)
    this.#commits = new GroupCommit(file, this.#transactionsOf())
    this.#submissions = new Submissions(context)
    this.#claims = new Claims(context)
    this.#transitions = new Transitions(context)
    this.#housekeeping = new Housekeeping(context)
    this.#deliveries = new Deliveries(context, this.#housekeeping)
    this.#reading = new Reading(context)
    this.#watchers = new Watchers((id) => this.#reading.versionOf(id))
    this.#dataVersion = this.#database.prepare('PRAGMA data_version')
    this.#lastDataVersion = this.#readDataVersion()
    this.#doorbell = new Doorbell(`${file}-bell`, () => this.#hear())
    this.#lookLater()
  }

  submit(task: NewTask): Promise<Submitted> {
    return this.#write(() => this.#submissions.submit(task), { isDurable: true, bytes: task.payload.length })
  }

  get(id: string): Promise<Task | undefined> {
    return this.#readTask(() => this.#reading.get(id, this.#now()))
  }

  getWithPayload(id: string): Promise<TaskWithPayload | undefined> {
    return this.#readTask(() => this.#reading.getWithPayload(id, this.#now()))
  }

  watch(id: string, onChange: () => void): () => void {
    return this.#watchers.watch(id, onChange)
  }

  cancel(id: string): Promise<'cancelled' | 'final' | 'unknown'> {
    return this.#write(() => this.#transitions.cancel(id, this.#now()), { isDurable: true })
  }

  async list(filter: TaskFilter): Promise<readonly Task[]> {
    const tasks = await this.#read(() => this.#reading.list(filter, this.#now()))
    await this.#durable()
    return tasks
  }

  /** Not synced by itself: a crash that takes the claim takes its worker too, and what the worker says later brings both to disk. */
  async claim(request: ClaimRequest): Promise<readonly Claim[]> {
    const nowMs = this.#now()
    // Who finds nothing takes no lock.
    const isDue = await this.#read(() => this.#transitions.hasDue(nowMs))
    if (!isDue && !(await this.#read(() => this.#claims.isAnyWaiting(request)))) return []
    const weight = request.queues.reduce((sum, { tasksMax }) => sum + tasksMax, 1)
    return this.#write(
      () => {
        const now = this.#now()
        if (isDue) this.#transitions.sweep(now)
        return this.#claims.claim(request, now)
      },
      { isDurable: false, weight },
    )
  }

  async heartbeat(claims: readonly Claim[]): Promise<Heartbeat> {
    if (claims.length === 0) return { lost: [] }
    const extend = () => ({ lost: claims.filter((claim) => !this.#transitions.extend(claim, this.#now())).map(({ token }) => token) })
    return this.#write(extend, { isDurable: false, weight: claims.length })
  }

  complete(claim: Claim, result: string): Promise<'stored' | 'lost'> {
    return this.#write(() => this.#transitions.complete(claim, result, this.#now()), { isDurable: true, bytes: result.length })
  }

  fail(claim: Claim, failure: Failure, { final }: { readonly final: boolean }): Promise<'delayed' | 'dead' | 'lost'> {
    return this.#write(() => this.#transitions.fail(claim, failure, final, this.#now()), { isDurable: true })
  }

  died(claim: Claim, failure: Failure): Promise<'delayed' | 'dead' | 'lost'> {
    return this.#write(() => this.#transitions.died(claim, failure, this.#now()), { isDurable: true })
  }

  async release(claims: readonly Claim[]): Promise<void> {
    if (claims.length === 0) return
    const release = () => {
      for (const claim of claims) this.#transitions.release(claim)
    }
    await this.#write(release, { isDurable: true, weight: claims.length })
  }

  onWork(listener: () => void): () => void {
    return this.#watchers.onWork(listener)
  }

  async claimDeliveries(max: number, { holdMs = this.#context.options.leaseMs } = {}): Promise<readonly Delivery[]> {
    if (max < 1 || !(await this.#read(() => this.#deliveries.hasDue(this.#now())))) return []
    return this.#write(() => this.#deliveries.claim(max, holdMs, this.#now()), { isDurable: false, weight: max })
  }

  delivered(delivery: Delivery): Promise<void> {
    return this.#write(() => this.#deliveries.delivered(delivery), { isDurable: true })
  }

  undelivered(delivery: Delivery, reason: string): Promise<'delayed' | 'given_up'> {
    return this.#write(() => this.#deliveries.undelivered(delivery, reason, this.#now()), { isDurable: true })
  }

  onOutcome(listener: (queue: string, outcome: TaskOutcome) => void): () => void {
    const own: typeof listener = (queue, outcome) => listener(queue, outcome)
    this.#outcomeListeners.add(own)
    return () => void this.#outcomeListeners.delete(own)
  }

  async stats(): Promise<readonly QueueStats[]> {
    return this.#read(() => this.#reading.stats())
  }

  async retry(which: readonly string[] | { readonly queue: string | undefined }): Promise<number> {
    if (!isIds(which)) return this.#inPieces(which.queue, (lane, after) => this.#housekeeping.retryAll(lane, after))
    let count = 0
    for (let i = 0; i < which.length; i += PIECE_TASKS) {
      const ids = which.slice(i, i + PIECE_TASKS)
      count += await this.#write(() => this.#housekeeping.retry(ids), { isDurable: true, weight: ids.length })
    }
    return count
  }

  async purge({
    queue,
    states,
  }: {
    readonly queue: string | undefined
    readonly states: readonly Exclude<TaskState, 'active'>[]
  }): Promise<number> {
    let count = 0
    for (const state of states) {
      count += await this.#inPieces(queue, (lane, after) => this.#housekeeping.purge(stateNumberOf(state), lane, after))
    }
    return count
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    clearTimeout(this.#lookTimer)
    this.#doorbell.close()
    this.#watchers.close()
    await this.#commits.close()
    await this.#looking
    await this.#checkpointer.close()
    await this.#wal.close()
    try {
      this.#database.close()
    } catch (error) {
      throw toQueueError(error, this.#file)
    }
  }

  /** Over many tasks, in transactions of a few milliseconds each. */
  async #inPieces(queue: string | undefined, work: (lane: number | undefined, after: Piece['next']) => Piece): Promise<number> {
    const lane = queue === undefined ? undefined : await this.#read(() => this.#context.lanes.find(queue))
    if (queue !== undefined && lane === undefined) return 0
    let count = 0
    let after: Piece['next']
    do {
      const piece = await this.#write(() => work(lane, after), { isDurable: true, weight: PIECE_TASKS })
      count += piece.count
      after = piece.next
    } while (after !== undefined)
    return count
  }

  #now(): number {
    return this.#context.clock.now()
  }

  #write<T>(run: () => T, options: WriteOptions): Promise<T> {
    return this.#commits.write(run, options)
  }

  async #readTask<T extends Task>(read: () => T | undefined): Promise<T | undefined> {
    const task = await this.#read(read)
    // What somebody was told must not be undone by a power failure: the end of a task is on disk before it is told.
    if (task !== undefined && isFinal(task.state)) await this.#durable()
    return task
  }

  async #durable(): Promise<void> {
    await this.#read(() => this.#noteOthers())
    await this.#commits.durable()
  }

  async #read<T>(read: () => T | Promise<T>): Promise<T> {
    for (const endMs = performance.now() + READ_MS_MAX; ; ) {
      if (!this.#isOpen()) throw this.#closedError()
      try {
        return await read()
      } catch (error) {
        // A long list, and it was closed meanwhile.
        if (!this.#isOpen()) throw this.#closedError()
        // Readers wait for nobody but one who recovers the log after a crash.
        if (!isBusy(error) || performance.now() > endMs) throw toQueueError(error, this.#file)
        await sleep(1 + Math.random() * 10)
      }
    }
  }

  #closedError(): ModelwatchError {
    return queueErrors.MW_QUEUE_UNAVAILABLE(`the queue ${this.#file} is closed`)
  }

  #transactionsOf(): Transactions {
    const { database, lanes } = this.#context
    const begin = database.prepare('BEGIN IMMEDIATE')
    const commit = database.prepare('COMMIT')
    return {
      held: () => this.#checkpointer.held,
      begin: () => {
        this.#context.effects = new Effects()
        begin.run()
      },
      commit: () => {
        lanes.flush()
        commit.run()
      },
      rollback: () => {
        lanes.forget()
        if (database.isTransaction) database.exec('ROLLBACK')
      },
      committed: () => {
        this.#tell(this.#context.effects)
        this.#checkpointer.afterCommit()
      },
      sync: () => this.#wal.datasync(),
      rewrite: () => {
        const { busy } = database.prepare('PRAGMA wal_checkpoint(TRUNCATE)').get() as { busy: number }
        if (busy !== 0) throw queueErrors.MW_QUEUE_UNAVAILABLE(`the queue ${this.#file} could not be written anew: others read it`)
      },
    }
  }

  #tell(effects: Effects): void {
    for (const [queue, outcome] of effects.outcomes)
      for (const listener of this.#outcomeListeners) queueMicrotask(() => listener(queue, outcome))
    this.#watchers.changed(effects.changed)
    if (effects.hasWork) this.#watchers.work()
    if (effects.isNews) this.#doorbell.ring()
  }

  /** Somebody rang: whatever they committed can be seen now. */
  #hear(): void {
    if (this.#closing !== undefined) return
    try {
      if (!this.#noteOthers()) return
      this.#watchers.look()
      this.#watchers.work()
    } catch {
      // Busy, or out of order: the next look tells.
    }
  }

  /** @returns whether others have committed since the last time. */
  #noteOthers(): boolean {
    const version = this.#readDataVersion()
    if (version === this.#lastDataVersion) return false
    this.#lastDataVersion = version
    this.#commits.noteForeignCommit()
    return true
  }

  #readDataVersion(): number {
    return (this.#dataVersion.get() as { data_version: number }).data_version
  }

  #lookLater(): void {
    this.#lookTimer = setTimeout(
      () => {
        this.#looking = this.#look().finally(() => {
          this.#looking = undefined
          if (this.#closing === undefined) this.#lookLater()
        })
      },
      // Not all processes at the same time.
      LOOK_MS * (0.8 + this.#context.random() * 0.4),
    )
  }

  async #look(): Promise<void> {
    const quiet: WriteOptions = { isDurable: false, weight: PIECE_TASKS }
    try {
      const nowMs = this.#now()
      if (this.#noteOthers()) this.#watchers.look()
      if (this.#transitions.hasDue(nowMs)) await this.#write(() => this.#transitions.sweep(nowMs), quiet)
      for (let i = 0; i < EXPIRE_PIECES_MAX && this.#isOpen() && this.#housekeeping.hasKeptEnough(nowMs); i++)
        await this.#write(() => this.#housekeeping.expire(nowMs), quiet)
      for (let i = 0; i < VACUUM_PIECES_MAX && this.#isOpen() && this.#housekeeping.hasSpare(); i++)
        await this.#write(() => this.#housekeeping.vacuum(), quiet)
      if (this.#isOpen() && (this.#reading.isAnyWaiting() || this.#deliveries.hasDue(nowMs))) this.#watchers.work()
    } catch (error) {
      // A full disk or a lock: whoever hands something in is told, and the next look tries again.
      if (!(error instanceof ModelwatchError) && !(toQueueError(error, this.#file) instanceof ModelwatchError)) throw error
    }
  }

  #isOpen(): boolean {
    return this.#closing === undefined
  }
}

function isIds(which: readonly string[] | { readonly queue: string | undefined }): which is readonly string[] {
  return Array.isArray(which)
}
