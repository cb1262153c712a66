import { setTimeout } from 'node:timers/promises'
import { Pool } from 'undici'
import { messageOf } from '../../core/errors.ts'
import type { Labels } from '../../core/labels.ts'
import { readVersion } from '../package.ts'
import type { BackfillSeries, BackfillSink, ServerOutcome } from './contract.ts'
import { backfillErrors } from './errors.ts'
import { encodeWriteRequest } from './write-request.ts'

const WRITE_PATH = '/api/v1/write'
const REQUEST_TIMEOUT_MS = 60_000
/** Attempts at one request while the server is away or busy: about a minute. */
const ATTEMPTS_MAX = 10
const PAUSE_MS_MIN = 250
const PAUSE_MS_MAX = 10_000
/** The longest that a server's `Retry-After` is obeyed. */
const RETRY_AFTER_MS_MAX = 60_000
/** Requests refused one after the other, none taken before: nothing of the rest would be taken either. */
const REFUSED_IN_A_ROW_MAX = 10
/** What of an answer is told. */
const ANSWER_CHARS_MAX = 500

export interface ServerSinkDeps {
  /** Waits; for tests that do not want to. Rejects when the signal is aborted. */
  readonly pause?: (ms: number, signal: AbortSignal) => Promise<void>
}

/**
 * Where samples are sent: the address itself if it has a path, else its `/api/v1/write`.
 * @returns undefined when the text is no address of an HTTP server.
 */
export function toWriteUrl(text: string): URL | undefined {
  if (!URL.canParse(text)) return undefined
  const url = new URL(text)
  if (url.protocol !== 'http:' && url.protocol !== 'https:') return undefined
  if (url.pathname === '/') url.pathname = WRITE_PATH
  return url
}

interface Batch {
  readonly labels: Labels
  readonly timesMs: number[]
  readonly values: number[]
}

/** Sends samples to a server by remote write 1.0, one request after the other, so that the samples of a series arrive in their order. */
export class ServerSink implements BackfillSink {
  readonly #url: URL
  /** The address without a password, for messages. */
  readonly #name: string
  readonly #signal: AbortSignal
  readonly #pool: Pool
  readonly #pause: (ms: number, signal: AbortSignal) => Promise<void>
  #batch: Batch[] = []
  #owners: BackfillSeries[] = []
  readonly #counts = { requests: 0, retries: 0, refusedRequests: 0, refusedSamplesMax: 0 }
  #firstRefusal: string | undefined
  readonly batchSamples = 10_000
  pending = 0

  /** @param url - As `toWriteUrl` gives it. */
  constructor(url: URL, signal: AbortSignal, { pause = (ms, abort) => setTimeout(ms, undefined, { signal: abort }) }: ServerSinkDeps = {}) {
    this.#url = url
    this.#name = `${url.origin}${url.pathname}`
    this.#signal = signal
    this.#pause = pause
    this.#pool = new Pool(url.origin, { connections: 1, headersTimeout: REQUEST_TIMEOUT_MS, bodyTimeout: REQUEST_TIMEOUT_MS })
  }

  add(series: BackfillSeries, timeMs: number, value: number): void {
    // The handle is the place in the batch, counted from 1; it holds until the batch is sent.
    let batch = this.#batch[series.ref - 1]
    if (batch === undefined) {
      batch = { labels: series.labels, timesMs: [], values: [] }
      this.#batch.push(batch)
      this.#owners.push(series)
      series.ref = this.#batch.length
    }
    batch.timesMs.push(timeMs)
    batch.values.push(value)
    this.pending++
  }

  /** Type and help are not sent: servers learn them from what they scrape. */
  metadata(): void {}

