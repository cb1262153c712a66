/** What an old call still counts beside the one after it. */
const FORGETTING = 0.85

/**
 * Learns how many of the clients that a call answered come back at once with their next request. A fixed population of clients does, and
 * then the batcher had better wait for them: if it ran the one request that is there, all others would wait for that call, and the call
 * after it would find one request again, for ever. Requests that arrive independently of answers are no reason to wait. Whoever waits for
 * them moves the whole schedule back and gains nothing, at any rate; so arrivals count only as far as they are more than the rate between
 * the windows explains.
 */
export class ReturningClients {
  // The window behind the last call, while it is open.
  #answered = 0
  #arrived = 0
  #opensMs = Number.NaN
  #closesMs = Number.NaN
  // Learned: how many of those answered return, and what arrives outside of windows.
  #ratio = 0
  #outsideArrivals = 0
  #outsideMs = 0
  #closedMs = Number.NaN
  #sinceClosed = 0

  /** A call has answered some requests. @param windowMs - How soon a client must be back to be one that returns; > 0. */
  answered(requests: number, nowMs: number, windowMs: number): void {
    this.#close(nowMs)
    this.#outside(nowMs)
    this.#answered = requests
    this.#arrived = 0
    this.#opensMs = nowMs
    this.#closesMs = nowMs + windowMs
  }

  arrived(nowMs: number): void {
    if (nowMs >= this.#closesMs) this.#close(nowMs)
    if (Number.isNaN(this.#closesMs)) this.#sinceClosed++
    else this.#arrived++
  }

  /** @returns How many more requests are expected back, and until when they may be waited for; none and NaN when the window has closed. */
  expected(nowMs: number): { readonly requests: number; readonly untilMs: number } {
    if (!(nowMs < this.#closesMs)) return { requests: 0, untilMs: Number.NaN }
    return { requests: Math.max(0, Math.round(this.#ratio * this.#answered) - this.#arrived), untilMs: this.#closesMs }
  }

  /** Ends the window and learns from it. */
  #close(nowMs: number): void {
    if (Number.isNaN(this.#closesMs)) return
    const endMs = Math.min(nowMs, this.#closesMs)
    const rate = this.#outsideMs === 0 ? 0 : this.#outsideArrivals / this.#outsideMs
    const returned = this.#arrived - rate * (endMs - this.#opensMs)
    const ratio = Math.min(1, Math.max(-1, returned / this.#answered)) // Below 0 by chance as often as above it, where nobody returns.
    this.#ratio = this.#ratio * FORGETTING + ratio * (1 - FORGETTING)
    this.#closedMs = endMs
    this.#closesMs = Number.NaN
    this.#sinceClosed = 0
  }

  /** The time between two windows, and what arrived in it. */
  #outside(nowMs: number): void {
    if (Number.isNaN(this.#closedMs)) return
    this.#outsideArrivals = this.#outsideArrivals * FORGETTING + this.#sinceClosed
    this.#outsideMs = this.#outsideMs * FORGETTING + (nowMs - this.#closedMs)
    this.#closedMs = Number.NaN
    this.#sinceClosed = 0
  }
}
