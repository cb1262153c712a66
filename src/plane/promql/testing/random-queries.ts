/** Test support: random PromQL over the data of `random-data.ts`, well typed, out of everything that is the same each time it is asked. */

export type Pick = <T>(from: readonly T[]) => T

export interface QueryGenerator {
  vector(depth: number): string
  scalar(depth: number): string
}

const ranges = ['1m', '90s', '2m30s', '5m', '7m', '20m'] as const
// No sine and no exp: what is a last digit of a large number is another result in their neighbourhood, and powers, sums and exp differ in it.
const mathFunctions = ['abs', 'ceil', 'floor', 'sqrt', 'ln', 'log2', 'log10', 'sgn', 'atan', 'tanh', 'deg', 'rad'] as const
const dateFunctions = ['year', 'month', 'day_of_month', 'day_of_week', 'day_of_year', 'days_in_month', 'hour', 'minute'] as const
const rangeFunctions = [
  ...['rate', 'increase', 'delta', 'irate', 'idelta', 'changes', 'resets', 'deriv', 'count_over_time', 'sum_over_time', 'avg_over_time'],
  ...['min_over_time', 'max_over_time', 'last_over_time', 'present_over_time', 'stddev_over_time', 'stdvar_over_time', 'absent_over_time'],
  ...['mad_over_time', 'ts_of_min_over_time', 'ts_of_max_over_time', 'ts_of_last_over_time'],
] as const
const selectors = [
  ...[
    'c_total',
    'c_total{job="a"}',
    'g',
    'g{inst=~"1|2"}',
    'g{job!="b"}',
    'wild',
    'h_bucket',
    'h_bucket{job="a"}',
    'typed',
    'one',
    'nothing',
  ],
  ...['{__name__=~"c_total|g"}', '{__name__=~"typed|g", job="a"}', 'sparse', 'ints', 'ints{job="b"}', 'h_count'],
] as const
const labels = ['job', 'inst', 'le', '__name__', 'none', '__type__'] as const

/**
 * Whether Prometheus gives the series of an instant query in the same order each time it is asked. It does not where it gathers them in a map: for
 * histograms, for counted values, and for whatever it evaluates at more than one step.
 */
export function isOrderly(query: string): boolean {
  return !/histogram_quantile|histogram_fraction|count_values|\[[^\]]*:/.test(query)
}

