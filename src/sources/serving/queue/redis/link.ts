import type { Redis } from 'ioredis'
import { messageOf } from '../../../../core/errors.ts'
import { queueErrors } from '../errors.ts'
import type { RedisAddress } from './url.ts'

export interface LinkOptions {
  /** How long a call waits for a server that is away before it fails. */
  readonly waitMsMax: number
}

const RECONNECT_MS_MIN = 50
const RECONNECT_MS_MAX = 1000
const LISTENERS_MAX = 1000

/**
 * The connection that commands go through. A command in flight when the connection breaks fails at once, and is sent again while its call still has time:
 * every command of this room may be sent twice. Nothing queues up inside the client, so a server that is away costs no memory.
 */
export class Link {
  readonly client: Redis
  readonly #address: RedisAddress
  readonly #options: LinkOptions
  /** Calls that wait until the connection is there. */
  readonly #waiting = new Set<() => void>()
  #lastError: unknown

  /** Connects, and goes on trying to. @throws MW_QUEUE_UNAVAILABLE when the server does not answer within `waitMsMax`. */
  static async open(address: RedisAddress, options: LinkOptions): Promise<Link> {
    const { Redis } = await import('ioredis')
    const { host, port, db, username, password, tls } = address
    const client = new Redis({
      host,
      port,
      db,
      ...(username === undefined ? {} : { username }),
      ...(password === undefined ? {} : { password }),
      ...(tls ? { tls: {} } : {}),
      connectTimeout: options.waitMsMax,
      // A server that takes commands and never answers, such as one behind a network that is cut, is left.
      socketTimeout: options.waitMsMax,
      enableOfflineQueue: false,
      maxRetriesPerRequest: 0,
      retryStrategy: (times) => Math.min(RECONNECT_MS_MIN * 2 ** Math.min(times, 10), RECONNECT_MS_MAX),
      // A fail-over made this server a replica: the address leads elsewhere by now.
      reconnectOnError: (error) => error.message.startsWith('READONLY'),
    })
    const link = new Link(client, address, options)
    try {
      await link.#ready(performance.now() + options.waitMsMax)
    } catch (error) {
      client.disconnect()
      throw error
    }
    return link
  }

  constructor(client: Redis, address: RedisAddress, options: LinkOptions) {
    this.client = client
    this.#address = address
    this.#options = options
    client.on('error', (error) => {
      this.#lastError = error
    })
    client.on('ready', () => {
      for (const proceed of this.#waiting) proceed()
    })
    // Each lane adds a few of its own, of which BullMQ keeps count from here.
    client.setMaxListeners(LISTENERS_MAX)
  }

  /**
   * Does what needs the server, again after each break of the connection while time remains.
   * @param act - May run more than once, also after it had its effect.
   * @throws MW_QUEUE_UNAVAILABLE when the server cannot be reached, or cannot store anything.
   */
  async run<T>(act: (again: boolean) => Promise<T>): Promise<T> {
    const endMs = performance.now() + this.#options.waitMsMax
    for (let again = false; ; again = true) {
      await this.#ready(endMs)
      try {
        return await act(again)
      } catch (error) {
        if (!isAway(error)) throw this.#translate(error)
        this.#lastError = error
        if (performance.now() >= endMs) throw this.#unavailable(error)
        // Lets the connection notice that it is broken.
        await new Promise((resolve) => setImmediate(resolve))
      }
    }
  }

  async #ready(endMs: number): Promise<void> {
    while (this.client.status !== 'ready') {
      const leftMs = Math.ceil(endMs - performance.now())
      if (leftMs <= 0 || this.client.status === 'end') throw this.#unavailable(this.#lastError)
      await new Promise<void>((resolve) => {
        const proceed = () => {
          clearTimeout(timer)
          this.#waiting.delete(proceed)
          resolve()
        }
        const timer = setTimeout(proceed, leftMs)
        this.#waiting.add(proceed)
      })
    }
  }

  #translate(error: unknown): unknown {
    return isRefusal(error) ? this.#unavailable(error) : error
  }

  #unavailable(cause: unknown): Error {
    const { shown } = this.#address
    const why = cause === undefined ? `no answer within ${this.#options.waitMsMax} ms` : describe(cause)
    return queueErrors.MW_QUEUE_UNAVAILABLE(`the queue at ${shown} cannot be used: ${why}`, { cause })
  }

  /** A second connection to the same server, for one who listens: what it sends waits for as long as it takes. */
  duplicate(): Redis {
    return this.client.duplicate({ enableOfflineQueue: true, maxRetriesPerRequest: null })
  }

  close(): void {
    this.client.disconnect()
  }
}

/** Node tells of several addresses that all refused in an error without a message of its own. */
const describe = (cause: unknown): string =>
  cause instanceof AggregateError && cause.message === '' ? cause.errors.map(messageOf).join('; ') : messageOf(cause)

/** The connection broke, or is not there: the same may succeed on the next one. */
function isAway(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  const { code } = error as NodeJS.ErrnoException
  return (
    error.name === 'MaxRetriesPerRequestError' ||
    error.name === 'AbortError' ||
    /^(ECONN|EPIPE|ETIMEDOUT|EHOST|ENET|ENOTFOUND|EAI_AGAIN)/.test(code ?? '') ||
    /^(Connection is closed|Stream isn't writeable|Socket timeout|Command aborted|LOADING|READONLY|MASTERDOWN|UNBLOCKED)/.test(
      error.message,
    )
  )
}

/** The server answers, and cannot store: memory or disk is full, or it lets nobody in. */
const isRefusal = (error: unknown): boolean =>
  error instanceof Error &&
  /^(OOM|MISCONF|NOREPLICAS|NOAUTH|NOPERM|WRONGPASS|BUSY|CLUSTERDOWN|ERR max number of clients)/.test(error.message)
