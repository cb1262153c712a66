import { defineErrors } from '../../core/errors.ts'

export const backfillErrors = defineErrors({
  MW_BACKFILL_UNREADABLE: {
    kind: 'config',
    retryable: false,
    hint: 'Name a file of OpenMetrics text or CSV, plain or gzip, or - for standard input.',
  },
  MW_BACKFILL_SYNTAX: {
    kind: 'config',
    retryable: false,
    hint: 'Correct the line: it must be OpenMetrics 1.0, each sample with its time in seconds. A CSV file is recognised by its ending, or by --format csv.',
  },
  MW_BACKFILL_NO_EOF: {
    kind: 'config',
    retryable: false,
    hint: 'OpenMetrics ends with the line "# EOF"; without it nobody can tell whether the file is whole. If it is, add the line.',
  },
  MW_BACKFILL_COLUMNS: {
    kind: 'config',
    retryable: false,
    hint: 'Say which columns are meant with --time-column, --value-columns, --label-columns and --metric or --metric-column.',
  },
  MW_BACKFILL_ROW: {
    kind: 'config',
    retryable: false,
    hint: 'Correct the row, say how times are written with --time-format, or leave such rows out with --skip-bad-rows.',
  },
  MW_BACKFILL_SERVER: {
    kind: 'unavailable',
    retryable: true,
    hint: 'See that the server runs and takes remote write (modelwatch monitor --web.enable-remote-write-receiver). Run the same command again: what is in already stays as it is.',
  },
  MW_BACKFILL_REFUSED: {
    kind: 'invalid',
    retryable: false,
    hint: 'A running server takes old samples only as far back as its out-of-order window and its retention allow. Stop it and backfill its folder with --storage.path: that takes samples of any age.',
  },
})