/** @param random - Numbers in [0, 1). @param asked - Whether the queries are to be asked at one step or at many. */
export function createQueryGenerator(random: () => number, asked: 'one' | 'many'): QueryGenerator {
  let steps = asked
  const pick: Pick = (from) => from[Math.floor(random() * from.length)]!
  const chance = (share: number) => random() < share

  const shift = () => {
    const offset = chance(0.15) ? ` offset ${pick(['30s', '1m', '-1m', '4m'])}` : ''
    const at = chance(0.1) ? ` @ ${pick(['start()', 'end()', '1700001234.5', '1700003000'])}` : ''
    return chance(0.5) ? offset + at : at + offset
  }
  const selector = () => pick(selectors) + shift()
  const some = <T>(from: readonly T[]) => from.filter(() => chance(0.4))
  const list = () => `(${some(labels).join(', ')})`

  function matrix(depth: number): string {
    if (depth <= 0 || chance(0.75)) return `${pick(selectors)}[${pick(ranges)}]${shift()}`
    const outside = steps
    steps = 'many'
    const inner = vector(depth - 1)
    steps = outside
    return `(${inner})[${pick(ranges)}:${pick(['', '15s', '40s', '1m', '3m'])}]${shift()}`
  }

  function scalar(depth: number): string {
    if (depth <= 0 || chance(0.6)) return pick(['0', '1', '2', '-1.5', '0.25', '1e3', 'NaN', 'Inf', '-Inf', 'pi()', 'time()', '1700000000'])
    if (chance(0.3)) return `scalar(${vector(depth - 1)})`
    if (chance(0.3)) return `-(${scalar(depth - 1)})`
    const op = pick(['+', '-', '*', '/', '%', '^', 'atan2', '> bool', '== bool', '<= bool'])
    return `(${scalar(depth - 1)} ${op} ${scalar(depth - 1)})`
  }

  /** Some of the series, by an order that shows: of equals the first stay. */
  function chosen(depth: number, grouping: string): string {
    const of = steps === 'one' ? orderly(depth - 1) : gathered()
    if (chance(0.2))
      return `limit_ratio ${grouping}(${pick(['0.5', '-0.5', '0.1', '1', '0', '-0.3', '2', '(time() % 300) / 200 - 0.5'])}, ${of})`
    return `${pick(['topk', 'bottomk', 'limitk'])} ${grouping}(${pick(['1', '2', '3', '4', '-1', '0', '100', '(time() % 300) / 60'])}, ${of})`
  }

  /** A vector whose series come in an order that Prometheus does not leave to chance, at a lone step. */
  function orderly(depth: number): string {
    if (chance(0.5)) return pick(['ints', 'sgn(g)', 'one', 'c_total', 'floor(sparse / 3)'])
    for (;;) {
      const query = vector(depth)
      if (isOrderly(query)) return query
    }
  }

  /** The same at any number of steps. */
  function gathered(): string {
    const of = chance(0.5) ? 'ints' : pick(selectors)
    return pick([() => of, () => `${pick(rangeFunctions)}(${of}[5m])`, () => `${pick(['sum', 'max', 'count'])} by ${list()} (${of})`])()
  }

  function aggregation(depth: number): string {
    const grouping = chance(0.7) ? `${pick(['by', 'without'])} ${list()} ` : ''
    if (chance(0.25)) return chosen(depth, grouping)
    const op = pick(['sum', 'avg', 'min', 'max', 'count', 'group', 'stddev', 'stdvar', 'quantile', 'count_values', 'sum', 'sum'])
    if (op === 'quantile')
      return `quantile ${grouping}(${pick(['0.5', '0.9', '0', '1', '1.5', '-1', 'NaN', '(time() % 300) / 250'])}, ${vector(depth - 1)})`
    if (op === 'count_values') return `count_values ${grouping}("${pick(['v', 'job', '__name__'])}", ${pick(['ints', 'sgn(g)', 'one'])})`
    return `${op} ${grouping}(${vector(depth - 1)})`
  }

  function binary(depth: number): string {
    const op = pick(['+', '-', '*', '/', '%', '^', 'atan2', '==', '!=', '>', '<', '>=', '<=', '> bool', '== bool', 'and', 'or', 'unless'])
    const isSet = op === 'and' || op === 'or' || op === 'unless'
    const kind = random()
    if (!isSet && kind < 0.2) return `(${vector(depth - 1)}) ${op} ${scalar(depth - 2)}`
    if (!isSet && kind < 0.35) return `${scalar(depth - 2)} ${op} (${vector(depth - 1)})`
    let matching = chance(0.5) ? '' : ` ${pick(['on', 'ignoring'])} ${list()}`
    if (!isSet && matching !== '' && chance(0.5)) {
      const on = matching.includes('on ') ? matching : ''
      const include = some(labels).filter((label) => !on.includes(label))
      matching += ` ${pick(['group_left', 'group_right'])} (${include.join(', ')})`
    }
    const left = vector(depth - 1)
    // Now and then the same twice: it is evaluated once.
    return `(${left}) ${op}${matching} (${chance(0.2) ? left : vector(depth - 1)})`
  }

  function call(depth: number): string {
    const inner = () => vector(depth - 1)
    switch (pick(['math', 'range', 'range', 'range', 'date', 'clamp', 'relabel', 'histogram', 'absent', 'other', 'param'])) {
      case 'math':
        return `${pick(mathFunctions)}(${inner()})`
      case 'date':
        return chance(0.2) ? `${pick(dateFunctions)}()` : `${pick(dateFunctions)}(${inner()})`
      case 'clamp':
        return pick([
          () => `clamp(${inner()}, ${scalar(1)}, ${scalar(1)})`,
          () => `clamp_min(${inner()}, ${scalar(1)})`,
          () => `clamp_max(${inner()}, ${scalar(1)})`,
          () => `round(${inner()}, ${pick(['0.1', '5', '1', '0.3'])})`,
          () => `round(${inner()})`,
        ])()
      case 'relabel':
        return pick([
          () => `label_replace(${inner()}, "${pick(labels)}", "$1", "${pick(labels)}", "${pick(['(.*)', '(.)', '(a|1)', '', 'x(.*)'])}")`,
          () => `label_join(${inner()}, "${pick(labels)}", "${pick(['', '-'])}", "${pick(labels)}", "${pick(labels)}")`,
        ])()
      case 'histogram': {
        const of = pick(['h_bucket', 'rate(h_bucket[5m])', `sum by (le) (rate(h_bucket[${pick(ranges)}]))`, 'h_bucket{le!="1"}', inner()])
        if (chance(0.25)) return `histogram_fraction(${pick(['-Inf', '0', '0.2'])}, ${pick(['0.5', 'Inf', '3'])}, ${of})`
        return `histogram_quantile(${pick(['0.5', '0.9', '0', '1', '1.1', '-0.1', 'NaN'])}, ${of})`
      }
      case 'absent':
        return `absent(${chance(0.5) ? selector() : inner()})`
      case 'other':
        return pick([
          () => `timestamp(${chance(0.5) ? selector() : inner()})`,
          () => `vector(${scalar(depth - 1)})`,
          () => `sort(${inner()})`,
          () => `-(${inner()})`,
          () => `+(${inner()})`,
          () => `${pick(['histogram_count', 'histogram_sum', 'histogram_avg', 'histogram_stddev'])}(${inner()})`,
        ])()
      case 'param':
        return pick([
          () => `quantile_over_time(${pick(['0.5', '0.99', '0', '-1', '2', 'NaN'])}, ${matrix(depth - 1)})`,
          () => `predict_linear(${matrix(depth - 1)}, ${pick(['60', '-30', '3600'])})`,
          () => `double_exponential_smoothing(${matrix(depth - 1)}, ${pick(['0.5', '0.9'])}, ${pick(['0.1', '0.7'])})`,
        ])()
      default:
        return `${pick(rangeFunctions)}(${matrix(depth - 1)})`
    }
  }

  function vector(depth: number): string {
    if (depth <= 0) return selector()
    const kind = random()
    if (kind < 0.12) return selector()
    if (kind < 0.45) return call(depth)
    if (kind < 0.7) return aggregation(depth)
    return binary(depth)
  }

  return { vector, scalar }
}
