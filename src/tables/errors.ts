import { defineErrors, type ModelwatchError, messageOf } from '../core/errors.ts'

export const tableErrors = defineErrors({
  MW_TABLE_UNREADABLE: {
    kind: 'config',
    retryable: false,
    hint: 'Name a CSV file with a header line (.csv) or a Parquet file (.parquet).',
  },
  MW_TABLE_BROKEN: { kind: 'config', retryable: false, hint: 'The file may be half written or damaged; make it anew.' },
  MW_TABLE_COLUMN_MISSING: { kind: 'config', retryable: false, hint: 'Add the column, or rename the one that is meant.' },
})

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  ENOTDIR: 'a file stands where a folder must',
  EACCES: 'permission is denied',
  EPERM: 'permission is denied',
  EISDIR: 'it is a folder',
}

/** MW_TABLE_UNREADABLE for what the system says when it does not give a file; undefined when the error is another's. */
export function asUnreadable(path: string, error: unknown): ModelwatchError | undefined {
  const { code, syscall } = error as NodeJS.ErrnoException
  if (code === undefined || syscall === undefined) return undefined
  const reason = reasons[code]
  const what = reason === undefined ? `cannot be read: ${messageOf(error)}` : `cannot be opened: ${reason}`
  return tableErrors.MW_TABLE_UNREADABLE(`${path} ${what}`, { cause: error })
}

/** The columns themselves. @throws MW_TABLE_UNREADABLE when one stands twice: which is meant would be a guess. */
export function refuseRepeated(place: string, columns: readonly string[]): readonly string[] {
  const repeated = columns.find((name, i) => columns.indexOf(name) !== i)
  if (repeated !== undefined) throw tableErrors.MW_TABLE_UNREADABLE(`${place}: the column ${repeated} stands twice`)
  return columns
}
