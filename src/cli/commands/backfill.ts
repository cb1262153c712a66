import { type Command, Option } from 'commander'
import type { BackfillProgress, BackfillResult } from '../../app/backfill/backfill.ts'
import { type TimeFormat, timeFormats } from '../../app/backfill/csv-times.ts'
import { progressBar } from '../output.ts'
import { usageErrors } from '../usage.ts'

interface Options {
  readonly 'storage.path'?: string
  readonly url?: string
  readonly format?: 'openmetrics' | 'csv'
  readonly metric?: string
  readonly metricColumn?: string
  readonly timeColumn?: string
  readonly timeFormat: TimeFormat
  readonly valueColumns?: readonly string[]
  readonly labelColumns?: readonly string[]
  readonly label?: readonly string[]
  readonly skipBadRows?: boolean
}

const DEFAULT_FOLDER = 'data'
const SHOW_EVERY_MS = 200
const metricName = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/
const labelName = /^(?!__)[a-zA-Z_][a-zA-Z0-9_]*$/

export function addBackfillCommand(program: Command): void {
  program
    .command('backfill')
    .summary('put history in: OpenMetrics text or CSV, of any age')
    .description(
      'Reads files of samples with their times into the data folder of a monitor that does not run, or sends them to one that does. Files may be of any size and packed with gzip; samples may be of any age, and series in any order. Reading the same file again changes nothing: where a sample is there already, it stays.',
    )
    .argument('[files...]', 'OpenMetrics text, or CSV when the name ends in .csv or .csv.gz; - reads standard input', ['-'])
    .addOption(new Option('--storage.path <folder>', `data folder; made if it is not there (default: ${DEFAULT_FOLDER})`))
    .option('--url <url>', 'send to a running server by remote write, in place of a folder; without a path, to /api/v1/write')
    .addOption(new Option('--format <format>', 'when the name of the file does not say it').choices(['openmetrics', 'csv']))
    .optionsGroup('CSV:')
    .option('--metric <name>', 'name of the metric; with several value columns they are NAME_COLUMN')
    .option('--metric-column <column>', 'column that names the metric of each row')
    .option('--time-column <column>', 'without it the column named time, timestamp, date, datetime or ts')
    .addOption(
      new Option('--time-format <format>', 'auto tells by the look of each; rfc3339 has a zone, date (2026-11-20 08:30:00) is UTC')
        .choices(timeFormats)
        .default('auto'),
    )
    .option('--value-columns <columns>', 'with commas between; without it the columns of numbers', toList)
    .option('--label-columns <columns>', 'with commas between; without it the columns of text', toList)
    .option('--label <name=value>', 'a label for every series; may come several times', (pair: string, before: readonly string[] = []) => [
      ...before,
      pair,
    ])
    .option('--skip-bad-rows', 'leave out rows that cannot be read, and say how many, in place of stopping at the first')
    .addHelpText(
      'after',
      `
OpenMetrics is what "promtool tsdb dump-openmetrics" writes and client libraries expose: each sample with its time in seconds, "# EOF" at the end.
A cell of a CSV file that is empty, NaN, NA, N/A, null or None is no sample.

Examples:
  modelwatch backfill history.om.gz
  modelwatch backfill archive/*.csv --metric weather --label station=seattle --storage.path data
  modelwatch backfill sales.csv --metric sales_euros --time-column day --value-columns amount --label-columns shop,product
  promtool tsdb dump-openmetrics old-data | modelwatch backfill --url http://127.0.0.1:9090`,
    )
    .action(async (files: string[], options: Options) => {
      const request = toRequest(files, options)
      const [{ backfill }, openSink] = await Promise.all([import('../../app/backfill/backfill.ts'), sinkOf(options)])
      const stop = new AbortController()
      // Once: a second Ctrl-C ends the process at once, as it does without us.
      for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort())
      const progress = new ProgressLine()
      try {
        const result = await backfill(
          { ...request, signal: stop.signal, onProgress: (now) => progress.update(now) },
          { stdin: process.stdin, openSink: () => openSink(stop.signal) },
        )
        progress.clear()
        for (const line of describeResult(result)) process.stdout.write(`${line}\n`)
        if (isIncomplete(result)) process.exitCode = 1
      } finally {
        progress.clear()
        process.stdin.destroy() // Interrupted, nobody reads what is still to come, and the process must not wait for it.
      }
    })
}

function toList(text: string): string[] {
  return text.split(',').map((name) => name.trim())
}

function toRequest(files: string[], options: Options) {
  const { metric, metricColumn, label = [] } = options
  if (options.url !== undefined && options['storage.path'] !== undefined)
    throw usageErrors.MW_USAGE('--url and --storage.path: samples go to one place or the other')
  if (files.filter((file) => file === '-').length > 1) throw usageErrors.MW_USAGE('standard input (-) can be read only once')
  if (files.includes('-') && process.stdin.isTTY) throw usageErrors.MW_USAGE('name a file, or pipe one in')
  if (metric !== undefined && metricColumn !== undefined)
    throw usageErrors.MW_USAGE('--metric and --metric-column: the name is the same for all rows, or each row has its own')
  if (metric !== undefined && !metricName.test(metric)) throw usageErrors.MW_USAGE(`--metric: ${metric} is no name of a metric`)
  const labels: Record<string, string> = {}
  for (const pair of label) {
    const at = pair.indexOf('=')
    const name = pair.slice(0, Math.max(0, at))
    if (!labelName.test(name)) throw usageErrors.MW_USAGE(`--label: ${pair} is not of the form name=value`)
    if (name in labels) throw usageErrors.MW_USAGE(`--label: ${name} is given twice`)
    labels[name] = pair.slice(at + 1)
  }
  return {
    files,
    format: options.format,
    csv: {
      metric,
      metricColumn,
      labels,
      timeColumn: options.timeColumn,
      timeFormat: options.timeFormat,
      valueColumns: options.valueColumns,
      labelColumns: options.labelColumns,
      skipBadRows: options.skipBadRows === true,
    },
  }
}

