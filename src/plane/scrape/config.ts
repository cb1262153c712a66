import { type Static, Type } from 'typebox'
import { Duration, type ParsedConfig } from '../../core/config.ts'
import { type Labels, toLabels } from '../../core/labels.ts'
import { formatDuration, parseDurationMs } from '../../core/time.ts'

const LabelSet = (description: string) => Type.Record(Type.String(), Type.String({ title: 'a text' }), { default: {}, description })

/** The `global:` block of prometheus.yml. */
export const GlobalBlock = Type.Object(
  {
    scrape_interval: Duration({ default: '1m', description: 'Time between two scrapes of one target.' }),
    scrape_timeout: Type.Optional(Duration({ description: 'Longest wait for one scrape; 10s, or the interval when that is shorter.' })),
    evaluation_interval: Duration({ default: '1m', description: 'Time between two evaluations of a rule group.' }),
    external_labels: LabelSet('Labels that tell this server from others; rules can read them.'),
  },
  { additionalProperties: false, default: {} },
)

const StaticConfig = Type.Object(
  {
    targets: Type.Array(Type.String({ minLength: 1, title: 'an address such as localhost:8000' }), { default: [] }),
    labels: LabelSet('Labels of every series of these targets.'),
  },
  { additionalProperties: false },
)

/** One item of `scrape_configs:`. */
export const ScrapeBlock = Type.Object(
  {
    job_name: Type.String({ minLength: 1, title: 'the name of the job' }),
    scrape_interval: Type.Optional(Duration({ description: 'Time between two scrapes; that of `global` by default.' })),
    scrape_timeout: Type.Optional(Duration({ description: 'Longest wait for one scrape, at most the interval.' })),
    metrics_path: Type.String({ default: '/metrics', description: 'Path that is scraped.' }),
    scheme: Type.Union([Type.Literal('http'), Type.Literal('https')], { default: 'http' }),
    params: Type.Record(Type.String(), Type.Array(Type.String()), { default: {}, description: 'Query parameters of the scrape.' }),
    honor_labels: Type.Boolean({ default: false, description: "Whether a scraped label beats the target's of the same name." }),
    honor_timestamps: Type.Boolean({ default: true, description: "Whether a sample's own time is kept." }),
    static_configs: Type.Array(StaticConfig, { default: [] }),
    sample_limit: Type.Integer({
      default: 0,
      minimum: 0,
      description: 'Samples one scrape may return; more, and it fails whole. 0: no limit.',
    }),
    body_size_limit: Type.Optional(
      Type.String({
        title: 'a size such as 10MB',
        pattern: '^(?:0|\\d+(?:B|KB|MB|GB|KiB|MiB|GiB))$',
        description: 'Size of one answer. 50MB by default.',
      }),
    ),
  },
  { additionalProperties: false },
)

/** Keys of Prometheus's format that this version knows by name only, as paths inside prometheus.yml. */
export const unsupportedScrapeKeys: readonly string[] = [
  ...[
    'scrape_protocols rule_query_offset query_log_file scrape_failure_log_file body_size_limit sample_limit label_limit label_name_length_limit',
    'label_value_length_limit target_limit keep_dropped_targets metric_name_validation_scheme metric_name_escaping_scheme',
    'convert_classic_histograms_to_nhcb always_scrape_classic_histograms scrape_native_histograms extra_scrape_metrics',
  ].flatMap((names) => names.split(' ').map((name) => `global.${name}`)),
  ...[
    'scrape_protocols fallback_scrape_protocol scrape_classic_histograms always_scrape_classic_histograms convert_classic_histograms_to_nhcb',
    'scrape_native_histograms extra_scrape_metrics track_timestamps_staleness enable_compression enable_http2 follow_redirects',
    'scrape_failure_log_file relabel_configs metric_relabel_configs label_limit label_name_length_limit label_value_length_limit target_limit',
    'keep_dropped_targets native_histogram_bucket_limit native_histogram_min_bucket_factor metric_name_validation_scheme',
    'metric_name_escaping_scheme basic_auth authorization oauth2 bearer_token bearer_token_file tls_config proxy_url proxy_from_environment',
    'no_proxy proxy_connect_header http_headers *_sd_configs',
  ].flatMap((names) => names.split(' ').map((name) => `scrape_configs.*.${name}`)),
]

/** Paths of labels, durations and the like, which are texts even where YAML would see a number. */
export const scrapeTexts: readonly string[] = [
  'global.*_interval',
  'global.scrape_timeout',
  'scrape_configs.*.scrape_interval',
  'scrape_configs.*.scrape_timeout',
  'global.external_labels.*',
  'scrape_configs.*.job_name',
  'scrape_configs.*.static_configs.*.labels.*',
  'scrape_configs.*.static_configs.*.targets.*',
  'scrape_configs.*.params.*.*',
  'scrape_configs.*.body_size_limit',
]

