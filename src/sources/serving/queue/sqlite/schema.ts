import { mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'
import { queueErrors } from '../errors.ts'
import { isBusy, toQueueError } from './failures.ts'

/** Version of the tables, in `user_version`. */
export const FORMAT = 1
/** "mwqu": what tells a queue from any other SQLite file. */
const APPLICATION_ID = 0x6d777175
/** How long SQLite itself may wait for a lock, standing still; longer waits are timers of ours. */
const BUSY_MS = 2
const OPEN_MS_MAX = 10_000
const CACHE_KIB = 8192
/** A log that grew in a rush is cut back to this when it begins anew. */
const WAL_BYTES_KEPT = 16 * 1024 * 1024

/**
 * Tasks, narrow, so that walking over them is cheap; what they carry stands in tables of its own, by the same `seq`.
 *
 * `due_ms` is when something is to be done about a task, whatever that is in its state: a waiting one expires, the lease of an active one ends, a delayed one
 * waits again, a final one is deleted. One index serves them all, and a waiting task without a deadline is not in it. A final task without `due_ms` is gone
 * for everybody, and only kept until its webhook is delivered.
 *
 * Waiting tasks stand in one of two indices, in the order in which they are handed out: the many, and the suspects.
 *
 * `lane` counts tasks by state, so that nobody ever counts them by walking.
 */
const TABLES = `
CREATE TABLE lane (
  id INTEGER PRIMARY KEY,
  queue TEXT NOT NULL UNIQUE,
  handed INTEGER NOT NULL DEFAULT 0,
  waiting INTEGER NOT NULL DEFAULT 0,
  active INTEGER NOT NULL DEFAULT 0,
  delayed INTEGER NOT NULL DEFAULT 0,
  done INTEGER NOT NULL DEFAULT 0,
  dead INTEGER NOT NULL DEFAULT 0,
  cancelled INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE task (
  seq INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  lane INTEGER NOT NULL,
  state INTEGER NOT NULL,
  due_ms INTEGER,
  priority INTEGER NOT NULL,
  rows INTEGER NOT NULL,
  bytes INTEGER NOT NULL,
  attempts INTEGER NOT NULL DEFAULT 0,
  deaths INTEGER NOT NULL DEFAULT 0,
  hooked INTEGER NOT NULL,
  revision TEXT NOT NULL,
  submitted_ms INTEGER NOT NULL,
  deadline_ms INTEGER,
  started_ms INTEGER,
  finished_ms INTEGER,
  token TEXT,
  worker TEXT
);
CREATE INDEX task_waiting ON task (lane, priority DESC, seq) WHERE state = 0 AND deaths = 0;
CREATE INDEX task_suspect ON task (lane, seq) WHERE state = 0 AND deaths > 0;
CREATE INDEX task_due ON task (state, due_ms) WHERE due_ms IS NOT NULL;
CREATE INDEX task_rare ON task (state, id) WHERE state IN (2, 4, 5);
CREATE TABLE payload (seq INTEGER PRIMARY KEY, payload TEXT NOT NULL);
CREATE TABLE result (seq INTEGER PRIMARY KEY, result TEXT NOT NULL);
CREATE TABLE failure (seq INTEGER PRIMARY KEY, code TEXT NOT NULL, message TEXT NOT NULL, stack TEXT);
CREATE TABLE webhook (
  seq INTEGER PRIMARY KEY,
  url TEXT NOT NULL,
  secret TEXT,
  attempts INTEGER NOT NULL DEFAULT 0,
  due_ms INTEGER,
  token TEXT,
  reason TEXT
);
CREATE INDEX webhook_due ON webhook (due_ms) WHERE due_ms IS NOT NULL;
CREATE TABLE idempotency (
  lane INTEGER NOT NULL,
  key TEXT NOT NULL,
  digest TEXT NOT NULL,
  id TEXT NOT NULL,
  expires_ms INTEGER NOT NULL,
  PRIMARY KEY (lane, key)
) WITHOUT ROWID;
CREATE INDEX idempotency_expires ON idempotency (expires_ms);
PRAGMA application_id = ${APPLICATION_ID};
PRAGMA user_version = ${FORMAT};
`

/**
 * Opens the file, and makes it and its folder if they are not there.
 * @throws MW_QUEUE_FORMAT for a newer format, or for the database of something else; MW_QUEUE_DAMAGED; MW_QUEUE_UNAVAILABLE.
 */
export async function openDatabase(file: string): Promise<DatabaseSync> {
  try {
    await mkdir(dirname(file), { recursive: true })
  } catch (error) {
    throw toQueueError(error, file)
  }
  const endMs = performance.now() + OPEN_MS_MAX
  for (;;) {
    try {
      return tryOpen(file)
    } catch (error) {
      // Others that open it at the same moment, or recover it after a crash.
      if (!isBusy(error) || performance.now() > endMs) throw toQueueError(error, file)
      await sleep(5 + Math.random() * 20)
    }
  }
}

function tryOpen(file: string): DatabaseSync {
  const database = new DatabaseSync(file, { timeout: BUSY_MS })
  try {
    prepareFile(database, file)
    // A commit writes to the log, and the log is synced by the committer, off the event loop (GroupCommit); NORMAL leaves just that to it.
    database.exec(`
      PRAGMA synchronous = NORMAL;
      PRAGMA wal_autocheckpoint = 0;
      PRAGMA journal_size_limit = ${WAL_BYTES_KEPT};
      PRAGMA cache_size = -${CACHE_KIB};
      PRAGMA temp_store = MEMORY;
    `)
    return database
  } catch (error) {
    database.close()
    throw error
  }
}

function prepareFile(database: DatabaseSync, file: string): void {
  if (isPrepared(database, file)) return
  // Has to be said before the first table; pages that become free can then be given back a few at a time.
  database.exec('PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL; BEGIN IMMEDIATE')
  try {
    if (!isPrepared(database, file)) database.exec(TABLES)
    database.exec('COMMIT')
  } catch (error) {
    if (database.isTransaction) database.exec('ROLLBACK')
    throw error
  }
}

function isPrepared(database: DatabaseSync, file: string): boolean {
  const number = (pragma: string) => Object.values(database.prepare(`PRAGMA ${pragma}`).get()!)[0] as number
  const format = number('user_version')
  const application = number('application_id')
  if (application === APPLICATION_ID) {
    if (format > FORMAT)
      throw queueErrors.MW_QUEUE_FORMAT(`${file} is a queue of format ${format}; this modelwatch knows formats up to ${FORMAT}`)
    return true
  }
  const tables = (database.prepare('SELECT count(*) AS count FROM sqlite_schema').get() as { count: number }).count
  if (tables > 0 || application !== 0) throw queueErrors.MW_QUEUE_FORMAT(`${file} is a SQLite database, but not a queue`)
  return false
}
