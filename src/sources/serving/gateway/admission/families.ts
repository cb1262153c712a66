import { defineFamilies } from '../../../../instrument/index.ts'

export const admissionFamilies = defineFamilies({
  requestsShed: {
    kind: 'counter',
    name: 'modelwatch_requests_shed_total',
    help: 'Requests answered 503 before their body was read: in_flight (serving.requests_max were under way), loop_delay (the event loop could not keep up).',
    labels: ['model', 'reason'],
    labelSetsMax: 200, // 100 models × 2 reasons
  },
  loopDelay: {
    kind: 'gauge',
    unit: 'seconds',
    name: 'modelwatch_loop_delay_seconds',
    help: 'Standing delay of the event loop by its own work: the smallest of the last few looks at it, so that one pause does not count.',
    labels: [],
    labelSetsMax: 1,
  },
})
