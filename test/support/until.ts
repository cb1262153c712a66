import { setTimeout as delay } from 'node:timers/promises'

const POLL_MS = 100

/**
 * Asks again and again until there is an answer: the one way these tests wait.
 *
 * @param what - What is waited for, for the error.
 * @param probe - Gives `undefined` or `false` for "not yet"; what it throws means the same.
 * @throws naming what was waited for, and the last thing that was seen instead, when the time is over.
 */
export async function until<T>(
  what: string,
  probe: () => Promise<T | undefined | false> | T | undefined | false,
  timeoutMs = 20_000,
): Promise<T> {
  const endMs = performance.now() + timeoutMs
  let last: unknown
  for (;;) {
    try {
      const answer = await probe()
      if (answer !== undefined && answer !== false) return answer
      last = answer
    } catch (error) {
      last = error
    }
    if (performance.now() > endMs) throw new Error(`not within ${timeoutMs / 1000} s: ${what}`, { cause: last })
    await delay(POLL_MS)
  }
}
