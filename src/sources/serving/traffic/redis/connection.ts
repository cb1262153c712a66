import type { Redis } from 'ioredis'
import { messageOf } from '../../../../core/errors.ts'
import { trafficErrors } from '../errors.ts'

/** Wait before the n-th attempt to connect again, up to a second: Redis comes back sooner than a person looks. */
const RETRY_DELAY_MS = 50
const RETRY_DELAY_MS_MAX = 1000
const DISCONNECT_MS = 100

/**
 * A connection that comes back by itself. A command is sent once or not at all: what was under way when the connection broke fails, and is never
 * sent again behind the caller's back, for it may have been done.
 */
export class RedisConnection {
  readonly redis: Redis
  readonly #name: string
  readonly #timeoutMs: number
  #lastError = 'no answer'
  #closed = false
  #waiting: Promise<void> | undefined

  /** @param timeoutMs - Longest wait for the connection, and for the answer to a command. */
  static async create(url: string, timeoutMs: number): Promise<RedisConnection> {
    const { Redis } = await import('ioredis')
    return new RedisConnection(
      new Redis(url, {
        lazyConnect: true,
        enableOfflineQueue: false,
        maxRetriesPerRequest: 0,
        commandTimeout: timeoutMs,
        connectTimeout: timeoutMs,
        // A network that is cut tells neither end: a connection that was asked and says nothing is given up, that of the listener too.
        socketTimeout: timeoutMs,
        keepAlive: 10_000,
        disconnectTimeout: DISCONNECT_MS, // Else a command that could not connect lingers for two seconds after its error.
        connectionName: 'modelwatch-traffic',
        retryStrategy,
      }),
      url,
      timeoutMs,
    )
  }

  private constructor(redis: Redis, url: string, timeoutMs: number) {
    this.redis = redis
    this.#name = withoutPassword(url)
    this.#timeoutMs = timeoutMs
    redis.on('error', (error: Error) => {
      this.#lastError = reasonOf(error)
    })
  }

  /** Runs commands once there is a connection. @throws MW_TRAFFIC_UNAVAILABLE when there is none in time, or Redis refuses or does not answer. */
  async run<T>(work: (redis: Redis) => Promise<T>): Promise<T> {
    await this.#ready()
    try {
      return await work(this.redis)
    } catch (error) {
      const isCut = error instanceof Error && error.name === 'MaxRetriesPerRequestError' // Says so of a number, which is our 0.
      throw this.#unavailable(isCut ? `the connection broke: ${this.#lastError}` : reasonOf(error), error)
    }
  }

  /** A second connection of the same kind that only listens; it waits as long as it takes. */
  listener(): Redis {
    const listener = this.redis.duplicate({
      lazyConnect: false,
      enableOfflineQueue: true,
      maxRetriesPerRequest: null,
      commandTimeout: undefined,
      connectionName: 'modelwatch-traffic-changes',
    })
    listener.on('error', () => {}) // It tries again; whoever needs Redis is told by `run`.
    return listener
  }

  close(): void {
    this.#closed = true
    this.redis.disconnect()
  }

  /** Calls that wait at the same time wait together. */
  #ready(): Promise<void> {
    if (this.#closed) return Promise.reject(this.#unavailable('the connection has been closed'))
    if (this.redis.status === 'ready') return Promise.resolve()
    this.#waiting ??= this.#connect().finally(() => {
      this.#waiting = undefined
    })
    return this.#waiting
  }

  async #connect(): Promise<void> {
    const { redis } = this
    if (redis.status === 'wait' || redis.status === 'end') redis.connect().catch(() => {}) // Told by the events below.
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const onEnd = () => reject(this.#unavailable(this.#lastError))
    const timer = setTimeout(onEnd, this.#timeoutMs)
    redis.once('ready', resolve)
    redis.once('end', onEnd)
    try {
      await promise
    } finally {
      clearTimeout(timer)
      redis.off('ready', resolve)
      redis.off('end', onEnd)
    }
  }

  #unavailable(reason: string, cause?: unknown) {
    return trafficErrors.MW_TRAFFIC_UNAVAILABLE(`Redis at ${this.#name} cannot be used: ${reason}`, { cause })
  }
}

function retryStrategy(times: number): number {
  return Math.min(RETRY_DELAY_MS * 2 ** Math.min(times, 10), RETRY_DELAY_MS_MAX)
}

/** A refused connection to a name of several addresses has an error for each, and no message of its own. */
function reasonOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return messageOf(error.errors[0])
  return messageOf(error)
}

/** As it may stand in a log. */
function withoutPassword(url: string): string {
  const shown = new URL(url)
  shown.username = ''
  shown.password = ''
  return shown.href
}
