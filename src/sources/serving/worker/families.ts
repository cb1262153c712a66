import { defineFamilies } from '../../../instrument/index.ts'

export const workerFamilies = defineFamilies({
  threads: {
    kind: 'gauge',
    unit: 'none',
    name: 'modelwatch_worker_threads',
    help: 'Threads that run copies of the revision in this worker.',
    labels: ['model', 'revision'],
    labelSetsMax: 100, // 20 models × 5 revisions
  },
  threadsDesired: {
    kind: 'gauge',
    unit: 'none',
    name: 'modelwatch_worker_threads_desired',
    help: 'Threads that the depth of the queue asks for: ceil(tasks / work.tasks_per_thread) between the bounds, lowered only after work.scale_down_window.',
    labels: ['model'],
    labelSetsMax: 100,
  },
  tasksInHand: {
    kind: 'gauge',
    unit: 'none',
    name: 'modelwatch_worker_tasks_in_hand',
    help: 'Tasks this worker holds a claim on.',
    labels: [],
    labelSetsMax: 1,
  },
  executions: {
    kind: 'counter',
    name: 'modelwatch_worker_executions_total',
    help: 'Executions of tasks by how they ended: done, failed (tried again), refused (no other attempt would help), died (took a thread along), lost (the claim ran out or was cancelled), released (given back at the stop).',
    labels: ['model', 'outcome'],
    labelSetsMax: 600, // 100 models × 6 outcomes
  },
  taskDuration: {
    kind: 'histogram',
    unit: 'seconds',
    name: 'modelwatch_task_duration_seconds',
    help: 'From the submission of a task to its stored result.',
    labels: ['model'],
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 14_400, 86_400],
    labelSetsMax: 100,
  },
  queueErrors: {
    kind: 'counter',
    name: 'modelwatch_worker_queue_errors_total',
    help: 'Requests to the queue that failed; each is made again, later and later.',
    labels: ['operation'],
    labelSetsMax: 10,
  },
  webhooks: {
    kind: 'counter',
    name: 'modelwatch_webhooks_total',
    help: 'Attempts to deliver a webhook: delivered, failed (tried again), gone (answered 410), refused (its address is not allowed), given_up (after the last attempt).',
    labels: ['outcome'],
    labelSetsMax: 5,
  },
})
