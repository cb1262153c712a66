import { isFinal, type Task, type TaskQueue } from '../../queue/contract.ts'
import { Sight, sightId } from './sight.ts'
import { changesOf } from './waiters.ts'

/** How often a task that is waited for is looked at, whatever the queue says. */
const LOOK_MS = 15_000

interface Watched {
  readonly id: string
  sight: Sight
  /** Nothing follows: it is final, or stored no longer. */
  isOver: boolean
  fault: { readonly error: unknown } | undefined
  clients: number
  readonly wakes: Set<() => void>
  readonly stop: AbortController
}

/** Follows tasks for clients. Those of one task share one look at it after each change, and what they are told. */
export class TaskWatch {
  readonly #queue: TaskQueue
  readonly #byId = new Map<string, Watched>()

  constructor(queue: TaskQueue) {
    this.#queue = queue
  }

  /**
   * The task now, and again after each change of its state, until it is final, or stored no longer, or the signal aborts. Changes that come faster than they
   * are taken are one. The same once more where `everyMs` pass without a change.
   * @param first - The task as it is now.
   * @throws what the queue throws.
   */
  async *follow(first: Task, { signal, everyMs }: { signal: AbortSignal; everyMs: number }): AsyncGenerator<Sight, undefined> {
    if (isFinal(first.state) || signal.aborted) {
      yield new Sight(first)
      return
    }
    const watched = this.#byId.get(first.id) ?? this.#watch(first)
    watched.clients++
    try {
      for (;;) {
        if (watched.fault !== undefined) throw watched.fault.error
        const seen = watched.sight
        yield seen
        if (signal.aborted) return
        if (watched.sight !== seen || watched.fault !== undefined) continue
        if (watched.isOver) return
        await nextWake(watched.wakes, signal, everyMs)
      }
    } finally {
      watched.clients--
      if (watched.clients === 0) {
        this.#forget(watched)
        watched.stop.abort()
      }
    }
  }

  /** The task once it is final; or as it was last seen when the signal aborts, or when it is stored no longer. */
  async untilFinal(first: Task, signal: AbortSignal): Promise<Sight> {
    let last = new Sight(first)
    for await (const sight of this.follow(first, { signal, everyMs: Number.POSITIVE_INFINITY })) last = sight
    return last
  }

  #watch(first: Task): Watched {
    const watched: Watched = {
      id: first.id,
      sight: new Sight(first),
      isOver: false,
      fault: undefined,
      clients: 0,
      wakes: new Set(),
      stop: new AbortController(),
    }
    this.#byId.set(first.id, watched)
    void this.#look(watched)
    return watched
  }

  /** Does not throw: what goes wrong is told to every client. */
  async #look(watched: Watched): Promise<void> {
    const wakeAll = () => {
      for (const wake of watched.wakes) wake()
    }
    try {
      for await (const task of changesOf(this.#queue, watched.id, { signal: watched.stop.signal, everyMs: LOOK_MS })) {
        if (task === undefined || sightId(task) === sightId(watched.sight.task)) continue
        watched.sight = new Sight(task)
        if (!isFinal(task.state)) wakeAll()
      }
    } catch (error) {
      watched.fault = { error }
    }
    watched.isOver = true
    this.#forget(watched)
    wakeAll()
  }

  /** Whoever comes from now on looks anew. */
  #forget(watched: Watched): void {
    if (this.#byId.get(watched.id) === watched) this.#byId.delete(watched.id)
  }
}

/** Until one of them is called, the signal aborts, or the time is over. It leaves nothing behind, for a task may stand still for a day. */
function nextWake(wakes: Set<() => void>, signal: AbortSignal, everyMs: number): Promise<void> {
  return new Promise((resolve) => {
    const wake = () => {
      clearTimeout(timer)
      wakes.delete(wake)
      signal.removeEventListener('abort', wake)
      resolve()
    }
    const timer = Number.isFinite(everyMs) ? setTimeout(wake, everyMs) : undefined
    wakes.add(wake)
    signal.addEventListener('abort', wake)
  })
}
