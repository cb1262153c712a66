import { setTimeout as delay } from 'node:timers/promises'
import { formatDuration } from '../../core/time.ts'
import type { ModelTraffic, RevisionReport, TrafficStore } from '../../sources/serving/traffic/index.ts'
import { rolloutErrors } from './errors.ts'

const POLL_MS = 200

/** How far the processes that serve a model are with a change of its traffic. */
export interface Progress {
  /** Processes that have taken it over. */
  readonly done: readonly string[]
  /** Those that have not yet. */
  readonly pending: readonly string[]
  /** What one of them could not. */
  readonly failed: readonly RevisionReport[]
}

/**
 * @param reports - Of all models, that stand now.
 * @param traffic - The model's, since the change.
 */
export function judgeReports(
  reports: readonly RevisionReport[],
  { model, generation }: Pick<ModelTraffic, 'model' | 'generation'>,
): Progress {
  const byProcess = Map.groupBy(
    reports.filter((report) => report.model === model),
    ({ process }) => process,
  )
  const [done, pending, failed]: [string[], string[], RevisionReport[]] = [[], [], []]
  for (const [process, all] of byProcess) {
    const current = all.filter((report) => report.generation >= generation) // What was said before the change says nothing about it.
    const refused = current.filter(({ state }) => state === 'failed')
    if (refused.length > 0) failed.push(...refused)
    else if (current.length > 0 && current.every(({ state }) => state === 'ready')) done.push(process)
    else pending.push(process)
  }
  return { done, pending, failed }
}

export interface TakeoverOptions {
  readonly timeoutMs: number
  onProgress(progress: Progress): void
}

/**
 * Waits until every process that reports on the model has taken a change over.
 * @returns which have; none when none runs: then it holds for the next that starts.
 * @throws MW_TAKEOVER_FAILED as soon as one says that it cannot; MW_TAKEOVER_TIMEOUT; MW_TRAFFIC_UNAVAILABLE.
 */
export async function awaitTakeover(store: TrafficStore, traffic: ModelTraffic, options: TakeoverOptions): Promise<readonly string[]> {
  const endMs = performance.now() + options.timeoutMs
  for (;;) {
    const progress = judgeReports(await store.reports(), traffic)
    const { done, pending, failed } = progress
    const fault = failed[0]
    if (fault !== undefined) {
      const others = failed.length === 1 ? '' : `, and ${failed.length - 1} more like it`
      throw rolloutErrors.MW_TAKEOVER_FAILED(
        `${fault.process} cannot serve ${traffic.model}, revision ${fault.revision}: ${fault.reason ?? 'it does not say why'}${others}`,
      )
    }
    if (pending.length === 0) return done
    options.onProgress(progress)
    if (performance.now() >= endMs) {
      throw rolloutErrors.MW_TAKEOVER_TIMEOUT(
        `after ${formatDuration(options.timeoutMs)}, ${pending.join(', ')} ${pending.length === 1 ? 'has' : 'have'} not taken over the change of ${traffic.model}`,
      )
    }
    await delay(POLL_MS)
  }
}
