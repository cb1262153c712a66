import { apiErrors } from './errors.ts'

export interface QueryGateLimits {
  /** Queries under way at once. They share one thread, so more of them would take more memory and be no faster. */
  readonly runningMax: number
  /** Queries that wait for their turn; further ones are refused. */
  readonly waitingMax: number
  /** Longest wait for a turn. */
  readonly waitMsMax: number
}

export const queryGateDefaults: QueryGateLimits = { runningMax: 20, waitingMax: 200, waitMsMax: 120_000 }

export interface QueryGateStats {
  readonly running: number
  readonly waiting: number
  /** Since the start, by outcome: `limited` asked for more than one query may, `refused` found too many waiting, `canceled` and `timedOut` left while they waited or ran. */
  readonly done: number
  readonly failed: number
  readonly limited: number
  readonly refused: number
  readonly canceled: number
  readonly timedOut: number
}

export interface QueryGate {
  /**
   * Runs the work when its turn comes, and tells it how long that took.
   * @param waitMs - Longest wait for the turn, where that is shorter than the usual.
   * @throws MW_API_BUSY when too many wait, MW_API_QUEUE_TIMEOUT, and MW_API_CANCELED when the signal is aborted while it waits.
   */
  run<T>(work: (waitedMs: number) => Promise<T>, signal: AbortSignal, waitMs?: number): Promise<T>
  stats(): QueryGateStats
}

/** Bounds what queries take together, first come, first served. */
export function createQueryGate({ runningMax, waitingMax, waitMsMax }: QueryGateLimits): QueryGate {
  const waiting = new Set<() => void>()
  const counts = { done: 0, failed: 0, limited: 0, refused: 0, canceled: 0, timedOut: 0 }
  let running = 0
  const turn = (signal: AbortSignal, waitMs: number): Promise<void> => {
    if (signal.aborted) return Promise.reject(canceled())
    if (running < runningMax) {
      running++
      return Promise.resolve()
    }
    if (waiting.size >= waitingMax) return Promise.reject(apiErrors.MW_API_BUSY(`${running} queries run and ${waiting.size} wait already`))
    return new Promise((resolve, reject) => {
      const leave = (error: Error) => {
        waiting.delete(begin)
        signal.removeEventListener('abort', abort)
        clearTimeout(timer)
        reject(error)
      }
      const abort = () => leave(canceled())
      const timer = setTimeout(
        () => leave(apiErrors.MW_API_QUEUE_TIMEOUT('query timed out in query queue')),
        // What is longer than 24 days would be taken for no time at all.
        Math.min(waitMs, waitMsMax, 2 ** 31 - 1),
      )
      const begin = () => {
        signal.removeEventListener('abort', abort)
        clearTimeout(timer)
        resolve()
      }
      waiting.add(begin)
      signal.addEventListener('abort', abort, { once: true })
    })
  }
  const count = (error: unknown) => {
    const { code } = error as { code?: unknown }
    if (code === 'MW_API_BUSY') counts.refused++
    else if (code === 'MW_API_CANCELED' || code === 'MW_PROMQL_CANCELED') counts.canceled++
    else if (code === 'MW_API_QUEUE_TIMEOUT' || code === 'MW_PROMQL_TIMEOUT') counts.timedOut++
    else if (code === 'MW_PROMQL_LIMIT' || code === 'MW_STORE_SELECT_LIMIT') counts.limited++
    else counts.failed++
  }
  return {
    async run(work, signal, waitMs = waitMsMax) {
      const cameMs = performance.now()
      try {
        await turn(signal, waitMs)
      } catch (error) {
        count(error)
        throw error
      }
      try {
        const result = await work(performance.now() - cameMs)
        counts.done++
        return result
      } catch (error) {
        count(error)
        throw error
      } finally {
        // The place is handed on, so that `running` stays, or given up.
        const [next] = waiting
        if (next === undefined) running--
        else {
          waiting.delete(next)
          next()
        }
      }
    },
    stats: () => ({ running, waiting: waiting.size, ...counts }),
  }
}

function canceled() {
  return apiErrors.MW_API_CANCELED('query was canceled in query queue: the caller went away')
}
