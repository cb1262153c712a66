import { type Command, Option } from 'commander'
import { parseDurationMs } from '../../core/time.ts'
import { progressBar, StatusLine } from '../output.ts'
import { usageErrors } from '../usage.ts'

const STATUS_EVERY_MS = 250

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
    .option('--rate <rows>', 'rows per second', '50')
    .addOption(
      new Option('--order <order>', 'shuffled anew for each pass, or as in the file').choices(['random', 'file']).default('random'),
    )
    .option('--seed <number>', 'for the shuffling', '1')
    .option('--label-delay <duration>', 'from an answer to its label', '5s')
    .option('--for <duration>', 'stop after this time')
    .option('--once', 'stop after one pass over the file')
    .addHelpText('after', '\nExample:\n  modelwatch replay examples/weather/data/new-york.csv --rate 300 --for 3m')
    .action(async (file: string, options: Options) => {
      const limitMs = options.for === undefined ? undefined : toDurationMs(options.for, '--for')
      const stop = new AbortController()
      for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort())
      const { createReplay } = await import('../../app/replay.ts')
      const replay = await createReplay({
        url: options.url,
        model: options.model,
        file,
        rate: toNumber(options.rate, '--rate', (value) => value > 0),
        order: options.order,
        seed: toNumber(options.seed, '--seed', Number.isInteger),
        labelDelayMs: toDurationMs(options.labelDelay, '--label-delay'),
        passes: options.once === true ? 1 : Number.POSITIVE_INFINITY,
      })
      const status = new StatusLine()
      if (replay.truncated) status.print(`${file} is large: its first ${replay.rows} rows are replayed`)
      status.print(`replays ${replay.rows} rows of ${file} to the model ${replay.model}, ${options.rate} a second; Ctrl-C stops`)
      const startMs = performance.now()
      const show = () => {
        const { sent, answered, failed, labelled, shed, lastFailure } = replay.progress()
        const seconds = (performance.now() - startMs) / 1000
        const share = options.once === true ? `${progressBar(sent / replay.rows)}  ` : ''
        const faults = `${failed === 0 ? '' : `, ${failed} failed (${lastFailure})`}${shed === 0 ? '' : `, ${shed} shed`}`
        status.update(`  ${share}${answered} answered (${(answered / seconds).toFixed(0)}/s), ${labelled} labelled${faults}`)
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
      const { sent, answered, failed, labelled, lastFailure } = replay.progress()
      status.print(`sent ${sent}, answered ${answered}, labelled ${labelled}, failed ${failed}${failed === 0 ? '' : `: ${lastFailure}`}`)
      if (answered === 0 && failed > 0) process.exitCode = 1
    })
}

function toNumber(text: string, option: string, allowed: (value: number) => boolean): number {
  const value = Number(text)
  if (text.trim() === '' || !Number.isFinite(value) || !allowed(value)) throw usageErrors.MW_USAGE(`${option}: ${text} will not do`)
  return value
}

function toDurationMs(text: string, option: string): number {
  const value = parseDurationMs(text)
  if (value === undefined) throw usageErrors.MW_USAGE(`${option}: ${text} is not a duration such as 30s`)
  return value
}
