import type { Redis } from 'ioredis'

/** How often listeners for work are called without cause: delayed tasks and webhooks come due without a word. */
const TICK_MS = 400
/** How often the connection is tried, so that one that is cut is noticed. */
const PING_MS = 5000

/**
 * Wakes whoever waits, over channels of Redis and a connection of their own. A word that is lost, for channels keep nothing, costs a tick: after a
 * connection broke everybody is called.
 */
export class Signals {
  readonly #subscriber: Redis
  readonly #prefix: string
  readonly #listeners = new Map<string, Set<() => void>>()
  readonly #pinger: NodeJS.Timeout
  #ticker: NodeJS.Timeout | undefined
  #closed = false

  /** @param subscriber - A connection of its own, closed with this. @param prefix - Of all channels. */
  constructor(subscriber: Redis, prefix: string) {
    this.#subscriber = subscriber
    this.#prefix = prefix
    subscriber.on('message', (channel: string) => this.#call(channel))
    subscriber.on('ready', () => {
      for (const channel of this.#listeners.keys()) this.#call(channel)
    })
    // The other connection tells callers what is wrong.
    subscriber.on('error', () => {})
    this.#pinger = setInterval(() => {
      if (subscriber.status === 'ready') subscriber.ping().catch(() => {}) // Silence ends the connection, and a new one is made.
    }, PING_MS).unref()
  }

  onChange(id: string, listener: () => void): () => void {
    return this.#listen(`${this.#prefix}:changed:${id}`, listener)
  }

  onWork(listener: () => void): () => void {
    const channel = `${this.#prefix}:work`
    const end = this.#listen(channel, listener)
    this.#tick()
    return () => {
      end()
      if (!this.#listeners.has(channel)) {
        clearTimeout(this.#ticker)
        this.#ticker = undefined
      }
    }
  }

  /** Calls those who listen for work in this process. */
  nudge(): void {
    setImmediate(() => this.#call(`${this.#prefix}:work`))
  }

  close(): void {
    this.#closed = true
    clearInterval(this.#pinger)
    clearTimeout(this.#ticker)
    this.#listeners.clear()
    this.#subscriber.disconnect()
  }

  #listen(channel: string, listener: () => void): () => void {
    if (this.#closed) return () => {}
    // The same function twice is two listeners.
    const own = () => listener()
    const there = this.#listeners.get(channel)
    if (there !== undefined) there.add(own)
    else {
      this.#listeners.set(channel, new Set([own]))
      // What changed before the server knew that somebody listens is told now.
      this.#subscriber.subscribe(channel).then(
        () => this.#call(channel),
        () => {}, // The connection ended; a new one subscribes anew.
      )
    }
    return () => {
      const listeners = this.#listeners.get(channel)
      if (listeners === undefined || !listeners.delete(own) || listeners.size > 0) return
      this.#listeners.delete(channel)
      this.#subscriber.unsubscribe(channel).catch(() => {})
    }
  }

  #call(channel: string): void {
    for (const listener of [...(this.#listeners.get(channel) ?? [])]) listener()
  }

  #tick(): void {
    if (this.#ticker !== undefined || this.#closed) return
    // Spread, so that many processes do not ask at the same moment.
    this.#ticker = setTimeout(
      () => {
        this.#ticker = undefined
        this.#call(`${this.#prefix}:work`)
        if (this.#listeners.has(`${this.#prefix}:work`)) this.#tick()
      },
      TICK_MS * (0.5 + Math.random()),
    ).unref()
  }
}
