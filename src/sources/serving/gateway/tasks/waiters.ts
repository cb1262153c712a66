import type { FastifyInstance, FastifyReply } from 'fastify'
import type { Registry } from '../../../../instrument/index.ts'
import { isFinal, type Task, type TaskQueue } from '../../queue/contract.ts'
import { taskErrors } from './errors.ts'
import { taskFamilies as families } from './families.ts'

/** A client's place among those who wait. The signal aborts when the client leaves, its time is over, or the gateway stops. */
export interface Place {
  readonly signal: AbortSignal
  leave(): void
}

/** Bounds how many clients wait for tasks, and lets all go when the gateway stops. */
export class Waiters {
  readonly #max: number
  readonly #places = new Set<AbortController>()
  readonly #refused
  readonly #gauges
  #isClosed = false

  constructor(max: number, registry: Registry) {
    this.#max = max
    this.#refused = registry.counter(families.refused, {})
    this.#gauges = {
      poll: registry.vector(families.waiting, [{ kind: 'poll' }]),
      events: registry.vector(families.waiting, [{ kind: 'events' }]),
    }
  }

  /** Lets go of everybody, and of whoever comes later, when the server is asked to stop. */
  closeWith(app: FastifyInstance): void {
    app.addHook('preClose', async () => {
      this.#isClosed = true
      for (const place of this.#places) place.abort()
    })
  }

  /**
   * @param timeoutMs - Infinity: as long as the client stays.
   * @throws MW_TASK_WAITERS_FULL
   */
  enter(kind: 'poll' | 'events', reply: FastifyReply, timeoutMs: number): Place {
    if (this.#places.size >= this.#max) {
      this.#refused.add()
      throw taskErrors.MW_TASK_WAITERS_FULL(`${this.#max} clients wait for tasks already`)
    }
    const gauge = this.#gauges[kind]
    const place = new AbortController()
    this.#places.add(place)
    gauge[0]! += 1
    const abort = () => place.abort()
    const timer = Number.isFinite(timeoutMs) ? setTimeout(abort, timeoutMs) : undefined
    reply.raw.once('close', abort)
    if (reply.raw.closed || this.#isClosed) abort() // A client may have left while its task was looked up.
    return {
      signal: place.signal,
      leave: () => {
        clearTimeout(timer)
        reply.raw.off('close', abort)
        if (this.#places.delete(place)) gauge[0]! -= 1
      },
    }
  }
}

/**
 * A task now, and again after each change of its state, until it is final or gone, or the signal aborts. Changes that come faster than they are taken are
 * one. At least every `everyMs` it comes also without a change.
 */
export async function* changesOf(queue: TaskQueue, id: string, { signal, everyMs }: { signal: AbortSignal; everyMs: number }) {
  let change = Promise.withResolvers<void>()
  const wake = () => change.resolve()
  const unwatch = queue.watch(id, wake)
  signal.addEventListener('abort', wake)
  try {
    while (!signal.aborted) {
      change = Promise.withResolvers() // Before the look, so that a change during it is not missed.
      const task: Task | undefined = await queue.get(id)
      yield task
      if (task === undefined || isFinal(task.state) || signal.aborted) return
      const timer = setTimeout(wake, everyMs)
      await change.promise
      clearTimeout(timer)
    }
  } finally {
    unwatch()
    signal.removeEventListener('abort', wake)
  }
}
