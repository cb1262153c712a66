import { defineFamilies } from '../../../../instrument/index.ts'

export const taskFamilies = defineFamilies({
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