  async flush(): Promise<void> {
    if (this.pending === 0) return
    const samples = this.pending
    const body = encodeWriteRequest(this.#batch.map(inOrder))
    for (const owner of this.#owners) owner.ref = 0
    this.#batch = []
    this.#owners = []
    this.pending = 0
    await this.#send(body, samples)
  }

  async #send(body: Uint8Array, samples: number): Promise<void> {
    this.#counts.requests++
    for (let attempt = 1; ; attempt++) {
      const answer = await this.#post(body)
      if (answer.kind === 'taken') return
      if (answer.kind === 'refused') {
        this.#counts.refusedRequests++
        this.#counts.refusedSamplesMax += samples
        this.#firstRefusal ??= answer.reason
        if (this.#counts.refusedRequests >= REFUSED_IN_A_ROW_MAX && this.#counts.refusedRequests === this.#counts.requests)
          throw backfillErrors.MW_BACKFILL_REFUSED(`${this.#name} refused the first ${REFUSED_IN_A_ROW_MAX} requests: ${answer.reason}`)
        return
      }
      if (answer.kind === 'impossible') throw backfillErrors.MW_BACKFILL_SERVER(`${this.#name} takes no remote write: ${answer.reason}`)
      if (attempt === ATTEMPTS_MAX)
        throw backfillErrors.MW_BACKFILL_SERVER(`${this.#name} did not take the samples in ${ATTEMPTS_MAX} attempts: ${answer.reason}`)
      this.#counts.retries++
      await this.#pause(answer.afterMs ?? Math.min(PAUSE_MS_MIN * 2 ** (attempt - 1), PAUSE_MS_MAX), this.#signal)
    }
  }

  async #post(body: Uint8Array): Promise<Answer> {
    try {
      const {
        statusCode,
        headers,
        body: answer,
      } = await this.#pool.request({
        method: 'POST',
        path: this.#url.pathname + this.#url.search,
        headers: {
          'content-type': 'application/x-protobuf',
          'content-encoding': 'snappy',
          'user-agent': `modelwatch/${readVersion()}`,
          'x-prometheus-remote-write-version': '0.1.0',
          ...authorizationOf(this.#url),
        },
        body,
        signal: this.#signal,
      })
      const text = (await answer.text()).trim()
      if (statusCode >= 200 && statusCode < 300) return { kind: 'taken' }
      const reason = `${statusCode}${text === '' ? '' : ` ${text.slice(0, ANSWER_CHARS_MAX)}`}`
      if (statusCode === 429 || statusCode >= 500) return { kind: 'later', reason, afterMs: retryAfterMs(headers['retry-after']) }
      // 400 speaks of these samples; every other status of the sender, and would come again.
      return { kind: statusCode === 400 ? 'refused' : 'impossible', reason }
    } catch (error) {
      this.#signal.throwIfAborted()
      return { kind: 'later', reason: messageOf(error), afterMs: undefined }
    }
  }

  async close(): Promise<ServerOutcome> {
    try {
      if (!this.#signal.aborted) await this.flush()
    } finally {
      await this.#pool.destroy()
    }
    return { kind: 'server', url: this.#name, ...this.#counts, firstRefusal: this.#firstRefusal }
  }
}

type Answer =
  | { readonly kind: 'taken' }
  | { readonly kind: 'refused'; readonly reason: string }
  | { readonly kind: 'impossible'; readonly reason: string }
  | { readonly kind: 'later'; readonly reason: string; readonly afterMs: number | undefined }

/** Within one request, too, a series goes in the order of time. */
function inOrder({ labels, timesMs, values }: Batch): Batch {
  if (timesMs.every((timeMs, i) => i === 0 || timeMs > timesMs[i - 1]!)) return { labels, timesMs, values }
  const order = timesMs.map((_, i) => i).sort((a, b) => timesMs[a]! - timesMs[b]! || a - b)
  return { labels, timesMs: order.map((i) => timesMs[i]!), values: order.map((i) => values[i]!) }
}

function retryAfterMs(header: string | string[] | undefined): number | undefined {
  const seconds = Number(header)
  return header === undefined || !(seconds >= 0) ? undefined : Math.min(seconds * 1000, RETRY_AFTER_MS_MAX)
}

/** What stands before the host of an address, `http://user:password@host`. */
function authorizationOf({ username, password }: URL): Record<string, string> {
  if (username === '') return {}
  const pair = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`
  return { authorization: `Basic ${Buffer.from(pair).toString('base64')}` }
}
