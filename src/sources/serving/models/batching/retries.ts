import { ModelwatchError, messageOf } from '../../../../core/errors.ts'
import { modelErrors } from '../errors.ts'
import { batchingErrors } from './errors.ts'

/** Up to so many requests are tried one by one; more are halved, for most of them are good. */
const SINGLES_MAX = 4
/**
 * So many further deaths or timeouts of the model a batch may cost before those of its requests that still wait for their second try are
 * given up.
 */
export const LOSSES_MAX = 3

/**
 * What to do about a call that failed. `refuse`: tell its requests. `halve`: try both halves again, so that a bad row is found in a few
 * calls.
 * `isolate`: try each request once more, by itself; whatever killed the model or held it up does so alone, and at most once more.
 */
export type RetryPlan = 'refuse' | 'halve' | 'isolate'

/** @param requests - How many had rows in the call. */
export function planRetry(error: unknown, requests: number): RetryPlan {
  if (requests <= 1) return 'refuse'
  if (isLoss(error)) return 'isolate'
  // The model was not reached: that is nobody's row.
  if (error instanceof ModelwatchError && ['unavailable', 'overloaded', 'timeout'].includes(error.kind)) return 'refuse'
  return requests <= SINGLES_MAX ? 'isolate' : 'halve'
}

/** Whether the call cost a thread, or all the time there was. */
export function isLoss(error: unknown): boolean {
  return error instanceof ModelwatchError && (error.code === 'MW_MODEL_DIED' || error.code === 'MW_MODEL_TIMEOUT')
}

/** What the runtime tells in our words stays as it is; anything else is the model's own failure. */
export function toRefusal(error: unknown): ModelwatchError {
  if (error instanceof ModelwatchError && error.code !== 'MW_DEADLINE_PASSED') return error
  if (error instanceof ModelwatchError) return batchingErrors.MW_DEADLINE_EXCEEDED(error.message, { cause: error })
  return modelErrors.MW_MODEL_FAILED(`the model failed on this input: ${messageOf(error)}`, { cause: error })
}
