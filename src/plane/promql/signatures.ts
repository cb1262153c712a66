import type { ValueType } from './ast.ts'

export interface Signature {
  readonly args: readonly ValueType[]
  /** How many arguments may follow or, where negative, without end; the last of `args` is then itself optional. */
  readonly variadic: number
  readonly returns: ValueType
}

const signature = (args: readonly ValueType[], returns: ValueType, variadic = 0): Signature => ({ args, variadic, returns })

const ofVector = signature(['vector'], 'vector')
const ofMatrix = signature(['matrix'], 'vector')
const ofDate = signature(['vector'], 'vector', 1)

/** The functions the evaluator knows, with the argument types Prometheus gives them. */
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
    'first_over_time',
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
  ['histogram_quantile', signature(['scalar', 'vector'], 'vector')],
  ['label_join', signature(['vector', 'string', 'string', 'string'], 'vector', -1)],
  ['label_replace', signature(['vector', 'string', 'string', 'string', 'string'], 'vector')],
  ['pi', signature([], 'scalar')],
  ['predict_linear', signature(['matrix', 'scalar'], 'vector')],
  ['quantile_over_time', signature(['scalar', 'matrix'], 'vector')],
  ['round', signature(['vector', 'scalar'], 'vector', 1)],
  ['scalar', signature(['vector'], 'scalar')],
  ['time', signature([], 'scalar')],
  ['vector', signature(['scalar'], 'vector')],
])
