import { monitorEventLoopDelay } from 'node:perf_hooks'
import { MS_PER_SECOND } from '../core/time.ts'
import { defineFamilies } from './families.ts'
import type { Registry } from './registry.ts'

const NS_PER_SECOND = 1e9
const US_PER_SECOND = 1e6

export const processFamilies = defineFamilies({
  cpu: { kind: 'counter', name: 'process_cpu_seconds_total', help: 'User and system CPU time spent.', labels: [], labelSetsMax: 1 },
  memory: { kind: 'gauge', unit: 'bytes', name: 'process_resident_memory_bytes', help: 'Resident memory.', labels: [], labelSetsMax: 1 },
  started: {
    kind: 'gauge',
    unit: 'seconds',
    name: 'process_start_time_seconds',
    help: 'When the process started, since 1970.',
    labels: [],
    labelSetsMax: 1,
  },
  loopDelay: {
    kind: 'gauge',
    unit: 'seconds',
    name: 'nodejs_eventloop_lag_p99_seconds',
    help: '99th percentile of the event loop delay since the last scrape.',
    labels: [],
    labelSetsMax: 1,
  },
})

/** Registers the conventional `process_*` series and the event loop's delay, read at each scrape. */
export function addProcessMetrics(registry: Registry): void {
  const delay = monitorEventLoopDelay({ resolution: 10 })
  delay.enable()
  registry.read(processFamilies.cpu, {}, () => {
    const { user, system } = process.cpuUsage()
    return (user + system) / US_PER_SECOND
  })
  registry.read(processFamilies.memory, {}, () => process.memoryUsage.rss())
  registry.gauge(processFamilies.started, {}).set((Date.now() - process.uptime() * MS_PER_SECOND) / MS_PER_SECOND)
  registry.read(processFamilies.loopDelay, {}, () => {
    const p99 = delay.percentile(99) / NS_PER_SECOND
    delay.reset()
    return p99
  })
}
