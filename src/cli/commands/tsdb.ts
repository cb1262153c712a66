import { type Command, Option } from 'commander'
import type { PartReport, Ranked, TsdbReport } from '../../app/analyze.ts'
import { bold, progressBar } from '../output.ts'
import { usageErrors } from '../usage.ts'

const DEFAULT_FOLDER = 'data'
const LIMIT_MAX = 100_000
const DAMAGED_EXIT_CODE = 3

interface Options {
  readonly 'storage.path': string
  readonly format: 'text' | 'json'
}

interface AnalyzeOptions extends Options {
  readonly limit: string
  readonly match?: string
}

export function addTsdbCommand(program: Command): void {
  const group = program
    .command('tsdb')
    .summary('look into a data folder: what it holds, and whether it is whole')
    .description('Looks into the data folder of a monitor, or a snapshot of one. Nothing is locked or changed: the monitor may run.')
  const folder = () => new Option('--storage.path <folder>', 'data folder, or a snapshot in its snapshots/').default(DEFAULT_FOLDER)
  const format = () => new Option('--format <format>', 'for people or for programs').choices(['text', 'json']).default('text')
  group
    .command('analyze')
    .summary('where series, samples and bytes come from')
    .description(
      'Counts series and samples by metric, label and label pair, tells what they take on disk and which come and go. A series began or ended inside a part when its samples leave out the first or last twentieth of the part’s time.',
    )
    .addOption(folder())
    .option('--limit <number>', 'entries of each list', '20')
    .option('--match <selector>', 'only series that it selects, such as \'{job="api"}\'')
    .addOption(format())
    .addHelpText(
      'after',
      `
Examples:
  modelwatch tsdb analyze
  modelwatch tsdb analyze --match '{__name__=~"http_.*"}' --limit 5
  modelwatch tsdb analyze --storage.path data/snapshots/20261120T083000000Z-1a2b3c4d --format json`,
    )
    .action(async (options: AnalyzeOptions) => {
      const limit = Number(options.limit)
      if (!Number.isInteger(limit) || limit < 1 || limit > LIMIT_MAX)
        throw usageErrors.MW_USAGE(`--limit: ${options.limit} is not a whole number from 1 to ${LIMIT_MAX}`)
      await run(options, { limit, match: options.match, verify: false }, describeReport)
    })
  group
    .command('verify')
    .summary('whether every byte is as it was written')
    .description(
      'Reads all of a data folder and checks it against its checksums. Exit code 3 when something is damaged; the rest of the folder is served all the same.',
    )
    .addOption(folder())
    .addOption(format())
    .addHelpText('after', '\nExample:\n  modelwatch tsdb verify --storage.path data')
    .action((options: Options) => run(options, { limit: 1, match: undefined, verify: true }, describeHealth))
}

async function run(
  options: Options,
  request: { limit: number; match: string | undefined; verify: boolean },
  describe: (report: TsdbReport) => string[],
): Promise<void> {
  const { analyzeStore } = await import('../../app/analyze.ts')
  const isShown = process.stderr.isTTY && request.verify
  const report = await analyzeStore({
    folder: options['storage.path'],
    ...request,
    onProgress: (share) => isShown && process.stderr.write(`\r\x1b[2K  ${progressBar(share)}`),
  })
  if (isShown) process.stderr.write('\r\x1b[2K')
  process.stdout.write(options.format === 'json' ? `${JSON.stringify(report, null, 2)}\n` : `${describe(report).join('\n')}\n`)
  if (report.damages.length > 0) process.exitCode = DAMAGED_EXIT_CODE
}

/** A table of parts, then the lists. */
export function describeReport(report: TsdbReport): string[] {
  const { parts, dataBytesPerSample, indexBytesPerSample } = report
  const lines = [
    `${report.folder}: ${grouped(report.samples)} samples of ${grouped(report.series)} series with ${grouped(report.labelPairs)} label pairs, ${bytesText(report.sizeBytes)}`,
  ]
  if (!Number.isNaN(dataBytesPerSample)) {
    const all = dataBytesPerSample + indexBytesPerSample
    lines.push(
      `blocks take ${all.toFixed(2)} bytes a sample: data ${dataBytesPerSample.toFixed(2)}, index ${indexBytesPerSample.toFixed(2)}`,
    )
  }
  lines.push('', ...describeParts(parts))
  const churn = 'Label pairs whose series most often began or ended inside a part'
  const lists: [string, readonly Ranked[]][] = [
    ['Metrics with most series', report.metricsBySeries],
    ['Metrics with most samples', report.metricsBySamples],
    ['Labels with most values', report.labelsByValues],
    ['Labels that take most bytes, over all series', report.labelsByBytes],
    ['Label pairs with most series', report.pairsBySeries],
    [churn, report.pairsByChurn],
  ]
  for (const [title, list] of lists) if (list.length > 0) lines.push('', bold(title), ...describeList(list))
  return [...lines, ...describeDamage(report)]
}

