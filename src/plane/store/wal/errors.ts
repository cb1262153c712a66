import { defineErrors } from '../../../core/errors.ts'

export const walErrors = defineErrors({
  MW_STORE_FOLDER_LOCKED: {
    kind: 'conflict',
    retryable: true,
    hint: 'Stop the process that is named, or give this one another folder with --storage.path; the lock ends with its holder, nothing has to be deleted.',
  },
  MW_STORE_FOLDER_UNUSABLE: {
    kind: 'config',
    retryable: false,
    hint: 'Make the folder one that this user may write to, or name another with --storage.path.',
  },
  MW_STORE_READ_ONLY: {
    kind: 'unavailable',
    retryable: true,
    hint: 'Make room on the disk, or raise its quota; writing goes on by itself. Queries are answered meanwhile.',
  },
  MW_WAL_VERSION: {
    kind: 'unsupported',
    retryable: false,
    hint: 'The log was written by a newer modelwatch: start that version on this folder, or name another folder.',
  },
  MW_WAL_ENTRY_TOO_LARGE: { kind: 'invalid', retryable: false, hint: 'Shorten the labels of the series, or the help of the metric.' },
  MW_WAL_SYNC: {
    kind: 'unavailable',
    retryable: true,
    hint: 'Look at the disk: what was written since the last good fsync is safe from the end of the process, not from a loss of power.',
  },
  MW_WAL_CLOSED: { kind: 'unavailable', retryable: false, hint: 'The store is stopping; send the samples again when it is back.' },
})
