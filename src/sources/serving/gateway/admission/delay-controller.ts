/** Looks that must agree: one pause, of the collector or of a large body, is no overload. */
const LOOKS = 3
/** How strongly a delay above the limit, and one that grows, raise the share of requests that are shed; found in simulation. */
const INTEGRAL_GAIN = 0.04
const PROPORTIONAL_GAIN = 0.2
/** Some are always let in, or nobody would see that the delay is gone. */
const SHARE_MAX = 0.95
/** What is left of the share at each look once the delay is well below the limit. */
const DECAY = 0.9

/**
 * Which share of new requests to shed so that the standing delay of the event loop stays near its limit: a PI controller, as PIE (RFC
 * 8033) has it. All or nothing would swing between an idle loop and a late one.
 */
export class DelayController {
  readonly #delayMsMax: number
  readonly #looks = new Float64Array(LOOKS)
  #look = 0
  #delayMs = 0
  #share = 0
  #debt = 0

  constructor(delayMsMax: number) {
    this.#delayMsMax = delayMsMax
  }

  /** The standing delay: the smallest of the last looks. */
  get delayMs(): number {
    return this.#delayMs
  }

  /** Of new requests, in [0, 0.95]. */
  get share(): number {
    return this.#share
  }

  /** @param delayMs - By how much the loop was late this time; ≥ 0. */
  observe(delayMs: number): void {
    this.#looks[this.#look++ % LOOKS] = delayMs
    const before = this.#delayMs
    this.#delayMs = Math.min(...this.#looks)
    const error = (this.#delayMs - this.#delayMsMax) / this.#delayMsMax
    const change = (this.#delayMs - before) / this.#delayMsMax
    // Bounded, for a loop that stood still for seconds says no more than that it is late.
    const step = Math.min(0.2, Math.max(-0.2, INTEGRAL_GAIN * Math.min(error, 2) + PROPORTIONAL_GAIN * change))
    this.#share = Math.min(SHARE_MAX, Math.max(0, this.#share + (this.#share === 0 && error <= 0 ? 0 : step)))
    if (error < -0.5) this.#share = this.#share < 0.01 ? 0 : this.#share * DECAY
  }

  /** Whether to shed the next request: evenly spread, so that the share holds for a handful of them too. */
  takes(): boolean {
    if (this.#share === 0) return false
    this.#debt += this.#share
    if (this.#debt < 1) return false
    this.#debt -= 1
    return true
  }
}
