import { defineErrors } from '../core/errors.ts'

export const tableErrors = defineErrors({
  MW_TABLE_UNREADABLE: {
    kind: 'config',
    retryable: false,
    hint: 'Name a CSV file with a header line (.csv) or a Parquet file (.parquet).',
  },
  MW_TABLE_BROKEN: { kind: 'config', retryable: false, hint: 'The file may be half written or damaged; make it anew.' },
  MW_TABLE_COLUMN_MISSING: { kind: 'config', retryable: false, hint: 'Add the column, or rename the one that is meant.' },
})
