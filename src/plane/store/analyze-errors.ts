import { defineErrors } from '../../core/errors.ts'

export const analyzeErrors = defineErrors({
  MW_ANALYZE_NO_STORE: {
    kind: 'config',
    retryable: false,
    hint: 'Name the data folder of a monitor, or one of its snapshots, with --storage.path.',
  },
  MW_ANALYZE_MOVING: {
    kind: 'unavailable',
    retryable: true,
    hint: 'The store writes and deletes files faster than they can be opened; try again, or analyze a snapshot.',
  },
})
