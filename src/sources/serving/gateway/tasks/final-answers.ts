import { isFinal, type Task, type TaskQueue } from '../../queue/contract.ts'
import { toTaskText } from './task-json.ts'
import { changesOf } from './waiters.ts'

/** How often a task that is waited for is looked at, whatever the queue says. */
const LOOK_MS = 15_000

interface Watched {
  last: Task
  /** Once the task is final. */
  answer: Buffer | undefined
  readonly clients: Set<PromiseWithResolvers<void>>
  readonly stop: AbortController
}

/**
 * Answers to clients that wait for a task to end. Those of one task share one look at it and one answer, in bytes, which sockets do not copy: a result may be
 * large, and a thousand clients may wait for it.
 */
export class FinalAnswers {
  readonly #queue: TaskQueue
  readonly #byId = new Map<string, Watched>()

  constructor(queue: TaskQueue) {
    this.#queue = queue
  }

  /**
   * The JSON text of a task once it is final, in UTF-8; or as it was last seen when the signal aborts, or when it is stored no longer.
   * @param first - The task as it is now, not final.
   * @throws what the queue throws.
   */
  async wait(first: Task, signal: AbortSignal): Promise<Buffer> {
    if (signal.aborted) return toBytes(first)
    const watched = this.#byId.get(first.id) ?? this.#watch(first)
    const client = Promise.withResolvers<void>()
    const leave = () => client.resolve()
    watched.clients.add(client)
    signal.addEventListener('abort', leave)
    try {
      await client.promise
      return watched.answer ?? toBytes(watched.last)
    } finally {
      signal.removeEventListener('abort', leave)
      watched.clients.delete(client)
      if (watched.clients.size === 0) {
        this.#forget(watched)
        watched.stop.abort()
      }
    }
  }

  #watch(first: Task): Watched {
    const watched: Watched = { last: first, answer: undefined, clients: new Set(), stop: new AbortController() }
    this.#byId.set(first.id, watched)
    void this.#follow(watched)
    return watched
  }

  /** Does not throw: what goes wrong is told to every client. */
  async #follow(watched: Watched): Promise<void> {
    const { clients, stop, last } = watched
    try {
      for await (const task of changesOf(this.#queue, last.id, { signal: stop.signal, everyMs: LOOK_MS }))
        watched.last = task ?? watched.last
      if (isFinal(watched.last.state)) watched.answer = toBytes(watched.last)
      for (const client of clients) client.resolve()
    } catch (error) {
      for (const client of clients) client.reject(error)
    }
    this.#forget(watched)
  }

  /** Whoever comes from now on looks anew. */
  #forget(watched: Watched): void {
    if (this.#byId.get(watched.last.id) === watched) this.#byId.delete(watched.last.id)
  }
}

const toBytes = (task: Task) => Buffer.from(toTaskText(task))
