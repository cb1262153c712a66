import { setTimeout as pause } from 'node:timers/promises'
import type { ModelwatchError } from '../../../../core/errors.ts'
import type { Random } from '../../../../core/random.ts'
import { formatDuration } from '../../../../core/time.ts'
import { runtimeErrors } from '../errors.ts'
import type { CircuitBreaker, Outcome } from './circuit-breaker.ts'
import type { Connection, Exchange, Request } from './connection.ts'
import { upstreamErrors } from './errors.ts'
import { type RetryOptions, retryAfterMs, retryDelayMs } from './retry.ts'
import { Slots } from './slots.ts'

export interface ClientOptions {
  readonly connections: number
  /** Longest time for one request, all its attempts together. */
  readonly timeoutMs: number
  readonly retry: RetryOptions
}

export interface ClientDeps {
  readonly connection: Connection
  /** Undefined: every request is sent. */
  readonly breaker: CircuitBreaker | undefined
  readonly random?: Random
}

export type Answer = Extract<Exchange, { kind: 'answer' }>

/** Characters of an answer that are told in an error. */
const SAID_CHARS_MAX = 200
/** Timers hold no more. */
const TIMER_MS_MAX = 2 ** 31 - 1
/** The longest wait that is passed on to a client. */
const RETRY_AFTER_MS_MAX = 3_600_000
/** A time-out is the server's fault when it was given at least this share of `timeoutMs`; with less it is the caller's haste. */
const FAIR_SHARE = 0.5

/**
 * Asks the server: a bounded number of requests at a time, each attempt within the time that is left, again where that may help, and not at all while the
 * server is known to fail.
 */
export class UpstreamClient {
  readonly #options: ClientOptions
  readonly #connection: Connection
  readonly #breaker: CircuitBreaker | undefined
  readonly #random: Random
  readonly #slots: Slots

  constructor(options: ClientOptions, { connection, breaker, random = Math.random }: ClientDeps) {
    this.#options = options
    this.#connection = connection
    this.#breaker = breaker
    this.#random = random
    this.#slots = new Slots(options.connections)
  }

  get name(): string {
    return this.#connection.name
  }

  /** Requests that one call should have under way: one while a server that failed is tried again, for more would be refused, and with them the call. */
  get width(): number {
    return this.#breaker === undefined || this.#breaker.closed ? this.#options.connections : 1
  }

