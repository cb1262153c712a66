import { type Command, Option } from 'commander'
import { corsOriginDefault, features, type MonitorOptions, parseBytes, queryDefaults } from '../../app/monitor-options.ts'
import { parseDurationMs } from '../../core/time.ts'
import { usageErrors } from '../usage.ts'

/** What commander makes of the flags: a name with a dash becomes camel case. */
export interface MonitorFlags {
  readonly 'config.file': string
  readonly 'web.listenAddress': string
  readonly 'web.cors.origin': string
  readonly 'web.enableAdminApi'?: boolean
  readonly 'web.enableRemoteWriteReceiver'?: boolean
  readonly 'storage.path': string
  readonly 'storage.retention.time'?: string
  readonly 'storage.retention.size'?: string
  readonly 'storage.walFsyncInterval': string
  readonly 'storage.seriesMax'?: string
  readonly 'query.lookbackDelta': string
  readonly 'query.timeout': string
  readonly 'query.maxConcurrency': string
  readonly 'query.maxSamples': string
  readonly 'query.maxSeries': string
  readonly 'query.maxPoints': string
  readonly 'query.maxMemory': string
  readonly 'query.maxMemoryTotal': string
  readonly enableFeature: readonly string[]
}

/** Prometheus's other spellings. */
const aliases: Readonly<Record<string, string>> = {
  '--storage.tsdb.path': '--storage.path',
  '--storage.tsdb.retention.time': '--storage.retention.time',
  '--storage.tsdb.retention.size': '--storage.retention.size',
}

/** Flags bear Prometheus's names where it has them, so that a line which starts one starts the other. */
export function addMonitorFlags(command: Command): Command {
  const option = (flags: string, description: string) => new Option(flags, description)
  command
    .optionsGroup('What it watches:')
    .addOption(option('--config.file <file>', 'Prometheus configuration').default('prometheus.yml'))
    .addOption(
      option('--enable-feature <names>', `feature flags of Prometheus, with commas between: ${Object.keys(features).join(', ')}`)
        .default([], 'none')
        .argParser((names: string, before: readonly string[]) => [...before, ...splitNames(names)]),
    )
    .optionsGroup('Who may ask it:')
    .addOption(option('--web.listen-address <host:port>', 'address of the API and the page').default('127.0.0.1:9090'))
    .addOption(option('--web.enable-remote-write-receiver', 'take samples at POST /api/v1/write'))
    .addOption(
      option(
        '--web.cors.origin <regex>',
        'pages of which origins may read the API in a browser, such as https://grafana\\.example',
      ).default(corsOriginDefault),
    )
    .addOption(option('--web.enable-admin-api', 'let anybody who reaches the address delete and copy data by /api/v1/admin/tsdb/…'))
    .optionsGroup('What it keeps:')
    .addOption(option('--storage.path <folder>', 'folder that samples are kept in; made if it is not there').default('data'))
    .addOption(option('--storage.retention.time <duration>', 'how long samples are kept; 15d, or without end where a size is set'))
    .addOption(option('--storage.retention.size <size>', 'how much disk they may take, such as 10GB; no bound'))
    .addOption(
      option(
        '--storage.wal-fsync-interval <duration>',
        'at most this much is lost when the power goes; 0s waits for the disk at every write',
      ).default('1s'),
    )
    .addOption(option('--storage.series-max <count>', 'series in memory at most; samples of further ones are refused, and counted'))
    .optionsGroup('What a query may take:')
    .addOption(option('--query.lookback-delta <duration>', 'how far a query looks back for a sample').default('5m'))
    .addOption(option('--query.timeout <duration>', 'longest time for one query').default('2m'))
    .addOption(
      option('--query.max-concurrency <count>', 'queries at once; more wait their turn').default(String(queryDefaults.concurrencyMax)),
    )
    .addOption(option('--query.max-samples <count>', 'samples one query may hold in memory').default(String(queryDefaults.samplesMax)))
    .addOption(
      option('--query.max-series <count>', 'series of one selector, or of a result in between').default(String(queryDefaults.seriesMax)),
    )
    .addOption(option('--query.max-points <count>', 'points of one series in a range query').default(String(queryDefaults.pointsMax)))
    .addOption(option('--query.max-memory <size>', 'memory of one query, about').default('512MB'))
    .addOption(option('--query.max-memory-total <size>', 'memory of all queries under way together, about').default('1GB'))
  for (const [alias, name] of Object.entries(aliases)) {
    const value = alias.endsWith('path') ? '<folder>' : '<value>'
    command.addOption(option(`${alias} ${value}`, `the same as ${name}`).hideHelp())
    command.on(`option:${alias.slice(2)}`, (given: string) => command.setOptionValue(name.slice(2), given))
  }
  return command
}

