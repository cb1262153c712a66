export interface PollerDeps {
  /** One round of questions. Rejects when the plane did not answer. */
  readonly tick: (signal: AbortSignal) => Promise<void>
  readonly intervalMs: () => number
  /** Told of each failure, and of the wait it leads to. Never called for a round that was cut short on purpose. */
  readonly onFailure: (error: unknown, waitMs: number) => void
  readonly isHidden: () => boolean
}

export interface Poller {
  /** Asks now: what is under way is dropped, a wait is cut short. */
  kick(): void
  /** To be called when the page is hidden or shown. Hidden, it rests after the round under way. */
  visibilityChanged(): void
  stop(): void
}

/** Longest wait between two tries of a plane that does not answer. */
export const backoffMsMax = 30_000

/** Never more than one round at a time, none while nobody looks, and ever fewer at a plane that does not answer. */
export function createPoller({ tick, intervalMs, onFailure, isHidden }: PollerDeps): Poller {
  let timer: ReturnType<typeof setTimeout> | undefined
  let underWay: AbortController | undefined
  let failures = 0
  let resting = false

  function schedule(waitMs: number): void {
    clearTimeout(timer)
    timer = setTimeout(() => void round(), waitMs)
  }

  async function round(): Promise<void> {
    if (isHidden()) {
      resting = true
      return
    }
    resting = false
    const controller = new AbortController()
    underWay = controller
    let waitMs = intervalMs()
    try {
      await tick(controller.signal)
      failures = 0
    } catch (error) {
      if (!controller.signal.aborted) {
        waitMs = Math.min(backoffMsMax, waitMs * 2 ** failures)
        failures++
        onFailure(error, waitMs)
      }
    }
    // A round that was cut short has a successor already.
    if (underWay === controller) {
      underWay = undefined
      schedule(waitMs)
    }
  }

  function cut(): void {
    clearTimeout(timer)
    const controller = underWay
    underWay = undefined
    controller?.abort()
  }

  schedule(0)
  return {
    kick() {
      cut()
      schedule(0)
    },
    visibilityChanged() {
      if (resting && !isHidden()) schedule(0)
    },
    stop: cut,
  }
}
