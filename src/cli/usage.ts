import { defineErrors } from '../core/errors.ts'

export const usageErrors = defineErrors({
  MW_USAGE: { kind: 'config', retryable: false, hint: 'The command with --help says what it takes.' },
})
