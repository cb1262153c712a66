import { defineErrors } from '../../core/errors.ts'

export const scrapeErrors = defineErrors({
  MW_SCRAPE_HTTP: { kind: 'unavailable', retryable: true, hint: 'Check that the target runs and that its address and path are right.' },
  MW_SCRAPE_TIMEOUT: { kind: 'timeout', retryable: true, hint: 'Make the target answer faster, or raise scrape_timeout.' },
  MW_SCRAPE_BODY_LIMIT: { kind: 'overloaded', retryable: false, hint: 'Expose less, or raise body_size_limit of the job.' },
  MW_SCRAPE_SAMPLE_LIMIT: { kind: 'overloaded', retryable: false, hint: 'Expose fewer series, or raise sample_limit of the job.' },
})
