import { ModelwatchError, messageOf } from '../../../../core/errors.ts'
import { queueErrors } from '../errors.ts'

/** Primary result codes of SQLite (https://sqlite.org/rescode.html); the extended ones carry them in their low byte. */
const SQLITE_BUSY = 5
const SQLITE_CORRUPT = 11
const SQLITE_NOTADB = 26

/** Another connection holds the lock that was wanted: it is asked again. */
export function isBusy(error: unknown): boolean {
  return resultCodeOf(error) === SQLITE_BUSY
}

/** A fault of the file or the disk as an error of the queue; a bug stays what it is. */
export function toQueueError(error: unknown, file: string): unknown {
  if (error instanceof ModelwatchError) return error
  const code = resultCodeOf(error)
  if (code === SQLITE_CORRUPT || code === SQLITE_NOTADB) {
    return queueErrors.MW_QUEUE_DAMAGED(`the queue ${file} is damaged: ${messageOf(error)}`, { cause: error })
  }
  const isSystem = typeof (error as NodeJS.ErrnoException).syscall === 'string'
  if (code === undefined && !isSystem) return error
  return queueErrors.MW_QUEUE_UNAVAILABLE(`the queue ${file} cannot be used: ${messageOf(error)}`, { cause: error })
}

function resultCodeOf(error: unknown): number | undefined {
  const code = (error as { errcode?: unknown } | undefined)?.errcode
  return typeof code === 'number' ? code & 0xff : undefined
}
