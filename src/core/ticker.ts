import type { Clock } from './time.ts'

export interface TickerOptions {
  readonly intervalMs: number
  /** Ticks come at times t with t mod interval = offset; in [0, interval). */
  readonly offsetMs: number
  /** Does the work of one tick. It must not throw: a tick reports its own failure. */
  readonly run: (scheduledMs: number) => Promise<void>
  /** Ticks that passed while the work of an earlier one took too long. They are not made up for. */
  readonly onMissed?: (count: number) => void
}

export interface Ticker {
  /** No tick begins after this; waits for the one under way. */
  stop(): Promise<void>
}

/** The longest a timer of Node waits; beyond it, it would fire at once. */
const timerMsMax = 2 ** 31 - 1

/** Calls `run` on a fixed grid of times, never twice at once. */
export function startTicker({ intervalMs, offsetMs, run, onMissed }: TickerOptions, { clock }: { clock: Clock }): Ticker {
  let stopped = false
  let timer: NodeJS.Timeout | undefined
  let underWay: Promise<void> = Promise.resolve()
  const slotAfter = (timeMs: number) => Math.floor((timeMs - offsetMs) / intervalMs + 1) * intervalMs + offsetMs
  const wait = (slotMs: number) => {
    const leftMs = slotMs - clock.now()
    timer = setTimeout(() => (leftMs > timerMsMax ? wait(slotMs) : tick(slotMs)), Math.max(0, Math.min(leftMs, timerMsMax)))
  }
  const tick = (slotMs: number) => {
    underWay = run(slotMs).finally(() => {
      if (stopped) return
      // A timer may fire a millisecond early, so the next slot is sought behind this one, not only behind the clock.
      const nextMs = slotAfter(Math.max(clock.now(), slotMs))
      const missed = Math.round((nextMs - slotMs) / intervalMs) - 1
      if (missed > 0) onMissed?.(missed)
      wait(nextMs)
    })
  }
  wait(slotAfter(clock.now()))
  return {
    async stop() {
      stopped = true
      clearTimeout(timer)
      await underWay
    },
  }
}

/** An offset in [0, intervalMs) that depends on the text alone: spreads work over the interval, the same way after every restart. */
export function spread(text: string, intervalMs: number): number {
  // FNV-1a.
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  return (hash >>> 0) % intervalMs
}