/** What was checked, and what of it is damaged. */
export function describeHealth(report: TsdbReport): string[] {
  const count = (kind: PartReport['kind']) => report.parts.filter((part) => part.kind === kind).length
  const parts = [plural(count('block'), 'block'), plural(count('checkpoint'), 'checkpoint'), ...(count('log') > 0 ? ['the log'] : [])]
  const what = `${parts.join(', ')}: ${grouped(report.samples)} samples, ${bytesText(report.sizeBytes)}`
  if (report.damages.length === 0) return [`${report.folder} is whole: ${what}`, ...describeDamage(report)]
  return [`${report.folder} is damaged; read were ${what}`, ...describeDamage(report)]
}

function describeDamage({ damages, unfinished }: TsdbReport): string[] {
  const lines: string[] = []
  if (unfinished !== undefined)
    lines.push(
      '',
      `the log ends in an unfinished record (${unfinished.path}: ${unfinished.reason}); it is being written, or the next start repairs it`,
    )
  if (damages.length > 0) lines.push('', bold('Damaged'), ...damages.map(({ path, reason }) => `  ${path}: ${reason}`))
  return lines
}

function describeParts(parts: readonly PartReport[]): string[] {
  const head = ['part', 'level', 'from', 'to', 'series', 'samples', 'data', 'index', 'B/sample', 'began', 'ended', 'churn']
  const rows = parts.map((part) => [
    part.kind === 'block' ? part.id : part.kind,
    part.level === 0 ? '' : String(part.level),
    part.minMs === undefined ? '–' : timeText(part.minMs),
    part.maxMs === undefined ? '–' : timeText(part.maxMs),
    grouped(part.series),
    grouped(part.samples),
    bytesText(part.dataBytes),
    part.kind === 'log' ? '' : bytesText(part.indexBytes),
    Number.isFinite(part.bytesPerSample) ? part.bytesPerSample.toFixed(2) : '–',
    part.churn === undefined ? '' : grouped(part.churn.began),
    part.churn === undefined ? '' : grouped(part.churn.ended),
    part.churn === undefined || Number.isNaN(part.churn.ratio) ? '' : `${(part.churn.ratio * 100).toFixed(1)} %`,
  ])
  const widths = head.map((title, c) => Math.max(title.length, ...rows.map((row) => row[c]!.length)))
  // Texts stand to the left, figures to the right.
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, c) => (c === 0 || c === 2 || c === 3 ? cell.padEnd(widths[c]!) : cell.padStart(widths[c]!)))
      .join('  ')
      .trimEnd()
  return [bold(line(head)), ...rows.map(line)]
}

function describeList(list: readonly Ranked[]): string[] {
  const width = grouped(list[0]!.value).length
  return list.map(({ name, value }) => `  ${grouped(value).padStart(width)}  ${printable(name)}`)
}

/** A name on one line, and of a bearable length. */
function printable(name: string): string {
  const text = JSON.stringify(name).slice(1, -1).replaceAll('\\"', '"')
  return text.length > 120 ? `${text.slice(0, 120)}…` : text
}

function plural(count: number, noun: string): string {
  return `${grouped(count)} ${noun}${count === 1 ? '' : 's'}`
}

function grouped(count: number): string {
  return count.toLocaleString('en-US')
}

function bytesText(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  let value = bytes
  let unit = 0
  for (; value >= 1024 && unit < units.length - 1; unit++) value /= 1024
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`
}

function timeText(timeMs: number): string {
  return Math.abs(timeMs) <= 8.64e15 ? `${new Date(timeMs).toISOString().slice(0, 19)}Z` : `${timeMs} ms`
}
