import { defineErrors } from '../../../../core/errors.ts'

export const taskErrors = defineErrors({
  MW_TASK_UNKNOWN: {
    kind: 'not_found',
    retryable: false,
    hint: 'Ask with the task_id that the submission was answered with, at the same model.',
  },
  MW_TASK_GONE: {
    kind: 'gone',
    retryable: false,
    hint: 'Fetch results sooner, or raise queue.results_for; a webhook brings them by itself.',
  },
  MW_TASK_FINAL: { kind: 'conflict', retryable: false, hint: 'A task that is done or dead cannot be cancelled; ask for its result.' },
  MW_TASK_WAITERS_FULL: {
    kind: 'overloaded',
    retryable: true,
    hint: 'Ask without wait, submit with a webhook, or raise serving.tasks.waiting_max.',
  },
  MW_TASK_OPTION_INVALID: {
    kind: 'invalid',
    retryable: false,
    hint: 'The page /docs lists what may stand in query and headers, and in what form.',
  },
  MW_TASK_LIST_CURSOR: { kind: 'invalid', retryable: false, hint: 'Begin the list anew, without after.' },
  MW_IDEMPOTENCY_CONFLICT: {
    kind: 'conflict',
    retryable: false,
    hint: 'Use a new Idempotency-Key for each new request; the same key stands for the same rows.',
  },
  MW_WEBHOOK_UNFIT: {
    kind: 'invalid',
    retryable: false,
    hint: 'Name an http or https address that is reachable from everywhere, or let the operator add it to work.webhooks.allow.',
  },
})
