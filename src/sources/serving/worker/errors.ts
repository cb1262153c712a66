import { defineErrors } from '../../../core/errors.ts'

export const workerErrors = defineErrors({
  MW_TASK_UNSERVED: {
    kind: 'unavailable',
    retryable: true,
    hint: 'Start a worker that serves the model, or put its folder back.',
  },
  MW_TASK_PAYLOAD: {
    kind: 'invalid',
    retryable: false,
    hint: 'Submit the task again through the gateway; nobody else writes tasks in this form.',
  },
  MW_TASK_TIMEOUT: {
    kind: 'timeout',
    retryable: true,
    hint: 'Send fewer rows in a task, or raise work.task_timeout.',
  },
  MW_WEBHOOK_REFUSED: {
    kind: 'invalid',
    retryable: false,
    hint: 'Name an http or https address that is reachable from everywhere, or let the operator add it to work.webhooks.allow.',
  },
  MW_WEBHOOK_FAILED: { kind: 'unavailable', retryable: true, hint: 'Answer 2xx within the timeout; other answers are tried again.' },
})
