import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { Worker } from 'node:worker_threads'

/** Pages of the log that are worth a checkpoint: 4 MiB. */
const PAGES_WORTH = 1000
/** A log this long, 16 MiB, is ended: writers wait for one pass, a few milliseconds on a thread, in which none comes in between. */
const PAGES_LONG = 4000
/** Pages that may be left for that pass: what writers did in the one before. */
const PAGES_REST_MAX = 2000
/** Where no thread can be had, the checkpoint is made here, whatever it costs. */
const PAGES_MAX = 65_536
/** How often the length of the log is asked for. */
const COMMITS_BETWEEN = 16

interface Progress {
  readonly busy: number
  /** Pages in the log, and how many of them are in the database too. */
  readonly log: number
  readonly checkpointed: number
}

/**
 * The thread's program, as text: it needs nothing of ours, and is found wherever the command is bundled to. A few passes, for while one runs, the writer goes
 * on; the log begins anew when a writer finds all of it done.
 */
const PROGRAM = `
const { parentPort, workerData } = require('node:worker_threads')
const { DatabaseSync } = require('node:sqlite')
const database = new DatabaseSync(workerData, { timeout: 1000 })
database.exec('PRAGMA synchronous = NORMAL; PRAGMA cache_size = -512')
const checkpoint = database.prepare('PRAGMA wal_checkpoint(PASSIVE)')
parentPort.on('message', (message) => {
  if (message === 'close') {
    database.close()
    parentPort.close()
    return
  }
  try {
    for (let pass = 0; pass < 4; pass++) {
      const { busy, log, checkpointed } = checkpoint.get()
      if (busy !== 0 || log === checkpointed) break
    }
  } catch {} // A full disk, say: the writer sees that the log is still long, and asks again.
  parentPort.postMessage('done')
})`

/**
 * Copies the log into the database in a thread of its own: 4 MiB with their syncs take 20 ms and more, in which a gateway must not stand still. The thread is
 * started when there is something to copy for the first time.
 *
 * While writers go on, a pass never gets to the end of the log, and only there it can begin anew. So every 16 MiB they are held for the last pass.
 */
export class Checkpointer {
  readonly #file: string
  readonly #progress: StatementSync
  readonly #passive: StatementSync
  #thread: Worker | undefined
  #isUnderWay = false
  #held: PromiseWithResolvers<void> | undefined
  #commits = 0

  constructor(file: string, database: DatabaseSync) {
    this.#file = file
    // Older versions of SQLite do not know NOOP and take it for PASSIVE: then the checkpoint is made here, at once.
    this.#progress = database.prepare('PRAGMA wal_checkpoint(NOOP)')
    this.#passive = database.prepare('PRAGMA wal_checkpoint(PASSIVE)')
  }

  /** A transaction is over; begins a checkpoint when the log is long. */
  afterCommit(): void {
    if (++this.#commits % COMMITS_BETWEEN !== 0) return
    try {
      const { log, checkpointed } = this.#progress.get() as unknown as Progress
      const rest = log - checkpointed
      if (log >= PAGES_MAX && rest > 0) this.#passive.get()
      else if (log >= PAGES_LONG && rest > 0 && rest <= PAGES_REST_MAX) this.#begin({ isLast: true })
      else if (rest >= PAGES_WORTH) this.#begin({ isLast: false })
    } catch {
      // Busy, or a full disk: the next commit asks again.
    }
  }

  /** What writers wait for before the next transaction; undefined when they need not. */
  get held(): Promise<void> | undefined {
    return this.#held?.promise
  }

  async close(): Promise<void> {
    const thread = this.#thread
    if (thread === undefined) return
    this.#thread = undefined
    await new Promise<void>((resolve) => {
      thread.once('exit', () => resolve())
      thread.ref()
      thread.postMessage('close')
    })
  }

  #begin({ isLast }: { isLast: boolean }): void {
    if (this.#isUnderWay) return
    this.#isUnderWay = true
    if (isLast) this.#held = Promise.withResolvers()
    this.#thread ??= this.#start()
    this.#thread.postMessage('checkpoint')
  }

  #start(): Worker {
    const thread = new Worker(PROGRAM, { eval: true, execArgv: [], workerData: this.#file, name: 'queue checkpoint' })
    thread.unref()
    thread.on('message', () => this.#passed())
    // It could not open the file, say: another is started the next time.
    thread.on('error', () => this.#ended(thread))
    thread.on('exit', () => this.#ended(thread))
    return thread
  }

  #ended(thread: Worker): void {
    if (this.#thread === thread) this.#thread = undefined
    this.#passed()
  }

  #passed(): void {
    this.#isUnderWay = false
    this.#held?.resolve()
    this.#held = undefined
    // The next look is soon, while little was written behind this pass.
    this.#commits = COMMITS_BETWEEN - 1
  }
}
