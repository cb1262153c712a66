import type { EventLoop } from './event-loop.ts'

/** Deadlines that pass within this time are told together. */
const TOGETHER_MS = 2

/** Says when deadlines pass. One timer, whatever their number; whoever adds them bounds it. */
export class Deadlines<T extends { readonly deadlineMs: number | undefined }> {
  readonly #loop: EventLoop
  readonly #onPassed: (passed: readonly T[]) => void
  readonly #open = new Set<T>()
  #timerMs = Number.POSITIVE_INFINITY
  #cancel: () => void = () => {}

  constructor(loop: EventLoop, onPassed: (passed: readonly T[]) => void) {
    this.#loop = loop
    this.#onPassed = onPassed
  }

  /** @param one - Without a deadline it is not watched. */
  add(one: T): void {
    if (one.deadlineMs === undefined || one.deadlineMs === Number.POSITIVE_INFINITY) return
    this.#open.add(one)
    if (one.deadlineMs < this.#timerMs) this.#arm(one.deadlineMs)
  }

  delete(one: T): void {
    if (one.deadlineMs === undefined || !this.#open.delete(one) || this.#open.size > 0) return
    this.#cancel()
    this.#timerMs = Number.POSITIVE_INFINITY
  }

  #arm(timeMs: number): void {
    this.#cancel()
    this.#timerMs = timeMs
    // The longest a timer of Node waits; then it looks again.
    const delayMs = Math.min(Math.max(0, Math.ceil(timeMs - this.#loop.now())), 2 ** 31 - 1)
    this.#cancel = this.#loop.after(delayMs, () => this.#fire())
  }

  #fire(): void {
    const nowMs = this.#loop.now()
    this.#timerMs = Number.POSITIVE_INFINITY
    this.#cancel = () => {}
    let nextMs = Number.POSITIVE_INFINITY
    const passed: T[] = []
    for (const one of this.#open) {
      if (one.deadlineMs! <= nowMs) passed.push(one)
      else nextMs = Math.min(nextMs, one.deadlineMs!)
    }
    for (const one of passed) this.#open.delete(one)
    if (nextMs !== Number.POSITIVE_INFINITY) this.#arm(Math.max(nextMs, nowMs + TOGETHER_MS))
    if (passed.length > 0) this.#onPassed(passed)
  }
}
