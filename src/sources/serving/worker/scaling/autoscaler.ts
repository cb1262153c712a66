import { startTicker, type Ticker } from '../../../../core/ticker.ts'
import { parseDurationMs } from '../../../../core/time.ts'
import type { ServedModel } from '../../models/contract.ts'
import type { WorkerDeps, WorkerOptions } from '../contract.ts'
import { workerFamilies as families } from '../families.ts'
import { createStabilizer, recommendThreads, type ScalingOptions } from './desired-threads.ts'

/**
 * Lets the count of threads of each model follow the depth of its queue. The depth is the whole queue's, for a worker does not know its neighbours: several
 * workers together may have more threads than one would, each at most `threads_max`.
 */
export function startAutoscaler(options: Pick<WorkerOptions, 'config' | 'processors'>, deps: WorkerDeps): Ticker {
  const { queue, host, clock } = deps
  const { config } = options
  const scaling: ScalingOptions = {
    tasksPerThread: config.tasks_per_thread,
    threadsMin: config.threads_min,
    threadsMax: Math.max(config.threads_min, config.threads_max ?? options.processors),
    tolerance: config.scale_tolerance,
  }
  const windowMs = parseDurationMs(config.scale_down_window)!
  const scalers = host.models.map((model) => createModelScaler(model, scaling, windowMs, deps))
  let faults = 0
  const look = async () => {
    try {
      const depths = new Map((await queue.stats()).map((stats) => [stats.queue, stats.waiting + stats.active]))
      faults = 0
      await Promise.all(scalers.map((scale) => scale(depths)))
    } catch (error) {
      deps.registry.counter(families.queueErrors, { operation: 'stats' }).add()
      if (++faults === 1) deps.onError(error, { doing: 'scaling' })
    }
  }
  return startTicker({ intervalMs: parseDurationMs(config.scale_interval)!, offsetMs: 0, run: look }, { clock })
}

function createModelScaler(model: ServedModel, scaling: ScalingOptions, windowMs: number, { registry, clock, onError }: WorkerDeps) {
  const { name } = model.schema
  const stabilizer = createStabilizer(windowMs)
  const gone = new Set<string>()
  let current = scaling.threadsMin

  return async (depths: ReadonlyMap<string, number>): Promise<void> => {
    const revisions = model.revisions()
    if (revisions.every(({ served }) => served.threads === undefined)) return // Its calls run elsewhere: nothing to scale.
    const recommended = recommendThreads({ current, depth: depths.get(name) ?? 0 }, scaling)
    current = stabilizer.desired({ timeMs: clock.now(), current, recommended })
    registry.gauge(families.threadsDesired, { model: name }).set(current)
    for (const revision of gone) registry.gauge(families.threads, { model: name, revision }).set(0)
    for (const { served, percent } of revisions) {
      const { threads, revision } = served
      if (threads === undefined) continue
      const wanted = Math.min(scaling.threadsMax, Math.max(scaling.threadsMin, Math.ceil((current * percent) / 100)))
      try {
        if (threads.count !== wanted) await threads.resize(wanted)
      } catch (error) {
        onError(error, { doing: 'scaling', model: name, revision, threads: wanted }) // As many as there are go on; the next look tries again.
      }
      registry.gauge(families.threads, { model: name, revision }).set(threads.count)
      gone.add(revision)
    }
  }
}
