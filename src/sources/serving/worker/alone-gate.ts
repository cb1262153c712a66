/**
 * Lets many pass together, or one alone: whoever comes waits for those before, so that nobody waits for ever. A task whose worker died with it in hand goes
 * alone, for when it dies again there is no doubt whose fault it was, and its neighbours of then are not buried with it.
 */
export class AloneGate {
  #inside = 0
  #aloneInside = false
  readonly #waiting: { readonly alone: boolean; readonly enter: () => void }[] = []

  /** @returns undefined when the way is free at once, so that the many need not wait for a turn. */
  enter(alone: boolean): Promise<void> | undefined {
    if (this.#waiting.length === 0 && this.#isFree(alone)) {
      this.#pass(alone)
      return undefined
    }
    return new Promise((resolve) => this.#waiting.push({ alone, enter: resolve }))
  }

  leave(): void {
    this.#inside--
    this.#aloneInside = false
    for (let next = this.#waiting[0]; next !== undefined && this.#isFree(next.alone); next = this.#waiting[0]) {
      this.#waiting.shift()
      this.#pass(next.alone)
      next.enter()
    }
  }

  #isFree(alone: boolean): boolean {
    return alone ? this.#inside === 0 : !this.#aloneInside
  }

  #pass(alone: boolean): void {
    this.#inside++
    this.#aloneInside = alone
  }
}
