import type { ScrapeJob } from './config.ts'

/** A job with nothing to scrape, short times and no limits to speak of. */
export function testJob(options: Partial<ScrapeJob> = {}): ScrapeJob {
  return {
    jobName: 'app',
    intervalMs: 1000,
    timeoutMs: 500,
    metricsPath: '/metrics',
    scheme: 'http',
    params: {},
    honorLabels: false,
    honorTimestamps: true,
    samplesMax: Number.POSITIVE_INFINITY,
    bodyBytesMax: Number.POSITIVE_INFINITY,
    targets: [],
    ...options,
  }
}
