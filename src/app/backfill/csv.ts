import { pipeline, Readable } from 'node:stream'
import { parse } from 'csv-parse'
import { messageOf } from '../../core/errors.ts'
import { METRIC_NAME } from '../../core/labels.ts'
import { parseNumber } from '../../core/number-text.ts'
import type { BackfillReader, BackfillSeries, SampleTarget } from './contract.ts'
import { type ColumnOptions, type ColumnPlan, isMissing, planColumns } from './csv-columns.ts'
import { parseTimeMs, type TimeFormat } from './csv-times.ts'
import { backfillErrors } from './errors.ts'
import type { BackfillInput } from './input.ts'

export interface CsvOptions extends ColumnOptions {
  readonly timeFormat: TimeFormat
  /** Leaves out rows that cannot be read, and counts them. */
  readonly skipBadRows: boolean
}

/** Longest row; a quote that is never closed would otherwise gather the whole file. */
const ROW_BYTES_MAX = 10_000_000
/** Rows of one step. Columns are told apart by the first so many. */
const STEP_ROWS = 1000
/** Series remembered by their cells; past it, all are forgotten and learned anew. */
const KNOWN_SERIES_MAX = 100_000

interface Row {
  readonly cells: readonly string[]
  readonly line: number
}

/**
 * Reads a CSV file of any size: comma separated, quoted as RFC 4180 says, UTF-8, the first line names the columns. A row is one sample of each value
 * column, save those whose cell is missing.
 * @throws MW_BACKFILL_COLUMNS when it is not clear what the columns are, MW_BACKFILL_ROW naming file and line. What stands before was read.
 */
export async function* readCsv(input: BackfillInput, target: SampleTarget, options: CsvOptions): BackfillReader {
  let reader: RowReader | undefined
  for await (const { columns, rows } of stepsOf(input)) {
    reader ??= new RowReader(
      planColumns(
        input.name,
        columns,
        rows.map(({ cells }) => cells),
        options,
      ),
      options,
      target,
    )
    let skippedRows = 0
    for (const { cells, line } of rows) {
      const fault = cells.length === columns.length ? reader.read(cells) : `has ${cells.length} cells, the header has ${columns.length}`
      if (fault === undefined) continue
      if (!options.skipBadRows) throw backfillErrors.MW_BACKFILL_ROW(`${input.name}:${line}: ${fault}`)
      skippedRows++
    }
    yield { skippedRows }
  }
}

async function* stepsOf(input: BackfillInput): AsyncIterable<{ columns: readonly string[]; rows: readonly Row[] }> {
  const options = { bom: true, info: true, relax_column_count: true, skip_empty_lines: true, max_record_size: ROW_BYTES_MAX }
  // `pipeline`, not `pipe`: an error of the file reaches the parser, and the loop below throws it.
  const parser = pipeline(Readable.from(input.bytes()), parse(options), () => {})
  let columns: readonly string[] | undefined
  let rows: Row[] = []
  try {
    for await (const { record, info } of parser as AsyncIterable<{ record: string[]; info: { lines: number } }>) {
      if (columns === undefined) columns = toHeader(input.name, record)
      else rows.push({ cells: record, line: info.lines })
      if (rows.length < STEP_ROWS) continue
      yield { columns, rows }
      rows = []
    }
  } catch (error) {
    if ((error as { code?: string }).code?.startsWith('CSV_') !== true) throw error
    throw backfillErrors.MW_BACKFILL_ROW(`${input.name}: ${messageOf(error)}`, { cause: error })
  }
  if (columns === undefined) throw backfillErrors.MW_BACKFILL_COLUMNS(`${input.name} is empty: its first line must name the columns`)
  if (rows.length > 0) yield { columns, rows }
}

function toHeader(name: string, columns: readonly string[]): readonly string[] {
  const twice = columns.find((column, i) => columns.indexOf(column) !== i)
  if (twice !== undefined) throw backfillErrors.MW_BACKFILL_COLUMNS(`${name}:1: the column ${JSON.stringify(twice)} stands twice`)
  return columns
}

class RowReader {
  readonly #plan: ColumnPlan
  readonly #timeFormat: TimeFormat
  readonly #target: SampleTarget
  /** The series of each value column, by the cells that make the labels. */
  readonly #known = new Map<string, (BackfillSeries | undefined)[]>()
  readonly #values: Float64Array

  constructor(plan: ColumnPlan, { timeFormat }: CsvOptions, target: SampleTarget) {
    this.#plan = plan
    this.#timeFormat = timeFormat
    this.#target = target
    this.#values = new Float64Array(plan.values.length)
  }

  /** Takes a row whole, or not at all. @returns what is wrong with it, in words. */
  read(cells: readonly string[]): string | undefined {
    const { timeAt, metricAt, values, unknown } = this.#plan
    const timeMs = parseTimeMs(cells[timeAt]!, this.#timeFormat)
    if (typeof timeMs === 'string') return `the time ${timeMs}`
    if (metricAt !== undefined && cells[metricAt]!.trim() === '') return 'the metric has no name'
    for (const { at, column } of unknown) {
      if (!isMissing(cells[at]!))
        return `${column} is ${JSON.stringify(cells[at])}; the column was empty at first, so say what it is with --value-columns or --label-columns`
    }
    let present = 0
    for (let v = 0; v < values.length; v++) {
      const { at, column } = values[v]!
      const text = cells[at]!.trim()
      const value = parseNumber(text)
      if (value === undefined && !isMissing(text)) return `${column} is ${JSON.stringify(cells[at])}, which is no number`
      this.#values[v] = value ?? Number.NaN
      if (!Number.isNaN(this.#values[v])) present++
    }
    if (present === 0) return undefined
    const series = this.#seriesOf(cells)
    for (let v = 0; v < values.length; v++) {
      const value = this.#values[v]!
      if (Number.isNaN(value)) continue
      series[v] ??= this.#target.series(this.#labelsOf(cells, values[v]!.metric))
      this.#target.add(series[v]!, timeMs, value)
    }
    return undefined
  }

  /** The series of each value column; undefined where none was needed yet. */
  #seriesOf(cells: readonly string[]): (BackfillSeries | undefined)[] {
    const { metricAt, labels } = this.#plan
    // Lengths stand before the texts, so that no text can imitate another split.
    let key = metricAt === undefined ? '' : `${cells[metricAt]!.length}:${cells[metricAt]}`
    for (const { at } of labels) key += `${cells[at]!.length}:${cells[at]}`
    const known = this.#known.get(key)
    if (known !== undefined) return known
    const none: (BackfillSeries | undefined)[] = this.#plan.values.map(() => undefined)
    if (this.#known.size >= KNOWN_SERIES_MAX) this.#known.clear()
    this.#known.set(key, none)
    return none
  }

  #labelsOf(cells: readonly string[], metric: string): (readonly [string, string])[] {
    const { metricAt, labels, constants } = this.#plan
    const name = metricAt === undefined ? metric : cells[metricAt]!.trim()
    const all: (readonly [string, string])[] = [[METRIC_NAME, name], ...constants]
    for (const label of labels) all.push([label.name, cells[label.at]!.trim()])
    return all.filter(([, value]) => value !== '').sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
  }
}
