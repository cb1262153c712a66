import { defineFamilies } from '../../../../instrument/index.ts'

export const batchingFamilies = defineFamilies({
  batchCost: {
    kind: 'gauge',
    unit: 'seconds',
    name: 'modelwatch_batch_cost_seconds',
    help: 'What a call of the model costs, learned from the last ones: fixed for the call, and row for each of its rows.',
    labels: ['model', 'revision', 'part'],
    labelSetsMax: 100,
  },
  expectedWait: {
    kind: 'gauge',
    unit: 'seconds',
    name: 'modelwatch_expected_wait_seconds',
    help: 'How long a request that came now would wait for its call of the model; beyond serving.wait_max it is answered 503.',
    labels: ['model', 'revision'],
    labelSetsMax: 50,
  },
  predictionsShed: {
    kind: 'counter',
    name: 'modelwatch_predictions_shed_total',
    help: 'Requests that never reached the model: refused on arrival (rows: too many wait; wait: longer than serving.wait_max; deadline: it would pass first), or dropped while they waited (expired, cancelled).',
    labels: ['model', 'revision', 'reason'],
    labelSetsMax: 250, // 10 models × 5 revisions × 5 reasons
  },
})
