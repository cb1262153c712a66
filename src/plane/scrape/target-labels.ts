import { configErrors } from '../../core/config.ts'
import { formatDuration, parseDurationMs } from '../../core/time.ts'
import type { ScrapeJob } from './config.ts'

/** What is scraped, how often, and as what: a job's settings and a target's labels put together. */
export interface ResolvedTarget {
  readonly url: URL
  readonly intervalMs: number
  readonly timeoutMs: number
  readonly discoveredLabels: Readonly<Record<string, string>>
  /** Without names that begin with `__`: those steer the scrape and end here. */
  readonly labels: Readonly<Record<string, string>>
}

/**
 * @param own - The target's labels in the file; `__scheme__`, `__metrics_path__`, `__param_x` and `__scrape_interval__` and
 *   `__scrape_timeout__` among them override the job.
 * @throws MW_CONFIG_INVALID when an override makes no sense.
 */
export function resolveTarget(job: ScrapeJob, address: string, own: Readonly<Record<string, string>>): ResolvedTarget {
  const parameters = Object.entries(job.params).flatMap(([name, [first]]) => (first === undefined ? [] : [[`__param_${name}`, first]]))
  const discovered: Record<string, string> = {
    job: job.jobName,
    __scheme__: job.scheme,
    __metrics_path__: job.metricsPath,
    __scrape_interval__: formatDuration(job.intervalMs),
    __scrape_timeout__: formatDuration(job.timeoutMs),
    ...Object.fromEntries(parameters),
    ...own,
    __address__: address,
  }
  const name = `target ${address} of job "${job.jobName}"`
  const intervalMs = parseDurationMs(discovered.__scrape_interval__!) ?? 0
  const timeoutMs = parseDurationMs(discovered.__scrape_timeout__!) ?? 0
  if (intervalMs === 0 || timeoutMs === 0 || timeoutMs > intervalMs) {
    throw configErrors.MW_CONFIG_INVALID(
      `${name}: interval "${discovered.__scrape_interval__}" and timeout "${discovered.__scrape_timeout__}" must be durations, the timeout not the longer one`,
    )
  }
  const base = `${discovered.__scheme__}://${address}`
  if (!/^https?$/.test(discovered.__scheme__!) || !URL.canParse(base))
    throw configErrors.MW_CONFIG_INVALID(`${name}: "${base}" is not an address`)
  const labels: Record<string, string> = { instance: address }
  for (const [label, value] of Object.entries(discovered)) if (!label.startsWith('__') && value !== '') labels[label] = value
  return { url: toUrl(base, job, discovered), intervalMs, timeoutMs, discoveredLabels: discovered, labels }
}

function toUrl(base: string, job: ScrapeJob, discovered: Readonly<Record<string, string>>): URL {
  const url = new URL(base)
  url.pathname = discovered.__metrics_path__!
  // A label overrides the first value of its parameter; further values come from the job alone.
  const values = new Map(Object.entries(job.params).map(([name, list]) => [name, [...list]]))
  for (const [label, value] of Object.entries(discovered)) {
    if (!label.startsWith('__param_')) continue
    const name = label.slice('__param_'.length)
    values.set(name, [value, ...(values.get(name) ?? []).slice(1)])
  }
  for (const [name, list] of [...values].sort(([a], [b]) => (a < b ? -1 : 1)))
    for (const value of list) url.searchParams.append(name, value)
  return url
}
