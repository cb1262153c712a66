import { apiErrors } from './errors.ts'

export interface QueryGateLimits {
  /** Queries under way at once. They share one thread, so more of them would take more memory and be no faster. */
  readonly runningMax: number
  /** Queries that wait for their turn; further ones are refused. */
  readonly waitingMax: number
}

export interface QueryGate {
  /** Runs the work when its turn comes. @throws MW_API_BUSY when too many wait; what the signal says when it is aborted while waiting. */
  run<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T>
}

/** Bounds what queries take together, first come, first served. */
export function createQueryGate({ runningMax, waitingMax }: QueryGateLimits): QueryGate {
  const waiting = new Set<() => void>()
  let running = 0
  const turn = (signal: AbortSignal): Promise<void> => {
    if (running < runningMax) {
      running++
      return Promise.resolve()
    }
    if (waiting.size >= waitingMax) throw apiErrors.MW_API_BUSY(`${running} queries run and ${waiting.size} wait already`)
    return new Promise((resolve, reject) => {
      const begin = () => {
        signal.removeEventListener('abort', leave)
        resolve()
      }
      const leave = () => {
        waiting.delete(begin)
        reject(apiErrors.MW_API_CANCELED('the caller went away while the query waited'))
      }
      waiting.add(begin)
      signal.addEventListener('abort', leave, { once: true })
    })
  }
  return {
    async run(work, signal) {
      await turn(signal)
      try {
        return await work()
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
  }
}
