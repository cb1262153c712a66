import type { Random } from '../../../core/random.ts'

export interface WakingLoopOptions {
  /** One turn. Turns never overlap. What it throws is told to `onFault`, and the next turn waits. */
  readonly turn: () => Promise<void>
  /** Told of every fault. @param streak - Faults in a row, this one included: 1 is the news. */
  readonly onFault: (error: unknown, streak: number) => void
  readonly random: Random
  /** Wait after the first fault; it doubles with each, up to `waitMsMax`, and each is drawn between half of it and the whole. */
  readonly waitMs: number
  readonly waitMsMax: number
}

/** Work that is done when somebody says there is some. */
export interface WakingLoop {
  /** There may be work: a turn begins, or follows the one under way; however often it is said, it is one turn. While the loop waits after a fault, nothing is hurried. */
  wake(): void
  /** No turn begins after this; waits for the one under way. */
  stop(): Promise<void>
}

export function startWakingLoop({ turn, onFault, random, waitMs, waitMsMax }: WakingLoopOptions): WakingLoop {
  let stopped = false
  let running: Promise<void> | undefined
  let again = false
  let faults = 0
  let timer: NodeJS.Timeout | undefined

  const run = async () => {
    while (again && !stopped) {
      again = false
      try {
        await turn()
        faults = 0
      } catch (error) {
        faults++
        onFault(error, faults)
        if (!stopped) pause()
        return
      }
    }
  }
  const pause = () => {
    const wholeMs = Math.min(waitMsMax, waitMs * 2 ** Math.min(faults - 1, 30))
    timer = setTimeout(
      () => {
        timer = undefined
        wake()
      },
      wholeMs * (0.5 + random() / 2),
    )
  }
  const wake = () => {
    again = true
    if (stopped || running !== undefined || timer !== undefined) return
    running = run().finally(() => {
      running = undefined
      if (again) wake() // Said between the last look and here.
    })
  }
  return {
    wake,
    async stop() {
      stopped = true
      clearTimeout(timer)
      timer = undefined
      await running
    },
  }
}
