import { defineErrors } from '../../core/errors.ts'

export const storeErrors = defineErrors({
  MW_STORE_MATCHER: { kind: 'invalid', retryable: false, hint: 'Correct the regular expression; it is RE2 syntax, anchored at both ends.' },
  MW_STORE_MATCHER_UNSUPPORTED: {
    kind: 'unsupported',
    retryable: false,
    hint: 'Write the regular expression without the part that is named, or shorter.',
  },
  MW_STORE_SELECT_LIMIT: { kind: 'overloaded', retryable: false, hint: 'Ask for a shorter time range or for fewer series.' },
  MW_STORE_LABELS_TOO_LONG: { kind: 'invalid', retryable: false, hint: 'Shorten or drop labels of the series before they are sent.' },
  MW_STORE_NO_FOLDER: { kind: 'unsupported', retryable: false, hint: 'Give the store a folder with --storage.path.' },
})
