import { defineErrors } from '../../../../core/errors.ts'

export const batchingErrors = defineErrors({
  MW_DEADLINE_EXCEEDED: {
    kind: 'timeout',
    retryable: false,
    hint: 'The deadline of the request passed before its answer came; allow more time, or send less at once.',
  },
  MW_PREDICTION_CANCELLED: {
    kind: 'conflict',
    retryable: false,
    hint: 'Whoever asked has gone; send the request again if its answer is wanted.',
  },
})
