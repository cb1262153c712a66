import { statSync } from 'node:fs'
import { DatabaseSync, type StatementSync } from 'node:sqlite'
import { setTimeout as delay } from 'node:timers/promises'
import { messageOf } from '../../../../core/errors.ts'
import { trafficErrors } from '../errors.ts'
import { SCHEMA, SCHEMA_VERSION } from './schema.ts'

/** How long another process may hold the file before a call gives up. Writers hold it for a few milliseconds. */
const BUSY_MS_MAX = 5000
const BUSY_DELAY_MS = 5
const SQLITE_BUSY = 5

/**
 * A SQLite file that several processes share. Nothing waits inside SQLite, for that would stop the event loop: a file that is held by another is
 * tried again a little later. It is opened by the first read that finds it, or made by the first write; where somebody has put another in its place,
 * or taken it away, what is there now counts.
 */
export class TrafficFile {
  readonly #path: string
  readonly #statements = new Map<string, StatementSync>()
  #database: DatabaseSync | undefined
  /** Which file it is that is open, whatever stands at the path by now. */
  #inode: number | undefined
  #closed = false

  constructor(path: string) {
    this.#path = path
  }

  /** @returns undefined while there is no file. @throws MW_TRAFFIC_UNAVAILABLE. */
  read<T>(query: (prepare: (sql: string) => StatementSync) => T): Promise<T | undefined> {
    return this.#attempt(() => {
      if (!this.#isThere()) return undefined
      this.#open()
      return query((sql) => this.#prepare(sql))
    })
  }

  /** As `read`, at once: undefined also where the file cannot be read just now. For looks that are repeated; a call that matters tells what is wrong. */
  peek<T>(query: (prepare: (sql: string) => StatementSync, inode: number) => T): T | undefined {
    try {
      if (this.#closed || !this.#isThere()) return undefined
      this.#open()
      return query((sql) => this.#prepare(sql), this.#inode!)
    } catch {
      return undefined
    }
  }

  /**
   * One transaction; `work` runs again when the file was held by another at its beginning, and is undone when it throws.
   * @param durable - Whether it is on disk when this resolves; otherwise a power cut may take it back.
   * @throws MW_TRAFFIC_UNAVAILABLE, and what `work` throws that is not SQLite's own.
   */
  write<T>(work: (prepare: (sql: string) => StatementSync) => T, durable: boolean): Promise<T> {
    return this.#attempt(() => {
      this.#isThere()
      const database = this.#open()
      database.exec(`PRAGMA synchronous = ${durable ? 'FULL' : 'NORMAL'}; BEGIN IMMEDIATE`)
      try {
        const result = work((sql) => this.#prepare(sql))
        database.exec('COMMIT')
        return result
      } catch (error) {
        if (database.isTransaction) database.exec('ROLLBACK')
        throw error
      }
    })
  }

  close(): void {
    this.#closed = true
    this.#release()
  }

  async #attempt<T>(work: () => T): Promise<T> {
    const endMs = performance.now() + BUSY_MS_MAX
    for (;;) {
      if (this.#closed) throw trafficErrors.MW_TRAFFIC_UNAVAILABLE(`${this.#path} has been closed`)
      try {
        return work()
      } catch (error) {
        if (!isSqlite(error)) throw error
        if ((error.errcode & 0xff) !== SQLITE_BUSY || performance.now() > endMs)
          throw trafficErrors.MW_TRAFFIC_UNAVAILABLE(`${this.#path} cannot be used: ${error.errstr ?? messageOf(error)}`, { cause: error })
      }
      await delay(BUSY_DELAY_MS * (1 + Math.random()))
    }
  }

  /** Lets go of a file that stands at the path no more. */
  #isThere(): boolean {
    const inode = statSync(this.#path, { throwIfNoEntry: false })?.ino
    if (inode !== this.#inode) this.#release()
    return inode !== undefined
  }

  #release(): void {
    this.#statements.clear()
    this.#database?.close()
    this.#database = undefined
    this.#inode = undefined
  }

  #open(): DatabaseSync {
    if (this.#database !== undefined) return this.#database
    const database = new DatabaseSync(this.#path, { timeout: 0 })
    try {
      const version = database.prepare('PRAGMA user_version').get()?.user_version as number
      if (version > SCHEMA_VERSION)
        throw trafficErrors.MW_TRAFFIC_UNAVAILABLE(
          `${this.#path} was written by a newer modelwatch (its form is ${version}, not ${SCHEMA_VERSION})`,
        )
      if (version === 0) {
        database.exec('PRAGMA journal_mode = WAL')
        database.exec(`BEGIN IMMEDIATE; ${SCHEMA} PRAGMA user_version = ${SCHEMA_VERSION}; COMMIT`)
      }
    } catch (error) {
      database.close() // Ends the transaction too.
      throw error
    }
    this.#inode = statSync(this.#path).ino
    this.#database = database
    return database
  }

  #prepare(sql: string): StatementSync {
    const known = this.#statements.get(sql)
    if (known !== undefined) return known
    const statement = this.#database!.prepare(sql)
    this.#statements.set(sql, statement)
    return statement
  }
}

function isSqlite(error: unknown): error is Error & { readonly errcode: number; readonly errstr?: string } {
  return error instanceof Error && 'errcode' in error && typeof error.errcode === 'number'
}
