import { resolve } from 'node:path'
import { parseDurationMs } from '../core/time.ts'
import type { ReplayConfig } from '../sources/loadtest/config.ts'
import type { ReplayOptions } from '../sources/loadtest/index.ts'

export { createReplay, parseGatewayUrl, RATE_MAX, type ReplayProgress } from '../sources/loadtest/index.ts'

/** An entry of `replay:` as options; it goes on until stopped. */
export function toReplayOptions(config: ReplayConfig, baseDir: string, gatewayUrl: string): ReplayOptions {
  return {
    url: gatewayUrl,
    model: config.model,
    file: resolve(baseDir, config.file),
    rate: config.rate,
    order: config.order,
    seed: config.seed,
    labelDelayMs: parseDurationMs(config.label_delay)!, // The schema saw to its form.
    passes: Number.POSITIVE_INFINITY,
  }
}
