import { fileURLToPath } from 'node:url'
import { type Command, Option } from 'commander'
import { parseDurationMs } from '../../core/time.ts'
import { runRole } from '../role.ts'
import { usageErrors } from '../usage.ts'

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
        return startGateway(serving, dir, { log })
      })
    })
}

interface MonitorOptions {
  readonly 'config.file': string
  readonly 'web.listenAddress': string
  readonly 'storage.retention.time': string
}

/** Flags bear Prometheus's names, so that a line which starts one starts the other. */
export function addMonitorCommand(program: Command): void {
  program
    .command('monitor')
    .summary('run the plane: scrape, keep, answer PromQL, judge, show the page')
    .description(
      'Scrapes the targets of a prometheus.yml, keeps their samples in memory, evaluates its rule files, answers the Prometheus HTTP API and serves the page.',
    )
    .addOption(new Option('--config.file <file>', 'Prometheus configuration').default('prometheus.yml'))
    .addOption(new Option('--web.listen-address <host:port>', 'address of the API and the page').default('127.0.0.1:9090'))
    .addOption(new Option('--storage.retention.time <duration>', 'how long samples are kept').default('6h'))
    .action(async (options: MonitorOptions) => {
      const retention = options['storage.retention.time']
      const retentionMs = parseDurationMs(retention)
      if (retentionMs === undefined || retentionMs === 0)
        throw usageErrors.MW_USAGE(`--storage.retention.time: ${retention} is not a duration such as 6h`)
      await runRole('monitor', async ({ log }) => {
        const { startMonitor } = await import('../../app/monitor.ts')
        return startMonitor(
          {
            configFile: options['config.file'],
            listen: options['web.listenAddress'],
            retentionMs,
            uiDir: fileURLToPath(new URL('../../../dist/ui', import.meta.url)),
          },
          { log },
        )
      })
    })
}
