import type { EventLoop } from './event-loop.ts'

/** Turns of the event loop that a batch waits at most while each still brings rows: some ten microseconds each. */
const GATHER_TURNS_MAX = 4

export interface GathererDeps {
  /** Rows that wait now. */
  rows(): number
  /** Whether what is there should go with the next turn, whoever else may come. */
  isReady(): boolean
  /** Asked when turns bring no more: how long a timer should wait for others, in whole milliseconds; 0: not at all. */
  waitMs(): number
  /** The batch may go. */
  onGathered(): void
}

/**
 * Decides the moment at which a batch goes: when a turn of the event loop brings no more rows, or when what is worth waiting for has come
 * or its time is up. There is at least one turn before each batch, so that the loop goes round between the pieces of a large request.
 */
export class Gatherer {
  readonly #loop: EventLoop
  readonly #deps: GathererDeps
  #state: 'idle' | 'turns' | 'timer' = 'idle'
  #turnsLeft = 0
  #rowsSeen = 0
  #cancelTimer: () => void = () => {}

  constructor(loop: EventLoop, deps: GathererDeps) {
    this.#loop = loop
    this.#deps = deps
  }

  get isIdle(): boolean {
    return this.#state === 'idle'
  }

  get isWaiting(): boolean {
    return this.#state === 'timer'
  }

  /** Begins, unless it is at it. */
  begin(): void {
    if (this.#state !== 'idle') return
    this.#state = 'turns'
    this.#turnsLeft = GATHER_TURNS_MAX
    this.#turn()
  }

  /** Waits no longer, save one turn for those that come at this very moment. */
  endWait(): void {
    this.#cancelTimer()
    this.#state = 'turns'
    this.#loop.nextTurn(this.#finish)
  }

  #turn(): void {
    this.#turnsLeft--
    this.#rowsSeen = this.#deps.rows()
    this.#loop.nextTurn(this.#onTurn)
  }

  readonly #onTurn = (): void => {
    if (!this.#deps.isReady()) {
      // A call costs as much as reading several requests, so another turn pays at once.
      if (this.#turnsLeft > 0 && this.#deps.rows() > this.#rowsSeen) {
        this.#turn()
        return
      }
      const waitMs = this.#deps.waitMs()
      if (waitMs > 0) {
        this.#state = 'timer'
        this.#cancelTimer = this.#loop.after(waitMs, this.#finish)
        return
      }
    }
    this.#finish()
  }

  readonly #finish = (): void => {
    this.#state = 'idle'
    this.#deps.onGathered()
  }
}
