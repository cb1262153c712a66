import { setFlagsFromString } from 'node:v8'
import type { Command } from 'commander'
import { pageDir } from '../../app/package.ts'
import { runRole } from '../role.ts'
import { addMonitorFlags, type MonitorFlags, toMonitorOptions } from './monitor-flags.ts'

export function addServeCommand(program: Command): void {
  program
    .command('serve')
    .summary('run the gateway: predictions, labels, metrics, API page')
    .description('Serves every model of DIR over HTTP. Nothing listens before every model is loaded and has answered once.')
    .argument('[dir]', 'folder with a modelwatch.yaml', '.')
    .option('--listen <host:port>', 'address, in place of serving.listen')
    .action(async (dir: string, options: { listen?: string }) => {
      await runRole('gateway', async ({ log }) => {
        const [{ readModelwatchConfig }, { startGateway }] = await Promise.all([
          import('../../app/config.ts'),
          import('../../app/serve.ts'),
        ])
        const { value } = await readModelwatchConfig(dir)
        const serving = options.listen === undefined ? value.serving : { ...value.serving, listen: options.listen }
        return startGateway({ ...value, serving }, dir, { log })
      })
    })
}

export function addMonitorCommand(program: Command): void {
  const command = program
    .command('monitor')
    .summary('run the plane: scrape, keep, answer PromQL, judge, show the page')
    .description(
      'Scrapes the targets of a prometheus.yml, keeps their samples, evaluates its rule files, answers the Prometheus HTTP API and serves the page. ' +
        'Flags have the names Prometheus gives them.',
    )
  addMonitorFlags(command).action(async (flags: MonitorFlags) => {
    keepHeapSmall()
    const options = toMonitorOptions(flags, pageDir)
    await runRole('monitor', async ({ log }) => {
      const { startMonitor } = await import('../../app/monitor.ts')
      return startMonitor(options, { log })
    })
  })
}

/**
 * What the plane allocates lies outside of the JavaScript heap for the most part: columns, and what is read from sockets. V8 lets go of such memory when
 * it cleans the heap around it, which it does the more seldom the larger that may grow. So the young generation stays small, and the old one is
 * cleaned whenever it has grown by 60 %. What that gives and takes: docs/benchmarks.md.
 */
function keepHeapSmall(): void {
  setFlagsFromString('--semi-space-growth-factor=1')
  setFlagsFromString('--heap-growing-percent=60')
}
