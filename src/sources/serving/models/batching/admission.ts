import { MS_PER_SECOND } from '../../../../core/time.ts'
import { modelErrors } from '../errors.ts'
import { batchingErrors } from './errors.ts'
import type { ShedReason } from './metrics.ts'
import { leavesTimeUntilMs } from './wait-policy.ts'

/**
 * A wait may be longer than expected by this factor. Without a margin, whoever is let in last is answered just too late, and at full load
 * everybody is let in last.
 */
const MARGIN = 1.25

/** What the batcher knows when a request comes. */
export interface Arrival {
  readonly rows: number
  /** When its answer is no longer wanted; undefined: whenever it comes. */
  readonly deadlineMs: number | undefined
  readonly nowMs: number
  readonly rowsWaiting: number
  /** Until its own call; 0 when nothing is ahead of it. */
  readonly waitMs: number
  /** Of the call that it will be in. */
  readonly callMs: number
  /** Whether the next call has room for it and more, beside those who wait. */
  readonly joinsNextCall: boolean
}

export interface AdmissionLimits {
  readonly rowsWaitingMax: number
  readonly waitMaxMs: number
}

/** A refusal, and when to try again. */
export interface Refusal {
  readonly reason: ShedReason
  readonly error: Error & { readonly retryAfterMs?: number }
}

/**
 * Whether a request would wait in vain: then it is refused at once, and not when its time is up. A request that has nothing ahead of it
 * is never refused for what it may cost: the estimate may be old, and only a call can correct it.
 */
export function refusalOf(arrival: Arrival, { rowsWaitingMax, waitMaxMs }: AdmissionLimits): Refusal | undefined {
  const { rows, deadlineMs, nowMs, rowsWaiting, waitMs, callMs } = arrival
  if (deadlineMs !== undefined && deadlineMs <= nowMs) {
    return { reason: 'expired', error: batchingErrors.MW_DEADLINE_EXCEEDED('the deadline had passed before the request reached the model') }
  }
  if (rowsWaiting > 0 && rowsWaiting + rows > rowsWaitingMax) {
    return { reason: 'rows', error: busy(`${rowsWaiting} rows wait already; at most ${rowsWaitingMax} may`, waitMs) }
  }
  if (waitMs > waitMaxMs)
    return {
      reason: 'wait',
      error: busy(`it would wait ${seconds(waitMs)} for the model; at most ${seconds(waitMaxMs)} is allowed`, waitMs),
    }
  if (deadlineMs !== undefined && isTooLate(arrival, deadlineMs)) {
    const text = `it would take ${seconds(waitMs + callMs)}, and its deadline leaves ${seconds(deadlineMs - nowMs)}`
    return { reason: 'deadline', error: busy(text, waitMs) }
  }
  return undefined
}

/**
 * Who needs a call more than those that will be made anyway must have time for it. Who only joins the next one costs next to nothing, and
 * is refused only where not even that call can begin in time: to refuse costs a gateway as much as to serve, and one that is late for
 * other reasons would refuse everybody, and stay late.
 */
function isTooLate({ nowMs, waitMs, callMs, joinsNextCall }: Arrival, deadlineMs: number): boolean {
  if (waitMs === 0) return false
  return joinsNextCall ? nowMs + waitMs > deadlineMs : nowMs + MARGIN * waitMs > leavesTimeUntilMs(deadlineMs, callMs)
}

/** `retryAfterMs`: when what waits now will be gone. */
const busy = (message: string, waitMs: number) => Object.assign(modelErrors.MW_GATEWAY_BUSY(message), { retryAfterMs: waitMs })

const seconds = (ms: number) => `${(ms / MS_PER_SECOND).toPrecision(2)} s`
