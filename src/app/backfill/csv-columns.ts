import { parseNumber } from '../../core/number-text.ts'
import { backfillErrors } from './errors.ts'

/** Which columns of a CSV file are what, as far as its user says; the rest is found out. */
export interface ColumnOptions {
  /** Name of the metric, or what its name begins with where there are several value columns. */
  readonly metric: string | undefined
  /** Column that names the metric of each row. */
  readonly metricColumn: string | undefined
  readonly timeColumn: string | undefined
  readonly valueColumns: readonly string[] | undefined
  readonly labelColumns: readonly string[] | undefined
  /** Labels that every series gets. */
  readonly labels: Readonly<Record<string, string>>
}

/** Where in a row everything stands. */
export interface ColumnPlan {
  readonly timeAt: number
  readonly metricAt: number | undefined
  /** `metric` is the whole name, or '' when the metric's column says it. */
  readonly values: readonly { readonly at: number; readonly column: string; readonly metric: string }[]
  readonly labels: readonly { readonly at: number; readonly name: string }[]
  readonly constants: readonly (readonly [name: string, value: string])[]
  /** Columns that nobody named and that were empty in the first rows: nobody knows what they are, so they must stay empty. */
  readonly unknown: readonly { readonly at: number; readonly column: string }[]
}

const timeNames = ['time', 'timestamp', 'date', 'datetime', 'ts']
const missing = /^(?:nan|n\/?a|null|none|-)?$/i

/** Whether a cell says that there is no value: empty, `NaN`, `NA`, `N/A`, `null`, `None`, `-`, in any case. */
export function isMissing(cell: string): boolean {
  return missing.test(cell.trim())
}

/**
 * Finds out which column is what, from the header and the first rows: the time is the column of that name; columns of numbers are values, the others
 * labels. Columns that are empty in these rows are `unknown`, unless values and labels are both named: then other columns do not matter.
 * @throws MW_BACKFILL_COLUMNS when a column is not there, or what is meant would be a guess.
 */
export function planColumns(
  file: string,
  columns: readonly string[],
  rows: readonly (readonly string[])[],
  options: ColumnOptions,
): ColumnPlan {
  const fail = (message: string) => backfillErrors.MW_BACKFILL_COLUMNS(`${file}: ${message}; its columns are ${columns.join(', ')}`)
  const place = (name: string) => {
    const at = columns.indexOf(name)
    if (at < 0) throw fail(`there is no column ${name}`)
    return at
  }
  const timeAt = options.timeColumn === undefined ? findTime(columns, fail) : place(options.timeColumn)
  const metricAt = options.metricColumn === undefined ? undefined : place(options.metricColumn)
  const named = { values: options.valueColumns?.map(place), labels: options.labelColumns?.map(place) }
  const taken = new Set([timeAt, ...(metricAt === undefined ? [] : [metricAt]), ...(named.values ?? []), ...(named.labels ?? [])])
  const free = columns.flatMap((_, at) => (taken.has(at) ? [] : [at]))
  const filled = free.filter((at) => rows.some((row) => !isMissing(row[at] ?? '')))
  const numbers = filled.filter((at) => rows.every((row) => isNumeric(row[at] ?? '')))

  const values = named.values ?? valuesOf(columns, numbers, metricAt !== undefined)
  if (values.length === 0) throw fail(`there is no column of numbers to take values from${nearlyNumbers(columns, filled, rows)}`)
  if (metricAt !== undefined && values.length > 1) {
    const found = values.map((at) => columns[at]).join(', ')
    throw fail(`each row has one metric, named by ${options.metricColumn}, and several columns of numbers, ${found}`)
  }
  const labels = (named.labels ?? filled.filter((at) => !numbers.includes(at))).filter((at) => !values.includes(at))
  const clash = labels.find((at) => at === timeAt || at === metricAt) ?? values.find((at) => at === timeAt || at === metricAt)
  if (clash !== undefined) throw fail(`the column ${columns[clash]} is asked to be two things`)

  const metricOf = (column: string) =>
    metricAt !== undefined ? '' : values.length === 1 ? options.metric! : toName(`${options.metric}_${column}`)
  const plan = {
    timeAt,
    metricAt,
    values: values.map((at) => ({ at, column: columns[at]!, metric: metricOf(columns[at]!) })),
    labels: labels.map((at) => ({ at, name: toName(columns[at]!) })),
    constants: Object.entries(options.labels),
    unknown:
      named.values !== undefined && named.labels !== undefined
        ? []
        : free.filter((at) => !filled.includes(at)).map((at) => ({ at, column: columns[at]! })),
  }
  refuseTwice(
    plan.values.map(({ metric }) => metric),
    (name) => fail(`two value columns would both be the metric ${name}`),
  )
  refuseTwice([...plan.labels.map(({ name }) => name), ...plan.constants.map(([name]) => name)], (name) =>
    fail(`two labels would both be named ${name}`),
  )
  const reserved = plan.labels.find(({ name }) => name.startsWith('__'))
  if (reserved !== undefined) throw fail(`the label ${reserved.name} begins with two underscores, as only internal ones do`)
  return plan
}

function findTime(columns: readonly string[], fail: (message: string) => Error): number {
  for (const name of timeNames) {
    const at = columns.findIndex((column) => column.trim().toLowerCase() === name)
    if (at >= 0) return at
  }
  throw fail(`no column is named ${timeNames.join(', ')}`)
}

/** Of a file whose rows name their metric, the column `value` counts before others. */
function valuesOf(columns: readonly string[], numbers: readonly number[], isLong: boolean): readonly number[] {
  const value = isLong ? numbers.find((at) => columns[at]!.trim().toLowerCase() === 'value') : undefined
  return value === undefined ? numbers : [value]
}

/** Which column would be one of numbers but for a cell, so that the cell can be found. */
function nearlyNumbers(columns: readonly string[], filled: readonly number[], rows: readonly (readonly string[])[]): string {
  for (const at of filled) {
    const cells = rows.map((row) => (row[at] ?? '').trim())
    const other = cells.find((cell) => !isNumeric(cell))
    if (other !== undefined && cells.some((cell) => !isMissing(cell) && isNumeric(cell))) {
      const shown = other.length > 40 ? `${other.slice(0, 40)}…` : other
      return `: ${columns[at]} holds numbers and ${JSON.stringify(shown)}`
    }
  }
  return ''
}

function isNumeric(cell: string): boolean {
  return isMissing(cell) || parseNumber(cell.trim()) !== undefined
}

/** A name of a metric or label that PromQL needs not put in quotes: letters, digits and underscores. */
function toName(column: string): string {
  const name = column.trim().replaceAll(/[^a-zA-Z0-9_]/g, '_')
  return /^\d/.test(name) ? `_${name}` : name
}

function refuseTwice(names: readonly string[], refuse: (name: string) => Error): void {
  const twice = names.find((name, i) => names.indexOf(name) !== i)
  if (twice !== undefined) throw refuse(twice)
}
