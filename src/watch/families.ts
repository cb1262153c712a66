import { defineFamilies } from '../instrument/index.ts'

// 20 values × 14 bins × 3 revisions × 5 models, with room to spare: label sets are planned by multiplication.
const BIN_SETS_MAX = 10_000
const VALUE_SETS_MAX = 2_000

export const watchFamilies = defineFamilies({
  valueBin: {
    kind: 'counter',
    name: 'modelwatch_value_bin_total',
    help: 'Values of inputs and outputs by the bin they fell into; each value falls into exactly one.',
    labels: ['model', 'revision', 'role', 'name', 'bin'],
    labelSetsMax: BIN_SETS_MAX,
  },
  referenceRatio: {
    kind: 'gauge',
    unit: 'ratio',
    name: 'modelwatch_reference_bin_ratio',
    help: 'Share of the training rows in that bin.',
    labels: ['model', 'revision', 'role', 'name', 'bin'],
    labelSetsMax: BIN_SETS_MAX,
  },
  referenceRows: {
    kind: 'gauge',
    unit: 'none',
    name: 'modelwatch_reference_rows',
    help: 'Training rows behind the reference.',
    labels: ['model', 'revision'],
    labelSetsMax: 100,
  },
  valueInfo: {
    kind: 'gauge',
    unit: 'none',
    name: 'modelwatch_value_info',
    help: 'Type and unit of an input or output, always 1.',
    labels: ['model', 'revision', 'role', 'name', 'type', 'unit'],
    labelSetsMax: VALUE_SETS_MAX,
  },
  violations: {
    kind: 'counter',
    name: 'modelwatch_violations_total',
    help: 'Broken data invariants, by feature and rule; no name where the field is unknown to the model.',
    labels: ['model', 'revision', 'name', 'rule'],
    labelSetsMax: VALUE_SETS_MAX,
  },
  inputVariance: {
    kind: 'gauge',
    unit: 'none',
    name: 'modelwatch_input_variance',
    help: 'Population variance of all numbers of the last predictions together, as many as window says; NaN before the first one.',
    labels: ['model', 'revision', 'window'],
    labelSetsMax: 100,
  },
  labels: {
    kind: 'counter',
    name: 'modelwatch_labels_total',
    help: 'Labels received: joined to their prediction, too late, of no prediction we know, or of one that has its label already.',
    labels: ['model', 'revision', 'outcome'],
    labelSetsMax: 400,
  },
  labelDelay: {
    kind: 'histogram',
    unit: 'seconds',
    name: 'modelwatch_label_delay_seconds',
    help: 'Time from a prediction to its label.',
    labels: ['model', 'revision'],
    buckets: [1, 5, 15, 60, 300, 900, 3600, 21_600, 86_400, 604_800],
    labelSetsMax: 100,
  },
  errorAbsolute: {
    kind: 'counter',
    name: 'modelwatch_error_abs_total',
    help: 'Sum of |prediction − truth| over labelled rows.',
    labels: ['model', 'revision', 'name'],
    labelSetsMax: VALUE_SETS_MAX,
  },
  errorSquared: {
    kind: 'counter',
    name: 'modelwatch_error_squared_total',
    help: 'Sum of (prediction − truth)² over labelled rows.',
    labels: ['model', 'revision', 'name'],
    labelSetsMax: VALUE_SETS_MAX,
  },
  errorOver: {
    kind: 'counter',
    name: 'modelwatch_error_over_total',
    help: 'Sum of prediction − truth over labelled rows predicted too high.',
    labels: ['model', 'revision', 'name'],
    labelSetsMax: VALUE_SETS_MAX,
  },
  errorUnder: {
    kind: 'counter',
    name: 'modelwatch_error_under_total',
    help: 'Sum of truth − prediction over labelled rows predicted too low.',
    labels: ['model', 'revision', 'name'],
    labelSetsMax: VALUE_SETS_MAX,
  },
  baselineError: {
    kind: 'gauge',
    unit: 'none',
    name: 'modelwatch_reference_error',
    help: 'Error on the reference rows, in the unit of the output: mae, rmse or bias.',
    labels: ['model', 'revision', 'name', 'measure'],
    labelSetsMax: VALUE_SETS_MAX,
  },
})
