import type { Random } from '../../../core/random.ts'
import type { Claim } from '../queue/contract.ts'
import type { Hand } from './hands.ts'

export type Settled = { readonly kind: 'stored' } | { readonly kind: 'lost' } | { readonly kind: 'unavailable'; readonly error: unknown }

const WAIT_MS = 50
const WAIT_MS_MAX = 2000

/**
 * Tells the queue how an execution ended, again and again while it cannot be reached, for as long as the claim may still be ours. Saying it twice does no
 * harm: the second time the claim is no longer ours, and the queue says so.
 */
export async function settle(
  hand: Hand,
  tell: (claim: Claim) => Promise<'stored' | 'lost'>,
  { leaseMs, random }: { leaseMs: number; random: Random },
): Promise<Settled> {
  const untilMs = performance.now() + leaseMs
  for (let waitMs = WAIT_MS; ; waitMs = Math.min(WAIT_MS_MAX, waitMs * 2)) {
    if (!hand.held) return { kind: 'lost' }
    try {
      return { kind: await tell(hand.claim) }
    } catch (error) {
      const pauseMs = waitMs * (0.5 + random() / 2)
      if (performance.now() + pauseMs > untilMs) return { kind: 'unavailable', error }
      await Promise.race([new Promise((resolve) => setTimeout(resolve, pauseMs)), hand.lost])
    }
  }
}
