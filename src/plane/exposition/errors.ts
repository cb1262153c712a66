import { defineErrors } from '../../core/errors.ts'

export const expositionErrors = defineErrors({
  MW_EXPOSITION_SYNTAX: { kind: 'invalid', retryable: false, hint: 'Correct what the target exposes, or the path that is scraped.' },
})
