import { defineFamilies } from '../../../instrument/index.ts'

export const queueFamilies = defineFamilies({
  tasks: {
    kind: 'gauge',
    unit: 'none',
    name: 'modelwatch_queue_tasks',
    help: 'Tasks in a queue that are waiting, active, delayed or dead.',
    labels: ['queue', 'state'],
    labelSetsMax: 400, // 100 models × 4 states
  },
  oldestAge: {
    kind: 'gauge',
    unit: 'seconds',
    name: 'modelwatch_queue_oldest_age_seconds',
    help: 'How long the oldest waiting task has been in the queue; 0 when none waits.',
    labels: ['queue'],
    labelSetsMax: 100,
  },
  outcomes: {
    kind: 'counter',
    name: 'modelwatch_tasks_total',
    help: 'What became of tasks and their attempts, by the hand of this process.',
    labels: ['queue', 'outcome'],
    labelSetsMax: 800, // 100 models × 8 outcomes
  },
})
