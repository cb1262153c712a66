import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Ended, endTree, isAlive, startCommand } from './command.ts'
import { until } from './until.ts'
import { freePorts } from './up.ts'

/** `modelwatch monitor`, as a user starts it. */
export interface MonitorProcess {
  readonly pid: number
  readonly url: string
  /** What it has written so far. */
  log(): string
  stop(signal?: NodeJS.Signals): Promise<Ended>
  /** Ends it at once. For `afterAll`: harmless after `stop`. */
  dispose(): void
}

/** A folder with a prometheus.yml of nothing to scrape, that takes samples of any age, and an empty folder to stand in. */
export function createMonitorFolder(config = ''): { readonly dir: string; readonly cwd: string; remove(): void } {
  const root = mkdtempSync(join(tmpdir(), 'modelwatch-monitor-'))
  const [dir, cwd] = [join(root, 'dir'), join(root, 'elsewhere')]
  for (const folder of [dir, cwd]) mkdirSync(folder)
  writeFileSync(
    join(dir, 'prometheus.yml'),
    config || 'global:\n  evaluation_interval: 1m\nstorage:\n  tsdb:\n    out_of_order_time_window: 50000d\n',
  )
  return { dir, cwd, remove: () => rmSync(root, { recursive: true, force: true }) }
}

/** The flags of a plane that keeps everything and lets everything be done. */
export const openFlags = [
  '--web.enable-admin-api',
  '--web.enable-remote-write-receiver',
  '--storage.retention.time',
  '200y',
  '--enable-feature',
  'promql-experimental-functions,promql-delayed-name-removal',
]

/** Starts it on the prometheus.yml of a folder, with its data in `data` there, and waits until it is ready. */
export async function startMonitorCommand(dir: string, flags: readonly string[] = openFlags, cwd = dir): Promise<MonitorProcess> {
  const [port] = await freePorts(1)
  const url = `http://127.0.0.1:${port}`
  const running = startCommand(
    [
      ...['monitor', '--config.file', join(dir, 'prometheus.yml'), '--storage.path', join(dir, 'data')],
      ...['--web.listen-address', `127.0.0.1:${port}`, ...flags],
    ],
    { cwd },
  )
  const dispose = () => {
    if (isAlive(running.pid)) endTree(running.pid)
  }
  try {
    await until('the monitor is ready', async () => {
      if (!isAlive(running.pid)) throw new Error(`it ended: ${running.stderr()}`)
      return (await fetch(`${url}/-/ready`)).ok
    })
  } catch (error) {
    dispose()
    throw error
  }
  return {
    pid: running.pid,
    url,
    log: running.stderr,
    async stop(signal = 'SIGTERM') {
      running.kill(signal)
      return running.ended
    },
    dispose,
  }
}
