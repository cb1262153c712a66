export interface BreakerOptions {
  /** Share of failed requests at which it opens; a ratio in (0, 1]. */
  readonly failureRatio: number
  /** Time over which requests are counted. */
  readonly windowMs: number
  /** Fewest requests in the window to judge at all. */
  readonly requestsMin: number
  /** How long it stays open before it lets a trial through. */
  readonly openMs: number
  /** Trials under way at most while half open, and successes needed to close. */
  readonly trials: number
}

export type CircuitState = 'closed' | 'open' | 'half_open'
export type Outcome = 'success' | 'failure' | 'ignored'

/** The window is counted in this many steps; a step that has become too old is forgotten whole. */
const STEPS = 10

/**
 * Stops asking a server that fails: closed, it counts; open, it refuses at once; half open, it lets a few trials through and closes when they succeed.
 *
 * ```text
 *          failures ≥ ratio                 time is up
 *  closed ──────────────────▶ open ◀──────────────────▶ half open ──▶ closed
 *                                     a trial fails        trials succeed
 * ```
 */
export class CircuitBreaker {
  readonly #options: BreakerOptions
  readonly #now: () => number
  readonly #onChange: (state: CircuitState, message: string) => void
  #state: CircuitState = 'closed'
  /** Counts the changes of state: what began before one says nothing about the state after it. */
  #era = 0
  #openedMs = 0
  #trialsUnderWay = 0
  #trialsDone = 0
  /** Ring by step of the window: which step of time it holds, and what happened in it. */
  readonly #steps = new Float64Array(STEPS).fill(-1)
  readonly #requests = new Float64Array(STEPS)
  readonly #failures = new Float64Array(STEPS)

  /** @param now - Milliseconds of any clock that only goes forward. */
  constructor(
    options: BreakerOptions,
    onChange: (state: CircuitState, message: string) => void,
    now: () => number = () => performance.now(),
  ) {
    this.#options = options
    this.#onChange = onChange
    this.#now = now
  }

  /** @returns What to hand to `leave` when the request has ended; undefined when it must not be sent. */
  tryEnter(): number | undefined {
    if (this.#state === 'open') {
      if (this.#now() - this.#openedMs < this.#options.openMs) return undefined
      this.#change('half_open', 'the server is tried again')
    }
    if (this.#state === 'half_open') {
      if (this.#trialsUnderWay >= this.#options.trials) return undefined
      this.#trialsUnderWay++
    }
    return this.#era
  }

  get closed(): boolean {
    return this.#state === 'closed'
  }

  /** Time until a trial may be made; 0 when it is not open. */
  get waitMs(): number {
    return this.#state === 'open' ? Math.max(0, this.#openedMs + this.#options.openMs - this.#now()) : 0
  }

  /** @param reason - Why it failed, for the event. */
  leave(era: number, outcome: Outcome, reason = ''): void {
    if (era !== this.#era) return
    if (this.#state === 'half_open') this.#judgeTrial(outcome, reason)
    else if (this.#state === 'closed' && outcome !== 'ignored') this.#count(outcome === 'failure', reason)
  }

  #judgeTrial(outcome: Outcome, reason: string): void {
    this.#trialsUnderWay--
    if (outcome === 'failure') this.#change('open', `a trial failed: ${reason}`)
    if (outcome === 'success' && ++this.#trialsDone >= this.#options.trials) this.#change('closed', `${this.#trialsDone} trials succeeded`)
  }

  #count(failed: boolean, reason: string): void {
    const step = Math.floor((this.#now() / this.#options.windowMs) * STEPS)
    const at = step % STEPS
    if (this.#steps[at] !== step) {
      this.#steps[at] = step
      this.#requests[at] = 0
      this.#failures[at] = 0
    }
    this.#requests[at]!++
    if (!failed) return
    this.#failures[at]!++
    let requests = 0
    let failures = 0
    for (let i = 0; i < STEPS; i++) {
      if (this.#steps[i]! <= step - STEPS) continue
      requests += this.#requests[i]!
      failures += this.#failures[i]!
    }
    const { requestsMin, failureRatio } = this.#options
    if (requests >= requestsMin && failures >= failureRatio * requests) {
      this.#change('open', `${failures} of the last ${requests} requests failed, the last one: ${reason}`)
    }
  }

  #change(state: CircuitState, message: string): void {
    this.#state = state
    this.#era++
    this.#trialsUnderWay = 0
    this.#trialsDone = 0
    this.#steps.fill(-1)
    if (state === 'open') this.#openedMs = this.#now()
    this.#onChange(state, message)
  }
}
