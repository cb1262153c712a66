import type { Command } from 'commander'
import { readVersion } from '../../app/package.ts'
import type { Running } from '../../app/up.ts'
import { formatDuration } from '../../core/time.ts'
import { bold, dim, StatusLine } from '../output.ts'

const STATUS_EVERY_MS = 1000
/** Two MiB of young generation, for a laptop: a fifth less memory for all roles, and a seventh less throughput at the most (docs/benchmarks.md). */
const SMALL_NEW_SPACE = '--max-semi-space-size=2'

/** @param mainFile - The command line itself, in the form it runs in: roles are started with it. */
export function addUpCommand(program: Command, mainFile: string): void {
  program
    .command('up')
    .summary('run everything that a project names: gateway, monitor, workers, replays')
    .description(
      'Starts the gateway, the monitor with its page, and the workers and replays that DIR/modelwatch.yaml names, under one supervisor. A role that dies is started anew. Ctrl-C stops everything cleanly.',
    )
    .argument('[dir]', 'folder with a modelwatch.yaml', '.')
    .action(async (dir: string) => {
      const status = new StatusLine()
      const stop = new AbortController()
      for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort())
      status.print(`${bold(`modelwatch ${readVersion()}`)} starts ${dir} …`)
      const { startUp } = await import('../../app/up.ts')
      const running = await startUp(
        dir,
        {
          command: [process.execPath, SMALL_NEW_SPACE, mainFile],
          onLog: (role, line) => showLog(role, line, (text) => status.print(text)),
          onNote: (text) => status.print(`${bold('note')} ${text}`),
        },
        stop.signal,
      ).catch((error: unknown) => {
        if (stop.signal.aborted) return undefined // Ctrl-C while starting is no fault, and nothing was left running.
        throw error
      })
      if (running === undefined) {
        status.print('stopped')
        return
      }
      try {
        printWhere(running, status)
        await untilStopped(running, status, stop.signal)
      } finally {
        status.end()
        status.print('stopping …')
        await running.stop()
        status.print('stopped')
      }
    })
}

function printWhere({ gatewayUrl, monitorUrl, workerUrls, replays }: Running, status: StatusLine): void {
  const places = [
    { what: 'page', url: monitorUrl, why: 'is it healthy, and is it still right?' },
    { what: 'API docs', url: `${gatewayUrl}/docs`, why: 'try a prediction in the browser' },
    { what: 'metrics', url: `${gatewayUrl}/metrics`, why: 'what Prometheus scrapes' },
    ...workerUrls.map((url) => ({ what: 'worker', url: `${url}/metrics`, why: 'its metrics; prometheus.yml must name it' })),
  ]
  const width = Math.max(...places.map(({ url }) => url.length))
  const lines = [
    '',
    ...places.map(({ what, url, why }) => `  ${what.padEnd(8)}  ${bold(url)}${' '.repeat(width - url.length)}   ${dim(why)}`),
    '',
    ...replays.map(({ config, replay }) => {
      const what = config.describe === '' ? config.file : config.describe
      const labels = `their true outcomes follow ${formatDuration(replay.labelDelayMs)} later`
      return `  replays ${what} to the model ${replay.model}: ${replay.rows} rows, ${config.rate} a second; ${labels}`
    }),
    dim('  Ctrl-C stops everything.'),
    '',
  ]
  for (const line of lines) status.print(line)
}

async function untilStopped({ replays, ended }: Running, status: StatusLine, signal: AbortSignal): Promise<void> {
  const startMs = performance.now()
  const timer = setInterval(() => {
    const total = { answered: 0, failed: 0, labelled: 0 }
    let lastFailure = ''
    for (const { replay } of replays) {
      const progress = replay.progress()
      total.answered += progress.answered
      total.failed += progress.failed
      total.labelled += progress.labelled
      lastFailure = progress.lastFailure || lastFailure
    }
    const upFor = formatDuration(Math.floor((performance.now() - startMs) / 1000) * 1000)
    const failures = total.failed === 0 ? '' : `, ${total.failed} failed (${lastFailure})`
    if (replays.length > 0) status.update(`  up ${upFor}: ${total.answered} predictions answered, ${total.labelled} labelled${failures}`)
  }, STATUS_EVERY_MS)
  try {
    const stopped = new Promise<void>((resolve) => {
      if (signal.aborted) resolve()
      signal.addEventListener('abort', () => resolve(), { once: true })
    })
    await Promise.race([stopped, ended])
  } finally {
    clearInterval(timer)
  }
}

/** A role's JSON log line in human form; the ordinary ones are left out, for the first lines have said it. */
function showLog(role: string, line: string, print: (text: string) => void): void {
  let entry: { level?: number; msg?: string; err?: { message?: string } }
  try {
    entry = JSON.parse(line)
  } catch {
    print(`${role} ${dim('│')} ${line}`) // Not one of our log lines: shown as it is.
    return
  }
  const WARN = 40
  if ((entry.level ?? WARN) < WARN) return
  const cause = entry.err?.message === undefined ? '' : `: ${entry.err.message}`
  print(`${role} ${dim('│')} ${entry.msg ?? line}${cause}`)
}
