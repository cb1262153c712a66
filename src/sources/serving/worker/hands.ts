import type { Claim, TaskQueue } from '../queue/contract.ts'

/** Claims of one heart-beat; more are sent in several. */
const HEARTBEAT_CLAIMS_MAX = 1000

export type Loss = 'lost' | 'released'

/** A task in hand. */
export interface Hand {
  readonly claim: Claim
  /** Whether the claim is still ours: not lost, released, or put down. */
  readonly held: boolean
  /** Settles when the claim is lost, or given back: nobody waits for this execution any more. */
  readonly lost: Promise<Loss>
}

interface OwnHand extends Hand {
  held: boolean
  lose(how: Loss): void
}

/** Every task this worker has a claim on, and the heart that keeps the claims alive. */
export class Hands {
  readonly #queue: TaskQueue
  readonly #byToken = new Map<string, OwnHand>()
  #whenEmpty: (() => void)[] = []

  constructor(queue: TaskQueue) {
    this.#queue = queue
  }

  get size(): number {
    return this.#byToken.size
  }

  take(claim: Claim): Hand {
    const { promise, resolve } = Promise.withResolvers<Loss>()
    const hand: OwnHand = { claim, held: true, lost: promise, lose: resolve }
    this.#byToken.set(claim.token, hand)
    return hand
  }

  /** The claim is settled. */
  putDown(hand: Hand): void {
    this.#drop(hand.claim.token)
  }

  /** Says that all of them are being worked on, and lets go of those that are no longer ours. @throws what the queue throws. */
  async beat(): Promise<void> {
    const all = [...this.#byToken.values()]
    for (let from = 0; from < all.length; from += HEARTBEAT_CLAIMS_MAX) {
      const claims = all.slice(from, from + HEARTBEAT_CLAIMS_MAX).map(({ claim }) => claim)
      const { lost } = await this.#queue.heartbeat(claims)
      for (const token of lost) this.#lose(token, 'lost')
    }
  }

  /** Gives back whatever is in hand. @returns the claims given back. @throws what the queue throws; the claims are let go of all the same, and run out. */
  async releaseAll(): Promise<readonly Claim[]> {
    const claims = [...this.#byToken.values()].map(({ claim }) => claim)
    for (const { token } of claims) this.#lose(token, 'released')
    if (claims.length > 0) await this.#queue.release(claims)
    return claims
  }

  /** Resolves when nothing is in hand. */
  whenEmpty(): Promise<void> {
    return this.size === 0 ? Promise.resolve() : new Promise((resolve) => this.#whenEmpty.push(resolve))
  }

  #lose(token: string, how: Loss): void {
    this.#byToken.get(token)?.lose(how)
    this.#drop(token)
  }

  #drop(token: string): void {
    const hand = this.#byToken.get(token)
    if (hand === undefined) return
    hand.held = false
    this.#byToken.delete(token)
    if (this.size === 0) for (const resolve of this.#whenEmpty.splice(0)) resolve()
  }
}
