import { formatDuration } from '../core/time.ts'

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS

/** Where samples are kept, and for how long. */
export interface StorageOptions {
  /** Folder of the data; undefined keeps everything in memory, and forgets it with the process. */
  readonly path: string | undefined
  /** undefined: 15 days, or 6 hours in memory; on disk without end where `retentionBytes` sets the bound, as in Prometheus. */
  readonly retentionMs: number | undefined
  /** Bytes of all data together; the oldest go first. undefined sets no bound. */
  readonly retentionBytes: number | undefined
  /** At most this much is lost when the power goes; 0 forces every write to the disk before it is acknowledged. */
  readonly fsyncIntervalMs: number
  /** Series in memory at most; undefined leaves it to the store. */
  readonly seriesMax: number | undefined
}

/** What one query may take, and how many may run. */
export interface QueryOptions {
  /** How far an instant query looks back for a sample. */
  readonly lookbackMs: number
  readonly timeoutMs: number
  readonly concurrencyMax: number
  /** Samples one query may hold in memory. */
  readonly samplesMax: number
  /** Series one selector or one result in between may have. */
  readonly seriesMax: number
  /** Points of one series in a range query. */
  readonly pointsMax: number
  /** Memory of one query, and of all under way together, in bytes; about. */
  readonly bytesMax: number
  readonly bytesTotalMax: number
}

export interface MonitorOptions {
  /** A prometheus.yml. */
  readonly configFile: string
  /** `host:port`; port 0 takes a free one. */
  readonly listen: string
  /** Folder of the built web page; without one, or while it is not built, there is only the API. */
  readonly uiDir?: string
  readonly storage?: Partial<StorageOptions>
  readonly query?: Partial<QueryOptions>
  /** Whether `/api/v1/admin/…` may delete and copy data. */
  readonly enableAdminApi?: boolean
  /** Whether `POST /api/v1/write` takes samples. */
  readonly enableRemoteWriteReceiver?: boolean
  /** Regular expression (RE2, anchored) of the origins whose pages may read the API; any by default, as in Prometheus. */
  readonly corsOrigin?: string
  /** Names of Prometheus's feature flags; see `features`. */
  readonly features?: readonly string[]
}

export const storageDefaults: StorageOptions = {
  path: undefined,
  retentionMs: undefined,
  retentionBytes: undefined,
  fsyncIntervalMs: 1000,
  seriesMax: undefined,
}

export const corsOriginDefault = '.*'

export const queryDefaults: QueryOptions = {
  lookbackMs: 300_000,
  timeoutMs: 120_000,
  concurrencyMax: 20,
  samplesMax: 50_000_000,
  seriesMax: 100_000,
  pointsMax: 11_000,
  bytesMax: 512 * 2 ** 20,
  bytesTotalMax: 2 ** 30,
}

/** Feature flags of Prometheus 3.5 that mean something here. */
export const features = {
  'promql-experimental-functions': 'functions and aggregations that Prometheus calls experimental',
  'promql-delayed-name-removal': "a metric's name is dropped at the end of a query, not by each function",
  'promql-duration-expr': 'arithmetic in durations; always on',
  'promql-per-step-stats': 'stats=all tells the samples of each step',
} as const
export type Feature = keyof typeof features

export const isFeature = (name: string): name is Feature => Object.hasOwn(features, name)

/** Stands for "without end": further back than anybody has samples. */
const ENDLESS_MS = 200 * 365 * DAY_MS

const isEndless = ({ path, retentionMs, retentionBytes }: StorageOptions) =>
  path !== undefined && retentionMs === undefined && retentionBytes !== undefined

/** How long samples are kept. */
export function retentionOf(storage: StorageOptions): number {
  if (isEndless(storage)) return ENDLESS_MS
  return storage.retentionMs ?? (storage.path === undefined ? 6 * HOUR_MS : 15 * DAY_MS)
}

/** Retention as `status/runtimeinfo` shows it. */
export function describeRetention(storage: StorageOptions): string {
  const time = formatDuration(retentionOf(storage))
  if (storage.retentionBytes === undefined) return time
  const size = formatBytes(storage.retentionBytes)
  return isEndless(storage) ? size : `${time} or ${size}`
}

const byteUnits = ['B', 'KB', 'MB', 'GB', 'TB', 'PB'] as const

/** A size as Prometheus reads it, in powers of 1024: `512MB`, `10GB`, `1.5TiB`. @returns undefined when the text is none. */
export function parseBytes(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)([KMGTP]?)i?B$/.exec(text)
  if (match === null) return undefined
  const power = match[2] === '' ? 0 : 'KMGTP'.indexOf(match[2]!) + 1
  return Math.round(Number(match[1]) * 1024 ** power)
}

function formatBytes(bytes: number): string {
  let power = 0
  while (power < byteUnits.length - 1 && bytes % 1024 ** (power + 1) === 0) power++
  return `${bytes / 1024 ** power}${byteUnits[power]}`
}

/** The settings by the names of their flags, as `status/flags` shows them. */
export function flagsOf(options: MonitorOptions, storage: StorageOptions, query: QueryOptions): Record<string, string> {
  return {
    'config.file': options.configFile,
    'enable-feature': (options.features ?? []).join(','),
    'query.lookback-delta': formatDuration(query.lookbackMs),
    'query.max-concurrency': String(query.concurrencyMax),
    'query.max-memory': formatBytes(query.bytesMax),
    'query.max-memory-total': formatBytes(query.bytesTotalMax),
    'query.max-points': String(query.pointsMax),
    'query.max-samples': String(query.samplesMax),
    'query.max-series': String(query.seriesMax),
    'query.timeout': formatDuration(query.timeoutMs),
    'storage.path': storage.path ?? '',
    'storage.retention.size': storage.retentionBytes === undefined ? '0B' : formatBytes(storage.retentionBytes),
    'storage.retention.time': isEndless(storage) ? '0s' : formatDuration(retentionOf(storage)),
    'storage.series-max': storage.seriesMax === undefined ? '' : String(storage.seriesMax),
    'storage.wal-fsync-interval': formatDuration(storage.fsyncIntervalMs),
    'web.cors.origin': options.corsOrigin ?? corsOriginDefault,
    'web.enable-admin-api': String(options.enableAdminApi ?? false),
    'web.enable-remote-write-receiver': String(options.enableRemoteWriteReceiver ?? false),
    'web.listen-address': options.listen,
  }
}