const splitNames = (names: string) =>
  names
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '')

/**
 * What the flags mean.
 * @param uiDir - Folder of the built web page.
 * @throws MW_USAGE naming the flag whose value is none.
 */
export function toMonitorOptions(flags: MonitorFlags, uiDir: string): MonitorOptions {
  const retentionTime = flags['storage.retention.time']
  const retentionSize = flags['storage.retention.size']
  const seriesMax = flags['storage.seriesMax']
  return {
    configFile: flags['config.file'],
    listen: flags['web.listenAddress'],
    uiDir,
    storage: {
      path: flags['storage.path'],
      retentionMs: retentionTime === undefined ? undefined : duration('--storage.retention.time', retentionTime, { min: 1 }),
      retentionBytes: retentionSize === undefined ? undefined : size('--storage.retention.size', retentionSize),
      fsyncIntervalMs: duration('--storage.wal-fsync-interval', flags['storage.walFsyncInterval'], { min: 0 }),
      seriesMax: seriesMax === undefined ? undefined : count('--storage.series-max', seriesMax),
    },
    query: {
      lookbackMs: duration('--query.lookback-delta', flags['query.lookbackDelta'], { min: 1 }),
      timeoutMs: duration('--query.timeout', flags['query.timeout'], { min: 1 }),
      concurrencyMax: count('--query.max-concurrency', flags['query.maxConcurrency']),
      samplesMax: count('--query.max-samples', flags['query.maxSamples']),
      seriesMax: count('--query.max-series', flags['query.maxSeries']),
      pointsMax: count('--query.max-points', flags['query.maxPoints']),
      bytesMax: size('--query.max-memory', flags['query.maxMemory']) ?? Number.POSITIVE_INFINITY,
      bytesTotalMax: size('--query.max-memory-total', flags['query.maxMemoryTotal']) ?? Number.POSITIVE_INFINITY,
    },
    corsOrigin: flags['web.cors.origin'],
    enableAdminApi: flags['web.enableAdminApi'] === true,
    enableRemoteWriteReceiver: flags['web.enableRemoteWriteReceiver'] === true,
    features: flags.enableFeature,
  }
}

function duration(flag: string, text: string, { min }: { min: number }): number {
  const durationMs = parseDurationMs(text)
  if (durationMs === undefined) throw usageErrors.MW_USAGE(`${flag}: ${text} is not a duration such as 6h`)
  if (durationMs < min) throw usageErrors.MW_USAGE(`${flag}: ${text} is too short; it must be above zero`)
  return durationMs
}

/** @returns undefined for 0, which sets no bound. */
function size(flag: string, text: string): number | undefined {
  const bytes = text === '0' ? 0 : parseBytes(text)
  if (bytes === undefined) throw usageErrors.MW_USAGE(`${flag}: ${text} is not a size such as 512MB or 10GB`)
  return bytes === 0 ? undefined : bytes
}

function count(flag: string, text: string): number {
  const value = Number(text)
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value) || value < 1)
    throw usageErrors.MW_USAGE(`${flag}: ${text} is not a count above zero`)
  return value
}
