import { defineErrors } from '../../../core/errors.ts'

export const queueErrors = defineErrors({
  MW_QUEUE_FULL: {
    kind: 'overloaded',
    retryable: true,
    hint: 'Send it again later; more workers empty the queue faster, and queue.tasks_max, queue.bytes_max and queue.results_for say how much it keeps.',
  },
  MW_QUEUE_UNAVAILABLE: {
    kind: 'unavailable',
    retryable: true,
    hint: 'Look at what the message names: is the disk full, may the file be written, does Redis answer? What was not acknowledged can be sent again.',
  },
  MW_QUEUE_DAMAGED: {
    kind: 'unavailable',
    retryable: false,
    hint: 'Stop what uses the file, move it aside with its -wal and -shm, and start again: tasks in it that were not executed must be sent again.',
  },
  MW_QUEUE_FORMAT: {
    kind: 'config',
    retryable: false,
    hint: 'Use the modelwatch that wrote the file, or name another file in queue.url.',
  },
  MW_QUEUE_MISSING: {
    kind: 'not_found',
    retryable: true,
    hint: 'Name the folder of the modelwatch.yaml that the gateway runs with; it makes the queue when it starts.',
  },
  MW_QUEUE_TASK_UNKNOWN: {
    kind: 'not_found',
    retryable: false,
    hint: 'It may have been kept long enough: queue.results_for and queue.dead_for say for how long. "modelwatch queue ls" lists what is there.',
  },
  MW_QUEUE_URL: {
    kind: 'config',
    retryable: false,
    hint: 'Write sqlite:queue.db for a file beside modelwatch.yaml, or redis://HOST:6379 or rediss://HOST:6379 for Redis or Valkey.',
  },
  MW_TASK_EXPIRED: {
    kind: 'timeout',
    retryable: true,
    hint: 'The deadline passed before an attempt succeeded; send it again with a later one, or start more workers.',
  },
  MW_TASK_POISONED: {
    kind: 'internal',
    retryable: false,
    hint: 'Its execution likely kills the worker: look at its input with "modelwatch queue show", then correct the model or the memory it may use.',
  },
  MW_TASK_WORKER_LOST: {
    kind: 'unavailable',
    retryable: true,
    hint: 'The worker was killed or hung; its log says more. The task is tried again by another.',
  },
})
