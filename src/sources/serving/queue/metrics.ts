import type { Clock } from '../../../core/time.ts'
import { MS_PER_SECOND } from '../../../core/time.ts'
import type { Registry } from '../../../instrument/index.ts'
import { type QueueStats, type TaskQueue, taskOutcomes } from './contract.ts'
import { queueFamilies } from './families.ts'

/** How old counts may be that a scrape sees. */
const REFRESH_MS = 2000
const states = ['waiting', 'active', 'delayed', 'dead'] as const

export interface QueueMetrics {
  /** Makes the counts new now; they are by themselves, every two seconds. */
  refresh(): Promise<void>
  /** Ends it; the last figures stand. */
  close(): void
}

/**
 * Shows a queue as metrics. A scrape does no work: counts are asked for every two seconds, the age of the oldest task is what it is at the scrape, and outcomes
 * are counted as this process makes them.
 */
export function addQueueMetrics(queue: TaskQueue, registry: Registry, clock: Clock): QueueMetrics {
  const latest = new Map<string, QueueStats>()
  const shown = new Set<string>()
  const counters = new Map<string, Map<string, { add(): void }>>()

  const show = (name: string) => {
    if (shown.has(name)) return
    shown.add(name)
    for (const state of states) registry.read(queueFamilies.tasks, { queue: name, state }, () => latest.get(name)?.[state] ?? 0)
    registry.read(queueFamilies.oldestAge, { queue: name }, () => {
      const sinceMs = latest.get(name)?.oldestWaitingMs
      return sinceMs === undefined ? 0 : Math.max(0, clock.now() - sinceMs) / MS_PER_SECOND
    })
  }
  const countersOf = (name: string) => {
    const known = counters.get(name)
    if (known !== undefined) return known
    // All of them from the start: the first that appears later would be no increase.
    const made = new Map(taskOutcomes.map((outcome) => [outcome, registry.counter(queueFamilies.outcomes, { queue: name, outcome })]))
    counters.set(name, made)
    return made
  }
  const refresh = async () => {
    const stats = await queue.stats()
    latest.clear() // A queue that emptied is at 0, not at what it was.
    for (const entry of stats) {
      latest.set(entry.queue, entry)
      show(entry.queue)
      countersOf(entry.queue)
    }
  }
  const endOutcomes = queue.onOutcome((name, outcome) => countersOf(name).get(outcome)?.add())
  let isClosed = false
  let timer: NodeJS.Timeout | undefined
  const again = async () => {
    // A queue that cannot be asked shows what it had last: its own errors tell of it where somebody waits.
    await refresh().catch(() => {})
    if (!isClosed) timer = setTimeout(again, REFRESH_MS).unref()
  }
  void again()
  return {
    refresh,
    close() {
      isClosed = true
      clearTimeout(timer)
      endOutcomes()
    },
  }
}
