import { open } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import type { Random } from '../../../../core/random.ts'
import type { Clock } from '../../../../core/time.ts'
import type { QueueOptions, TaskQueue } from '../contract.ts'
import { Effects } from './effects.ts'
import { toQueueError } from './failures.ts'
import { Lanes } from './lanes.ts'
import { openDatabase } from './schema.ts'
import { SqliteQueue } from './sqlite-queue.ts'

export interface SqliteQueueDeps {
  readonly clock: Clock
  /** Draws waits; the machine's own when left out. */
  readonly random?: Random
}

/**
 * Opens a queue in a SQLite file, and makes it, with its folder, if it is not there. Beside it stand its log (`-wal`), `-shm`, and `-bell`, by which processes wake
 * each other.
 * @throws MW_QUEUE_FORMAT, MW_QUEUE_DAMAGED, MW_QUEUE_UNAVAILABLE.
 */
export async function openSqliteQueue(
  file: string,
  options: QueueOptions,
  { clock, random = Math.random }: SqliteQueueDeps,
): Promise<TaskQueue> {
  const database = await openDatabase(file)
  try {
    // Reading makes the log; it stays as long as anybody has the file open.
    database.prepare('SELECT count(*) FROM lane').get()
    const wal = await open(`${file}-wal`, 'r+')
    await syncFolder(dirname(file))
    return new SqliteQueue({ file, wal, context: contextOf(database, { options, clock, random }) })
  } catch (error) {
    database.close()
    throw toQueueError(error, file)
  }
}

function contextOf(database: DatabaseSync, rest: { options: QueueOptions; clock: Clock; random: Random }) {
  return { database, lanes: new Lanes(database), effects: new Effects(), ...rest }
}

/** A file whose name is not on disk is not there after a power failure. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r').catch(() => undefined) // Windows opens no folders, and needs this not.
  if (handle === undefined) return
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
