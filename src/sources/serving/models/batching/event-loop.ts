/** Time and turns as the batcher needs them; a simulation brings its own. */
export interface EventLoop {
  /** Milliseconds on the clock of `performance.now()`, which deadlines are on too. */
  now(): number
  /** Calls back when the event loop has gone round once. */
  nextTurn(callback: () => void): void
  /**
   * Calls back after a while, unless it is cancelled.
   * @param delayMs - ≥ 0; the real loop knows whole milliseconds.
   * @returns what cancels it.
   */
  after(delayMs: number, callback: () => void): () => void
}

export const realEventLoop: EventLoop = {
  now: () => performance.now(),
  nextTurn: (callback) => void setImmediate(callback),
  after(delayMs, callback) {
    const timer = setTimeout(callback, delayMs)
    return () => clearTimeout(timer)
  },
}
