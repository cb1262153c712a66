import type { Command } from 'commander'
import { pageDir } from '../../app/package.ts'
import { keepHeapSmall, letHeapGrow } from '../heap.ts'
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
      letHeapGrow()
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