  /**
   * @param limits.deadlineMs - On the clock of `performance.now()`; undefined: `timeoutMs` from when the request has its turn.
   * @param limits.signal - Ends the request; whoever aborts it looks at no answer.
   * @returns An answer with a status of 2xx.
   * @throws MW_DEADLINE_PASSED when it did not have its turn in time, MW_MODEL_TIMEOUT when the answer did not come in time, and the errors of this runtime, with the
   *   server's address and what it said.
   */
  async send(request: Request, limits: { deadlineMs?: number | undefined; signal?: AbortSignal | undefined } = {}): Promise<Answer> {
    const timer = new Deadline(limits.signal)
    timer.set(limits.deadlineMs)
    try {
      if (!(await this.#slots.acquire(timer.signal))) {
        throw runtimeErrors.MW_DEADLINE_PASSED(
          `all ${this.#options.connections} connections to ${this.name} were in use until the deadline`,
        )
      }
      try {
        timer.set(Math.min(limits.deadlineMs ?? Number.POSITIVE_INFINITY, performance.now() + this.#options.timeoutMs))
        return await this.#attempts(request, timer)
      } finally {
        this.#slots.release()
      }
    } finally {
      timer.clear()
    }
  }

  async #attempts(request: Request, timer: Deadline): Promise<Answer> {
    const { retry, timeoutMs } = this.#options
    const startMs = performance.now()
    let last: Exchange | undefined
    for (let attempt = 1; ; attempt++) {
      const permit = this.#breaker?.tryEnter()
      if (this.#breaker !== undefined && permit === undefined) throw this.#shut(last)
      const sentMs = performance.now()
      const headers = { ...request.headers, 'request-timeout': String(Math.max(1, Math.floor(timer.atMs - sentMs))) }
      const exchange = await this.#connection.exchange({ ...request, headers }, timer.signal)
      if (permit !== undefined) {
        const fair = timer.atMs - sentMs >= FAIR_SHARE * timeoutMs && !timer.cancelled
        this.#breaker?.leave(permit, outcomeOf(exchange, fair), exchange.kind === 'aborted' ? 'no answer in time' : reasonOf(exchange))
      }
      if (exchange.kind === 'answer' && exchange.status >= 200 && exchange.status < 300) return exchange
      if (exchange.kind === 'aborted')
        throw this.#tooLate(startMs, last === undefined ? 'it is slow, or does not answer at all' : reasonOf(last))
      const waitMs = retryDelayMs(exchange, attempt, retry, this.#random)
      if (waitMs === undefined || performance.now() + waitMs >= timer.atMs) throw toError(this.name, exchange, attempt)
      last = exchange
      await pause(Math.min(waitMs, TIMER_MS_MAX), undefined, { signal: timer.signal }).catch(() => {
        throw this.#tooLate(startMs, reasonOf(exchange))
      })
    }
  }

  #tooLate(startMs: number, why: string): ModelwatchError {
    const waited = formatDuration(Math.max(1, performance.now() - startMs))
    return runtimeErrors.MW_MODEL_TIMEOUT(`${this.name} gave no answer in ${waited}: ${why}`, {
      hint: 'Send fewer rows, make the server faster, or raise timeout in upstream.yaml.',
    })
  }

  #shut(last: Exchange | undefined): ModelwatchError {
    const { waitMs } = this.#breaker!
    const again = waitMs > 0 ? `; it is tried again in ${formatDuration(Math.ceil(waitMs))}` : ''
    const why = last === undefined ? '' : `, last: ${reasonOf(last)}`
    return comeBack(upstreamErrors.MW_UPSTREAM_UNAVAILABLE(`${this.name} fails, and is left alone for now${again}${why}`), waitMs)
  }
}

/** Whether it tells of a server that should be left alone. A 500 does not: a single row that a model cannot take must not shut out all others. */
function outcomeOf(exchange: Exchange, fair: boolean): Outcome {
  if (exchange.kind === 'aborted') return fair ? 'failure' : 'ignored'
  if (exchange.kind === 'too_long') return 'success'
  if (exchange.kind !== 'answer') return 'failure'
  if (exchange.status === 429) return 'ignored'
  return exchange.status >= 502 && exchange.status <= 504 ? 'failure' : 'success'
}

function toError(name: string, exchange: Exchange, attempts: number): ModelwatchError {
  const tried = attempts > 1 ? ` (${attempts} attempts)` : ''
  const message = `${name} ${reasonOf(exchange)}${tried}`
  if (exchange.kind === 'broken' || exchange.kind === 'too_long') {
    return upstreamErrors.MW_UPSTREAM_ANSWER(`the answer of ${name} cannot be used: ${reasonOf(exchange)}`)
  }
  if (exchange.kind !== 'answer') return upstreamErrors.MW_UPSTREAM_UNAVAILABLE(`${name} cannot be reached: ${reasonOf(exchange)}${tried}`)
  const { status, headers } = exchange
  if (status === 429) return comeBack(upstreamErrors.MW_UPSTREAM_BUSY(message), retryAfterMs(headers))
  if (status >= 502 && status <= 504) return comeBack(upstreamErrors.MW_UPSTREAM_UNAVAILABLE(message), retryAfterMs(headers))
  // These speak of what was sent; every other status in 400 to 499 of how it was sent, which is for us to mend, and not for our client.
  if (status === 400 || status === 413 || status === 422) return upstreamErrors.MW_UPSTREAM_REFUSED(message)
  return upstreamErrors.MW_UPSTREAM_FAILED(message)
}

/** Tells a client of the gateway when to try again, as far as that is known. */
const comeBack = (error: ModelwatchError, waitMs: number | undefined): ModelwatchError =>
  waitMs === undefined ? error : Object.assign(error, { retryAfterMs: Math.min(waitMs, RETRY_AFTER_MS_MAX) })

function reasonOf(exchange: Exchange): string {
  if (exchange.kind === 'aborted') return 'did not answer in time'
  if (exchange.kind !== 'answer') return exchange.reason
  const { location } = exchange.headers
  return `answered ${exchange.status}${typeof location === 'string' ? ` to ${location.slice(0, SAID_CHARS_MAX)}` : ''}${said(exchange.text)}`
}

/** What a server said, for an error: its own sentence where it has one, else the beginning of its answer. */
export function said(text: string): string {
  const own = sentenceOf(text) ?? text
  const line = own.replaceAll(/\s+/g, ' ').trim()
  return line === '' ? '' : `: ${line.length > SAID_CHARS_MAX ? `${line.slice(0, SAID_CHARS_MAX)}…` : line}`
}

function sentenceOf(text: string): string | undefined {
  if (!text.startsWith('{') || text.length > 10_000) return undefined
  try {
    const { error, detail, message } = JSON.parse(text) as Record<string, unknown>
    return [error, detail, message].find((value) => typeof value === 'string')
  } catch {
    return undefined // No JSON: told as it is.
  }
}

/** A signal that comes at a time, or with another signal. */
class Deadline {
  readonly #controller = new AbortController()
  readonly #outer: AbortSignal | undefined
  readonly #abort = () => this.#controller.abort()
  #timer: NodeJS.Timeout | undefined
  /** On the clock of `performance.now()`. */
  atMs = Number.POSITIVE_INFINITY

  constructor(outer: AbortSignal | undefined) {
    this.#outer = outer
    if (outer?.aborted === true) this.#abort()
    else outer?.addEventListener('abort', this.#abort, { once: true })
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  /** Whether it was the other signal. */
  get cancelled(): boolean {
    return this.#outer?.aborted === true
  }

  set(atMs: number | undefined): void {
    clearTimeout(this.#timer)
    this.atMs = atMs ?? Number.POSITIVE_INFINITY
    const leftMs = this.atMs - performance.now()
    if (leftMs <= 0) this.#abort()
    else if (leftMs <= TIMER_MS_MAX) this.#timer = setTimeout(this.#abort, Math.ceil(leftMs))
  }

  clear(): void {
    clearTimeout(this.#timer)
    this.#outer?.removeEventListener('abort', this.#abort)
  }
}
