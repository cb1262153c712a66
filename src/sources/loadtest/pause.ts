import { setTimeout as delay } from 'node:timers/promises'

/** Waits, and no longer once aborted. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal }).catch(() => {}) // Only the abort ends it early, and the caller looks at the signal.
}