/** Says how to open what the samples go into; the modules that do are loaded only for the one that is asked for. */
async function sinkOf(options: Options) {
  const { url } = options
  if (url !== undefined) {
    const { ServerSink, toWriteUrl } = await import('../../app/backfill/server-sink.ts')
    const writeUrl = toWriteUrl(url)
    if (writeUrl === undefined) throw usageErrors.MW_USAGE(`--url: ${url} is not an address such as http://127.0.0.1:9090`)
    return async (signal: AbortSignal) => new ServerSink(writeUrl, signal)
  }
  const { openStoreSink } = await import('../../app/backfill/store-sink.ts')
  return () => openStoreSink(options['storage.path'] ?? DEFAULT_FOLDER, { log: { info() {}, warn: tell, error: tell } })
}

/** What the store has to say, on standard error, for a person. */
function tell(fields: object, message: string): void {
  const details = Object.entries(fields).map(([name, value]) => `${name} ${typeof value === 'object' ? JSON.stringify(value) : value}`)
  process.stderr.write(`warning ${message}${details.length > 0 ? ` (${details.join(', ')})` : ''}\n`)
}

/** A line on standard error that is written over again and again; nothing at all where that is no terminal. */
class ProgressLine {
  readonly #stream = process.stderr
  readonly #startMs = performance.now()
  #shownMs = Number.NEGATIVE_INFINITY

  update({ share, samples }: BackfillProgress): void {
    const nowMs = performance.now()
    if (!this.#stream.isTTY || nowMs - this.#shownMs < SHOW_EVERY_MS) return
    this.#shownMs = nowMs
    const rate = samples / Math.max(0.001, (nowMs - this.#startMs) / 1000)
    const text = `  ${share === undefined ? '' : `${progressBar(share)}  `}${plural(samples, 'sample')}  ${grouped(Math.round(rate))}/s`
    this.#stream.write(`\r\x1b[2K${text.slice(0, Math.max(0, this.#stream.columns - 1))}`)
  }

  clear(): void {
    if (this.#shownMs > 0) this.#stream.write('\r\x1b[2K')
    this.#shownMs = Number.NEGATIVE_INFINITY
  }
}

/** What was read, where it went, and what did not. */
export function describeResult(result: BackfillResult): string[] {
  const { samples, series, isSeriesExact, minMs, maxMs, skippedRows, outcome, isInterrupted } = result
  const lines: string[] = []
  if (isInterrupted) lines.push('interrupted: what is in stays; the same command again brings the rest')
  if (minMs === undefined || maxMs === undefined) lines.push('no samples')
  else {
    const count = `${isSeriesExact ? '' : 'more than '}${grouped(series)}`
    lines.push(`${plural(samples, 'sample')} of ${count} series, from ${timeText(minMs)} to ${timeText(maxMs)}`)
  }
  if (skippedRows > 0) lines.push(`${plural(skippedRows, 'row')} could not be read and ${skippedRows === 1 ? 'was' : 'were'} left out`)
  if (outcome.kind === 'server') {
    const { url, requests, retries, refusedRequests, refusedSamplesMax, firstRefusal } = outcome
    lines.push(`sent to ${url} in ${plural(requests, 'request')}${retries > 0 ? `, and ${plural(retries, 'time')} anew` : ''}`)
    if (refusedRequests > 0) {
      lines.push(
        `${plural(refusedRequests, 'request')} of up to ${plural(refusedSamplesMax, 'sample')} ${refusedRequests === 1 ? 'was' : 'were'} refused, in whole or in part:`,
        `  ${firstRefusal}`,
      )
    }
    return lines
  }
  const { folder, taken, refused, firstRefused, blocks, bytesPerSample } = outcome
  const density = Number.isNaN(bytesPerSample) ? '' : `, ${bytesPerSample.toFixed(2)} bytes a sample`
  lines.push(`${plural(taken, 'sample')} taken into ${folder}, which holds ${plural(blocks, 'block')}${density}`)
  const told = [
    [refused.duplicate, 'their time is taken by another value'],
    [refused.tooOld, 'they are too old'],
    [refused.overLimit, 'the store is full of series'],
    [refused.outOfOrder, 'they are out of order'],
  ] as const
  for (const [count, why] of told) if (count > 0) lines.push(`${plural(count, 'sample')} left out: ${why}`)
  if (firstRefused !== undefined) lines.push(`  the first: ${firstRefused}`)
  return lines
}

/** Whether something that was to be kept was not. */
function isIncomplete({ isInterrupted, outcome }: BackfillResult): boolean {
  if (isInterrupted) return true
  return outcome.kind === 'server' ? outcome.refusedRequests > 0 : outcome.refused.overLimit > 0
}

function plural(count: number, noun: string): string {
  return `${grouped(count)} ${noun}${count === 1 ? '' : 's'}`
}

function grouped(count: number): string {
  return count.toLocaleString('en-US')
}

function timeText(timeMs: number): string {
  return Math.abs(timeMs) <= 8.64e15 ? new Date(timeMs).toISOString() : `${timeMs} ms`
}