/** Durations in milliseconds, limits resolved (`Infinity`: none). */
export interface ScrapeJob {
  readonly jobName: string
  readonly intervalMs: number
  /** ≤ intervalMs. */
  readonly timeoutMs: number
  readonly metricsPath: string
  readonly scheme: 'http' | 'https'
  readonly params: Readonly<Record<string, readonly string[]>>
  readonly honorLabels: boolean
  readonly honorTimestamps: boolean
  readonly samplesMax: number
  readonly bodyBytesMax: number
  readonly targets: readonly { readonly address: string; readonly labels: Readonly<Record<string, string>> }[]
}

export interface ScrapeConfig {
  readonly jobs: readonly ScrapeJob[]
}

export interface GlobalConfig {
  readonly scrapeIntervalMs: number
  readonly scrapeTimeoutMs: number
  readonly evaluationIntervalMs: number
  readonly externalLabels: Labels
}

/** One answer may hold this many bytes where the job says nothing. */
export const BODY_BYTES_DEFAULT = 50 * 1024 * 1024

type PlaceError = ParsedConfig<unknown>['error']

/** Resolves `global:`. @param error - Makes errors that name the place in the file. */
export function toGlobalConfig(block: Static<typeof GlobalBlock>, error: PlaceError): GlobalConfig {
  const scrapeIntervalMs = milliseconds(block.scrape_interval) || 60_000
  const given = milliseconds(block.scrape_timeout ?? '0')
  if (given > scrapeIntervalMs) {
    throw error(
      ['global', 'scrape_timeout'],
      `${formatDuration(given)} is longer than the scrape_interval of ${formatDuration(scrapeIntervalMs)}`,
    )
  }
  checkLabelNames(block.external_labels, ['global', 'external_labels'], error)
  return {
    scrapeIntervalMs,
    scrapeTimeoutMs: given || Math.min(10_000, scrapeIntervalMs),
    evaluationIntervalMs: milliseconds(block.evaluation_interval) || 60_000,
    externalLabels: toLabels(block.external_labels),
  }
}

/** Resolves `scrape_configs:` against `global:`. */
export function toScrapeConfig(blocks: readonly Static<typeof ScrapeBlock>[], global: GlobalConfig, error: PlaceError): ScrapeConfig {
  const names = new Set<string>()
  const jobs = blocks.map((block, i): ScrapeJob => {
    if (names.has(block.job_name)) throw error(['scrape_configs', i, 'job_name'], `"${block.job_name}" names another job already`)
    names.add(block.job_name)
    return toScrapeJob(block, global, (path, reason) => error(['scrape_configs', i, ...path], reason))
  })
  return { jobs }
}

function toScrapeJob(block: Static<typeof ScrapeBlock>, global: GlobalConfig, error: PlaceError): ScrapeJob {
  const intervalMs = milliseconds(block.scrape_interval ?? '0') || global.scrapeIntervalMs
  const given = milliseconds(block.scrape_timeout ?? '0')
  if (given > intervalMs) {
    throw error(['scrape_timeout'], `${formatDuration(given)} is longer than the scrape_interval of ${formatDuration(intervalMs)}`)
  }
  const targets = block.static_configs.flatMap((config, s) => {
    checkLabelNames(config.labels, ['static_configs', s, 'labels'], error)
    return config.targets.map((address, t) => {
      if (address.includes('/') || !URL.canParse(`${block.scheme}://${address}`)) {
        throw error(['static_configs', s, 'targets', t], `"${address}" is not a host and port, such as localhost:8000`)
      }
      return { address, labels: config.labels }
    })
  })
  return {
    jobName: block.job_name,
    intervalMs,
    timeoutMs: given || Math.min(global.scrapeTimeoutMs, intervalMs),
    metricsPath: block.metrics_path,
    scheme: block.scheme,
    params: block.params,
    honorLabels: block.honor_labels,
    honorTimestamps: block.honor_timestamps,
    samplesMax: block.sample_limit || Number.POSITIVE_INFINITY,
    bodyBytesMax: block.body_size_limit === undefined ? BODY_BYTES_DEFAULT : parseBytes(block.body_size_limit) || Number.POSITIVE_INFINITY,
    targets,
  }
}

/** Any non-empty UTF-8 text names a label (bytes that are not show as U+FFFD); `__name__` alone is taken. Names that begin with `__` steer the scrape, as in Prometheus. */
function checkLabelNames(labels: Readonly<Record<string, string>>, path: readonly (string | number)[], error: PlaceError): void {
  for (const name of Object.keys(labels)) {
    if (name === '' || name === '__name__' || name.includes('\uFFFD'))
      throw error([...path, name], `"${name}" is not a valid label name here`)
  }
}

const unitBytes: Readonly<Record<string, number>> = { B: 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30 }

/** `10MB` and `10MiB` are the same, 10 · 2²⁰ bytes, as in Prometheus. The schema has checked the form. */
function parseBytes(text: string): number {
  const [, count = '0', unit = 'B'] = /^(\d+)([BKMG])?/.exec(text) ?? []
  return Number(count) * unitBytes[unit]!
}

/** The schema has checked the form. */
function milliseconds(text: string): number {
  return parseDurationMs(text) ?? 0
}
