import { type Command, Option } from 'commander'
import type { ReplayProgress } from '../../app/replay.ts'
import { parseDurationMs } from '../../core/time.ts'
import { progressBar, StatusLine } from '../output.ts'
import { usageErrors } from '../usage.ts'

const STATUS_EVERY_MS = 250
/** The longest a timer waits. */
const TIMER_MS_MAX = 2 ** 31 - 1
const MS_PER_DAY = 86_400_000

interface Options {
  readonly url: string
  readonly model?: string
  readonly rate: string
  readonly order: 'random' | 'file'
  readonly seed: string
  readonly labelDelay: string
  readonly for?: string
  readonly once?: boolean
}

export function addReplayCommand(program: Command): void {
  program
    .command('replay')
    .summary('send the rows of a file as predictions, and their outcomes as labels')
    .description(
      'Sends the rows of a CSV or Parquet file to a model at a steady rate, over and over until Ctrl-C. A column named as an output of the model is its true outcome, and is sent as a label some time after the answer.',
    )
    .argument('<file>', 'CSV with a header line, or Parquet; columns bear the names of the features')
    .option('--url <url>', 'address of the gateway', 'http://127.0.0.1:8000')
    .option('--model <name>', 'needed where more than one model is served')
    .option('--rate <rows>', 'rows per second, up to 100000', '50')
    .addOption(
      new Option('--order <order>', 'shuffled anew for each pass, or as in the file').choices(['random', 'file']).default('random'),
    )
    .option('--seed <number>', 'for the shuffling', '1')
    .option('--label-delay <duration>', 'from an answer to its label', '5s')
    .option('--for <duration>', 'stop after this time')
    .option('--once', 'stop after one pass over the file')
    .addHelpText('after', '\nExample:\n  modelwatch replay examples/weather/data/new-york.csv --rate 300 --for 3m')
    .action(async (file: string, options: Options) => {
      const limitMs = options.for === undefined ? undefined : toDurationMs(options.for, '--for', TIMER_MS_MAX)
      const { createReplay, parseGatewayUrl, RATE_MAX } = await import('../../app/replay.ts')
      const address = parseGatewayUrl(options.url)
      if (typeof address === 'string') throw usageErrors.MW_USAGE(`--url: ${address}`)
      const rate = toNumber(options.rate, '--rate')
      if (!(rate > 0 && rate <= RATE_MAX))
        throw usageErrors.MW_USAGE(`--rate: ${options.rate} is not above 0 and up to ${RATE_MAX} rows a second`)
      const seed = toNumber(options.seed, '--seed')
      if (!Number.isSafeInteger(seed)) throw usageErrors.MW_USAGE(`--seed: ${options.seed} is not a whole number`)
      const replay = await createReplay({
        url: options.url,
        model: options.model,
        file,
        rate,
        order: options.order,
        seed,
        labelDelayMs: toDurationMs(options.labelDelay, '--label-delay', Number.POSITIVE_INFINITY),
        passes: options.once === true ? 1 : Number.POSITIVE_INFINITY,
      })
      // Only now: until here a signal ends the process, as no one's work is under way.
      const stop = new AbortController()
      for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort())
      const status = new StatusLine()
      if (replay.truncated) status.print(`${file} is large: its first ${replay.rows} rows are replayed`)
      status.print(`replays ${replay.rows} rows of ${file} to the model ${replay.model}, ${options.rate} a second; Ctrl-C stops`)
      const startMs = performance.now()
      const show = () => {
        const progress = replay.progress()
        const seconds = (performance.now() - startMs) / 1000
        const share = options.once === true ? `${progressBar((progress.sent + progress.shed) / replay.rows)}  ` : ''
        status.update(`  ${share}${statusOf(progress, seconds)}`)
      }
      const timer = setInterval(show, STATUS_EVERY_MS)
      const limit = limitMs === undefined ? undefined : setTimeout(() => stop.abort(), limitMs)
      try {
        await replay.run(stop.signal)
      } finally {
        clearInterval(timer)
        clearTimeout(limit)
        await replay.close()
      }
      show()
      status.end()
      const progress = replay.progress()
      status.print(summaryOf(progress))
      if (progress.answered === 0) process.exitCode = 1
    })
}

/** What is seen while it runs; faults only where there are any. */
function statusOf({ answered, failed, labelled, shed, lastFailure, labels }: ReplayProgress, seconds: number): string {
  const unjoined = labels.orphan + labels.late + labels.duplicate + labels.failed + labels.shed
  const faults = [
    failed > 0 ? `${failed} failed (${lastFailure})` : '',
    shed > 0 ? `${shed} shed` : '',
    unjoined > 0 ? `${unjoined} labels not joined` : '',
  ]
  return [`${answered} answered (${(answered / seconds).toFixed(0)}/s)`, `${labelled} labelled`, ...faults].filter(Boolean).join(', ')
}

/** The last line: every row and every label is in one of its counts. */
export function summaryOf({ sent, answered, failed, labelled, shed, lastFailure, labels }: ReplayProgress): string {
  const counts = `sent ${sent}, answered ${answered}, labelled ${labelled}, failed ${failed}`
  const words: readonly (readonly [count: number, of: string, what: string])[] = [
    [shed, 'row', 'not sent, for too many were under way'],
    [labels.orphan, 'label', 'whose prediction the gateway no longer knows, as after its restart'],
    [labels.late, 'label', 'that came too late for the gateway'],
    [labels.duplicate, 'label', 'whose prediction had one already'],
    [labels.failed, 'label', `given up (${labels.lastFailure})`],
    [labels.shed, 'label', 'not kept, for too many waited'],
    [labels.unsent, 'label', 'not sent, for the replay was stopped before'],
  ]
  const told = words.filter(([count]) => count > 0).map(([count, of, what]) => `; ${count} ${of}${count === 1 ? '' : 's'} ${what}`)
  return `${counts}${failed === 0 ? '' : ` (${lastFailure})`}${told.join('')}`
}

function toNumber(text: string, option: string): number {
  const value = Number(text)
  if (text.trim() === '' || !Number.isFinite(value)) throw usageErrors.MW_USAGE(`${option}: ${text} is not a number`)
  return value
}

function toDurationMs(text: string, option: string, maxMs: number): number {
  const value = parseDurationMs(text)
  if (value === undefined) throw usageErrors.MW_USAGE(`${option}: ${text} is not a duration such as 30s`)
  if (value > maxMs) throw usageErrors.MW_USAGE(`${option}: ${text} is longer than ${Math.floor(maxMs / MS_PER_DAY)}d`)
  return value
}
