import { defineErrors } from '../../core/errors.ts'

export const promqlErrors = defineErrors({
  MW_PROMQL_PARSE: { kind: 'invalid', retryable: false, hint: 'Correct the query at the line and column named.' },
  MW_PROMQL_UNSUPPORTED: {
    kind: 'unsupported',
    retryable: false,
    hint: 'Write the query without the part that is named, or send it to a Prometheus server over the same data.',
  },
  MW_PROMQL_LIMIT: {
    kind: 'overloaded',
    retryable: false,
    hint: 'Select fewer series, shorten the time range or lengthen the step; a recording rule makes a frequent query cheap.',
  },
  MW_PROMQL_EXECUTION: {
    kind: 'invalid',
    retryable: false,
    hint: 'The query is well formed, but not answerable over the data: see the message.',
  },
  MW_PROMQL_TIMEOUT: { kind: 'timeout', retryable: true, hint: 'Select fewer series or a shorter time range, or allow more time.' },
  MW_PROMQL_CANCELED: { kind: 'unavailable', retryable: true, hint: 'The caller went away before the answer was ready; ask again.' },
})
