import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Static, Type } from 'typebox'
import { configErrors, type ParsedConfig, PositiveDuration, parseConfig } from '../core/config.ts'
import { messageOf } from '../core/errors.ts'
import { ReplayConfig } from '../sources/loadtest/config.ts'
import { ServingConfig } from '../sources/serving/gateway/config.ts'
import { QueueConfig } from '../sources/serving/queue/config.ts'
import { WorkConfig } from '../sources/serving/worker/config.ts'

/** The `monitor:` block: the plane and its page. What it scrapes and judges stands in prometheus.yml and the rule files. */
const MonitorConfig = Type.Object(
  {
    listen: Type.String({ default: '127.0.0.1:9090', description: 'Address of the page and of the Prometheus API, host:port.' }),
    config_file: Type.String({ default: 'prometheus.yml', description: 'Prometheus configuration, relative to this file.' }),
    storage: Type.String({
      default: 'tsdb',
      description: 'Folder that samples are kept in, relative to this file; made if it is not there.',
    }),
    retention: PositiveDuration({ default: '15d', description: 'How long samples are kept.' }),
    retention_size: Type.Optional(
      Type.String({
        pattern: '^\\d+(\\.\\d+)?[KMGTP]?i?B$',
        description: 'How much disk samples may take, such as 10GB; the oldest go first.',
      }),
    ),
  },
  { additionalProperties: false, default: {} },
)

/** `modelwatch.yaml`: what `modelwatch up` starts. */
export const ModelwatchConfig = Type.Object(
  {
    serving: ServingConfig,
    queue: QueueConfig,
    work: WorkConfig,
    monitor: MonitorConfig,
    replay: Type.Array(ReplayConfig, { default: [] }),
  },
  { additionalProperties: false },
)
export type ModelwatchConfig = Static<typeof ModelwatchConfig>

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  ENOTDIR: 'a file stands where its folder must',
  EISDIR: 'it is a folder',
  EACCES: 'permission is denied',
}

/**
 * Reads DIR/modelwatch.yaml.
 * @throws MW_CONFIG_INVALID naming file, line and key; also when there is no such file.
 */
export async function readModelwatchConfig(dir: string): Promise<ParsedConfig<ModelwatchConfig>> {
  const file = join(dir, 'modelwatch.yaml')
  let text: string
  try {
    text = await readFile(file, 'utf8')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    throw configErrors.MW_CONFIG_INVALID(`${file} cannot be read: ${reasons[code ?? ''] ?? messageOf(error)}`, {
      cause: error,
      hint: 'Name the folder that holds the modelwatch.yaml, such as examples/weather: in place of DIR, or with --dir where a command takes that.',
    })
  }
  return parseConfig(ModelwatchConfig, text, { file })
}
