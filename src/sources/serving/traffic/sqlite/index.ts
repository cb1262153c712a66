import { watch } from 'node:fs'
import { basename, dirname } from 'node:path'
import type { Clock } from '../../../../core/time.ts'
import { decodeTraffic, encodeTraffic, nextTraffic } from '../codec.ts'
import { type ModelTraffic, REPORT_MS, type RevisionReport, type TrafficState, type TrafficStore } from '../contract.ts'
import { Listeners } from '../listeners.ts'
import { TrafficFile } from './traffic-file.ts'

/** Between two looks whether another process has changed something; the file system tells sooner where it can. */
const POLL_MS = 500

export interface SqliteTrafficDeps {
  readonly clock: Clock
  /** How long a report stands; REPORT_MS where left out. */
  readonly reportMs?: number
}

/**
 * Keeps traffic in a SQLite file, for the processes of one machine: a network file system cannot share it safely. A change is on disk when `update`
 * resolves; reports are not forced there, for they are repeated anyway. Nothing is opened or made before the first call.
 */
export function openSqliteTraffic(path: string, deps: SqliteTrafficDeps): TrafficStore {
  return new SqliteTraffic(path, deps)
}

interface TrafficRow {
  readonly model: string
  readonly state: string
}

class SqliteTraffic implements TrafficStore {
  readonly #path: string
  readonly #file: TrafficFile
  readonly #clock: Clock
  readonly #reportMs: number
  readonly #listeners: Listeners

  constructor(path: string, { clock, reportMs = REPORT_MS }: SqliteTrafficDeps) {
    this.#path = path
    this.#file = new TrafficFile(path)
    this.#clock = clock
    this.#reportMs = reportMs
    this.#listeners = new Listeners(() => this.#look())
  }

  async read(): Promise<readonly ModelTraffic[]> {
    const rows = await this.#file.read(
      (prepare) => prepare('SELECT model, state FROM traffic ORDER BY model').all() as unknown as TrafficRow[],
    )
    return (rows ?? []).map(({ model, state }) => decodeTraffic(model, state))
  }

  async update(model: string, change: (current: ModelTraffic | undefined) => TrafficState): Promise<ModelTraffic> {
    const changed = await this.#file.write((prepare) => {
      const row = prepare('SELECT model, state FROM traffic WHERE model = ?').get(model) as TrafficRow | undefined
      const current = row === undefined ? undefined : decodeTraffic(model, row.state)
      const next = nextTraffic(model, current, change(current))
      prepare('INSERT OR REPLACE INTO traffic (model, generation, state) VALUES (?, ?, ?)').run(model, next.generation, encodeTraffic(next))
      return next
    }, true)
    this.#listeners.notify()
    return changed
  }

  onChange(listener: () => void): () => void {
    return this.#listeners.add(listener)
  }

  async report(reports: readonly RevisionReport[]): Promise<void> {
    const nowMs = this.#clock.now()
    await this.#file.write((prepare) => {
      prepare('DELETE FROM report WHERE told_ms <= ?').run(nowMs - this.#reportMs)
      const put = prepare('INSERT OR REPLACE INTO report (process, model, revision, told_ms, body) VALUES (?, ?, ?, ?, ?)')
      for (const report of reports) put.run(report.process, report.model, report.revision, nowMs, JSON.stringify(report))
    }, false)
  }

  async withdraw(process: string): Promise<void> {
    await this.#file.write((prepare) => prepare('DELETE FROM report WHERE process = ?').run(process), false)
  }

  async reports(): Promise<readonly RevisionReport[]> {
    const sinceMs = this.#clock.now() - this.#reportMs
    const rows = await this.#file.read((prepare) =>
      prepare('SELECT body FROM report WHERE told_ms > ? ORDER BY process, model, revision').all(sinceMs),
    )
    return (rows ?? []).map(({ body }) => toReport(body as string))
  }

  async close(): Promise<void> {
    this.#listeners.close()
    this.#file.close()
  }

  /** Watches for what other processes change; reports are written there too, and are no change. */
  #look(): () => void {
    let [seen, state] = [this.#version(), this.#generations()]
    const check = () => {
      const seenNow = this.#version()
      if (seenNow === seen) return
      const stateNow = this.#generations()
      if (seenNow !== undefined && stateNow === undefined) return // Held by another just now; the next look tells.
      seen = seenNow
      if (stateNow === state) return
      state = stateNow
      this.#listeners.notify()
    }
    const timer = setInterval(check, POLL_MS).unref()
    const unwatch = watchFile(this.#path, check)
    return () => {
      clearInterval(timer)
      unwatch()
    }
  }

  /** Changes when another process has written. Undefined: there is no file. */
  #version(): string | undefined {
    return this.#file.peek((prepare, inode) => `${inode} ${prepare('PRAGMA data_version').get()?.data_version}`)
  }

  /** Changes with each change of any model, for models are never taken away. */
  #generations(): string | undefined {
    return this.#file.peek((prepare, inode) => `${inode} ${prepare('SELECT total(generation) AS sum FROM traffic').get()?.sum}`)
  }
}

function toReport(body: string): RevisionReport {
  const { reason, ...report } = JSON.parse(body) as RevisionReport
  return { ...report, reason }
}

/** Calls back soon after a process has written to the file or its log. @returns what ends it. */
function watchFile(path: string, onWrite: () => void): () => void {
  try {
    const name = basename(path)
    const watcher = watch(dirname(path), { persistent: false }, (_, changed) => {
      if (changed === null || changed.startsWith(name)) onWrite()
    })
    watcher.on('error', () => watcher.close()) // The folder is gone, or the system has no watches left: looking now and then still finds it.
    return () => watcher.close()
  } catch {
    return () => {} // As above.
  }
}
