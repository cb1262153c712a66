import { defineFamilies } from '../../../../instrument/index.ts'

export const taskFamilies = defineFamilies({
  // Apart from modelwatch_requests_total, on which alerts stand: these concern no revision, and clients that ask every second whether a task is done would
  // hide the predictions that fail, or, asking for what is gone, look like refused ones.
  requests: {
    kind: 'counter',
    name: 'modelwatch_task_requests_total',
    help: 'Requests about tasks that were submitted: asked for (get), followed (events), cancelled (cancel), listed (list). Submissions are among modelwatch_requests_total.',
    labels: ['model', 'api', 'code'],
    labelSetsMax: 400, // 10 models × 4 APIs × 10 codes
  },
  waiting: {
    kind: 'gauge',
    unit: 'none',
    name: 'modelwatch_task_waiters',
    help: 'Clients that wait for a task to end (long polls) or follow it (server-sent events).',
    labels: ['kind'],
    labelSetsMax: 2,
  },
  refused: {
    kind: 'counter',
    name: 'modelwatch_task_waiters_refused_total',
    help: 'Clients that could not wait because serving.tasks.waiting_max did already.',
    labels: [],
    labelSetsMax: 1,
  },
})
