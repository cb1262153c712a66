// Loaded into the gateway of a soak (`node --expose-gc --import …`): tells over the process channel what only the process itself can see.
import { monitorEventLoopDelay } from 'node:perf_hooks'

export interface Probe {
  readonly kind: 'probe'
  readonly heapBytes: number
  /** Of the heap, what a full collection leaves. */
  readonly liveHeapBytes: number
  /** Memory outside of the heap that objects on it hold. */
  readonly externalBytes: number
  readonly rssBytes: number
  /** What keeps the event loop going: sockets, timers, requests to the system. */
  readonly handles: number
  /** Since the last probe. */
  readonly loopDelayP99Ms: number
  readonly loopDelayMaxMs: number
}

const delays = monitorEventLoopDelay({ resolution: 10 })
delays.enable()

process.on('message', (message: { kind?: string }) => {
  if (message.kind !== 'probe') return
  const [loopDelayP99Ms, loopDelayMaxMs] = [delays.percentile(99) / 1e6, delays.max / 1e6]
  const { heapUsed, rss } = process.memoryUsage()
  globalThis.gc!()
  const live = process.memoryUsage()
  const handles = process.getActiveResourcesInfo().length
  const probe: Probe = {
    kind: 'probe',
    heapBytes: heapUsed,
    liveHeapBytes: live.heapUsed,
    externalBytes: live.external,
    rssBytes: rss,
    handles,
    loopDelayP99Ms,
    loopDelayMaxMs,
  }
  // The collection is ours, and no delay of the gateway's.
  setImmediate(() => delays.reset())
  process.send!(probe, () => {}) // Whoever asked may be gone; then this process is told to end.
})
