import type { AggregateOp, ValueType } from './ast.ts'

export interface Signature {
  readonly args: readonly ValueType[]
  /** How many arguments may follow or, where negative, without end; the last of `args` is then itself optional. */
  readonly variadic: number
  readonly returns: ValueType
  /** Whether Prometheus has it behind the flag `promql-experimental-functions`. */
  readonly experimental: boolean
}

const signature = (args: readonly ValueType[], returns: ValueType, variadic = 0): Signature => ({
  args,
  variadic,
  returns,
  experimental: false,
})
const experimental = (args: readonly ValueType[], variadic = 0): Signature => ({ args, variadic, returns: 'vector', experimental: true })

const ofVector = signature(['vector'], 'vector')
const ofMatrix = signature(['matrix'], 'vector')
const ofDate = signature(['vector'], 'vector', 1)

/** The functions of Prometheus 3.5, with the argument types that it gives them. */
export const signatures: ReadonlyMap<string, Signature> = new Map([
  ...[
    'abs',
    'acos',
    'acosh',
    'asin',
    'asinh',
    'atan',
    'atanh',
    'ceil',
    'cos',
    'cosh',
    'deg',
    'exp',
    'floor',
    'ln',
    'log10',
    'log2',
    'rad',
    'sgn',
    'sin',
    'sinh',
    'sqrt',
    'tan',
    'tanh',
    'absent',
    'histogram_avg',
    'histogram_count',
    'histogram_stddev',
    'histogram_stdvar',
    'histogram_sum',
    'sort',
    'sort_desc',
    'timestamp',
  ].map((name) => [name, ofVector] as const),
  ...[
    'absent_over_time',
    'avg_over_time',
    'changes',
    'count_over_time',
    'delta',
    'deriv',
    'idelta',
    'increase',
    'irate',
    'last_over_time',
    'max_over_time',
    'min_over_time',
    'present_over_time',
    'rate',
    'resets',
    'stddev_over_time',
    'stdvar_over_time',
    'sum_over_time',
  ].map((name) => [name, ofMatrix] as const),
  ...['day_of_month', 'day_of_week', 'day_of_year', 'days_in_month', 'hour', 'minute', 'month', 'year'].map(
    (name) => [name, ofDate] as const,
  ),
  ['clamp', signature(['vector', 'scalar', 'scalar'], 'vector')],
  ['clamp_max', signature(['vector', 'scalar'], 'vector')],
  ['clamp_min', signature(['vector', 'scalar'], 'vector')],
  ['double_exponential_smoothing', experimental(['matrix', 'scalar', 'scalar'])],
  ['histogram_fraction', signature(['scalar', 'scalar', 'vector'], 'vector')],
  ['histogram_quantile', signature(['scalar', 'vector'], 'vector')],
  ['info', experimental(['vector', 'vector'], 1)],
  ['label_join', signature(['vector', 'string', 'string', 'string'], 'vector', -1)],
  ['label_replace', signature(['vector', 'string', 'string', 'string', 'string'], 'vector')],
  ['mad_over_time', experimental(['matrix'])],
  ['pi', signature([], 'scalar')],
  ['predict_linear', signature(['matrix', 'scalar'], 'vector')],
  ['quantile_over_time', signature(['scalar', 'matrix'], 'vector')],
  ['round', signature(['vector', 'scalar'], 'vector', 1)],
  ['scalar', signature(['vector'], 'scalar')],
  ['sort_by_label', experimental(['vector', 'string'], -1)],
  ['sort_by_label_desc', experimental(['vector', 'string'], -1)],
  ['time', signature([], 'scalar')],
  ['ts_of_last_over_time', experimental(['matrix'])],
  ['ts_of_max_over_time', experimental(['matrix'])],
  ['ts_of_min_over_time', experimental(['matrix'])],
  ['vector', signature(['scalar'], 'vector')],
])

/** The aggregations that Prometheus has behind the same flag. */
export const experimentalAggregations: ReadonlySet<AggregateOp> = new Set<AggregateOp>(['limitk', 'limit_ratio'])
