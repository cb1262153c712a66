import { isUtf8 } from 'node:buffer'
import { existsSync, globSync, readFileSync } from 'node:fs'
import { dirname, isAbsolute, join } from 'node:path'
import { Type } from 'typebox'
import { configErrors, Duration, type ParsedConfig } from '../core/config.ts'
import { messageOf } from '../core/errors.ts'
import { parseForeignConfig } from '../core/foreign-config.ts'
import { parseDurationMs } from '../core/time.ts'
import type { QueryEngine } from '../plane/promql/contract.ts'
import { parseRuleFile, type RuleGroup } from '../plane/rules/index.ts'
import {
  GlobalBlock,
  type GlobalConfig,
  ScrapeBlock,
  type ScrapeConfig,
  scrapeTexts,
  toGlobalConfig,
  toScrapeConfig,
  unsupportedScrapeKeys,
} from '../plane/scrape/index.ts'

/** The `storage:` block; where the data lies and how long it is kept are flags, as in Prometheus. */
const StorageBlock = Type.Object(
  {
    tsdb: Type.Object(
      {
        out_of_order_time_window: Duration({
          default: '0s',
          description: 'How much older than the newest sample of all a sample may be that comes out of order. 0s takes none.',
        }),
      },
      { additionalProperties: false, default: {} },
    ),
  },
  { additionalProperties: false, default: {} },
)

/** Keys of prometheus.yml that this version reads; `unsupported` are those it refuses by name. */
const PrometheusFile = Type.Object(
  {
    global: GlobalBlock,
    rule_files: Type.Array(Type.String(), { default: [], description: 'Rule files or patterns of them, from the folder of this file.' }),
    scrape_configs: Type.Array(ScrapeBlock, { default: [] }),
    storage: StorageBlock,
  },
  { additionalProperties: false },
)

const unsupported = [
  ...['runtime', 'alerting', 'scrape_config_files', 'storage.exemplars', 'tracing', 'remote_write', 'remote_read', 'otlp'],
  ...unsupportedScrapeKeys,
]

const texts = ['rule_files.*', 'storage.tsdb.out_of_order_time_window', ...scrapeTexts]

export interface PrometheusConfig {
  readonly global: GlobalConfig
  readonly scrape: ScrapeConfig
  readonly storage: { readonly outOfOrderWindowMs: number }
  /** Paths of the rule files, in the order of `rule_files`, each once. */
  readonly ruleFiles: readonly string[]
  /** The file's text, as the API shows it. */
  readonly text: string
}

/**
 * Reads a prometheus.yml.
 * @throws MW_CONFIG_INVALID with file, line, column and key; also when the file, or a rule file it names outright, cannot be read.
 */
export function readPrometheusConfig(file: string): PrometheusConfig {
  const text = readText(file)
  const { value, error } = parseForeignConfig(PrometheusFile, text, { file, unsupported, texts })
  const global = toGlobalConfig(value.global, error)
  const scrape = toScrapeConfig(value.scrape_configs, global, error)
  // The schema let nothing pass that is no duration.
  const storage = { outOfOrderWindowMs: parseDurationMs(value.storage.tsdb.out_of_order_time_window) ?? 0 }
  return { global, scrape, storage, ruleFiles: findRuleFiles(value.rule_files, dirname(file), error), text }
}

/**
 * Reads the rule files of a config and checks every expression in them.
 * @throws MW_CONFIG_INVALID at the first fault.
 */
export function readRuleFiles(config: PrometheusConfig, deps: { engine: Pick<QueryEngine, 'check'> }): RuleGroup[] {
  const intervalMs = config.global.evaluationIntervalMs
  return config.ruleFiles.flatMap((file) => parseRuleFile(readText(file), { file, intervalMs }, deps))
}

function findRuleFiles(patterns: readonly string[], folder: string, error: ParsedConfig<unknown>['error']): string[] {
  const found = patterns.flatMap((pattern, i) => {
    const path = isAbsolute(pattern) ? pattern : join(folder, pattern)
    // A pattern may match nothing yet; a plain name that does is a slip.
    if (/[*?[{]/.test(pattern)) return globSync(path).sort()
    if (!existsSync(path)) throw error(['rule_files', i], `there is no file ${path}`)
    return [path]
  })
  return [...new Set(found)]
}

function readText(file: string): string {
  let bytes: Buffer
  try {
    bytes = readFileSync(file)
  } catch (cause) {
    throw configErrors.MW_CONFIG_INVALID(`${file}: cannot be read: ${messageOf(cause)}`, {
      cause,
      hint: 'Check the path and that the file can be read.',
    })
  }
  if (!isUtf8(bytes)) throw configErrors.MW_CONFIG_INVALID(`${file}: is not valid UTF-8`, { hint: 'Save the file as UTF-8 text.' })
  return bytes.toString('utf8')
}
