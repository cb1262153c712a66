import { randomUUID } from 'node:crypto'
import type { Claim, ClaimRequest, QueueOptions, TaskOutcome } from '../contract.ts'
import type { Background } from './background.ts'
import type { CallScript } from './commands.ts'
import type { Fate, Lanes, TakenTicket } from './lanes.ts'
import type { Link } from './link.ts'
import { generationOf, type ReplyRow, toTaskWithPayload } from './records.ts'
import type { Signals } from './signals.ts'

export interface ClaimerParts {
  readonly options: QueueOptions
  readonly link: Link
  readonly call: CallScript
  readonly lanes: Lanes
  readonly signals: Signals
  readonly background: Background
  tell(queue: string, outcome: TaskOutcome): void
  onError(error: unknown): void
}

/** What the caller can still take of one lane. */
interface Want {
  readonly queue: string
  tasksLeft: number
  rowsLeft: number
  /** The caller has tasks of it already, so that one which does not fit has to wait. */
  begun: boolean
}

interface Plan {
  readonly want: Want
  readonly count: number
  /** Tickets whose turn it is by age. */
  readonly first: readonly string[]
}

/** Tasks of one lane in one claim. */
const TASKS_MAX = 256
const ROWS_MAX = 2 ** 31
/** How often a claim asks again because tickets that it got were of tasks that expired or are gone. */
const ROUNDS_MAX = 16
const MEND_MS = 1000

/** Takes tasks: asks what there is, takes tickets from BullMQ, begins executions. Three round trips, however many tasks and lanes. */
export class Claimer {
  readonly #parts: ClaimerParts
  /** By lane, of which a worker serves a few. */
  readonly #mendedMs = new Map<string, number>()

  constructor(parts: ClaimerParts) {
    this.#parts = parts
  }

  async claim({ queues, worker }: ClaimRequest): Promise<Claim[]> {
    const wants: Want[] = queues.map(({ queue, tasksMax, rowsMax }) => {
      return { queue, tasksLeft: Math.min(tasksMax, TASKS_MAX), rowsLeft: Math.min(rowsMax, ROWS_MAX), begun: false }
    })
    const claims: Claim[] = []
    for (let round = 0; round < ROUNDS_MAX; round++) {
      const plans = await this.#plan(wants)
      if (plans.length === 0) return claims
      const taken = (await Promise.all(plans.map((plan) => this.#take(plan)))).flat()
      if (taken.length === 0) return claims
      const started = await this.#start(taken, worker)
      for (const claim of started.claims) claims.push(claim)
      // All tickets led to tasks, or the caller has no room: no use to ask again.
      if (!started.isWanting) return claims
    }
    this.#parts.signals.nudge()
    return claims
  }

  async #plan(wants: readonly Want[]): Promise<Plan[]> {
    const { link, call, lanes } = this.#parts
    const open = wants.filter(({ tasksLeft, rowsLeft }) => tasksLeft > 0 && rowsLeft > 0)
    if (open.length === 0) return []
    const args = open.flatMap(({ queue, tasksLeft, rowsLeft, begun }) => {
      const { wait, prioritized } = lanes.keysOf(queue)
      return [queue, tasksLeft, rowsLeft, begun ? 1 : 0, wait, prioritized]
    })
    const [reaped, plans] = (await link.run(() => call('plan', args))) as unknown as [ReapedTicket[], [number, ...string[]][]]
    await this.settleReaped(reaped)
    return plans.flatMap(([count, ...first], i) => (count === 0 ? [] : [{ want: open[i]!, count, first }]))
  }

  async #take({ want, count, first }: Plan): Promise<{ readonly want: Want; readonly ticket: TakenTicket }[]> {
    const { link, lanes } = this.#parts
    const tickets = await link.run(() => lanes.take(want.queue, count, first, randomUUID))
    if (tickets.length < count) this.#mend(want.queue)
    return tickets.map((ticket) => ({ want, ticket }))
  }

  /** Fewer tickets than tasks: others took them in the same moment, or they are gone. Looked after at most once a second, behind the caller's back. */
  #mend(lane: string): void {
    const nowMs = performance.now()
    if (nowMs - (this.#mendedMs.get(lane) ?? Number.NEGATIVE_INFINITY) < MEND_MS) return
    this.#mendedMs.set(lane, nowMs)
    const { link, call, lanes, background } = this.#parts
    background.add(link.run(() => call('mend', [lane, lanes.keysOf(lane).ticket])))
  }

  async #start(
    taken: readonly { readonly want: Want; readonly ticket: TakenTicket }[],
    worker: string,
  ): Promise<{ readonly claims: Claim[]; readonly isWanting: boolean }> {
    const { link, call, background } = this.#parts
    const args = taken.flatMap(({ want, ticket }) => [ticket.name, ticket.token, want.rowsLeft, want.begun ? 1 : 0])
    type Answer = readonly ['run', ReplyRow, TaskOutcome | ''] | readonly ['later' | 'back' | 'drop', number, TaskOutcome | '']
    let answers: readonly Answer[]
    try {
      answers = (await link.run(() => call('start', [worker, ...args]))) as unknown as readonly Answer[]
    } catch (error) {
      // Perhaps they have begun, and nobody works on them: that is no death.
      background.add(this.#giveBack(taken.map(({ ticket }) => ticket)))
      throw error
    }
    const claims: Claim[] = []
    const settling: Promise<void>[] = []
    let isWanting = false
    for (const [i, answer] of answers.entries()) {
      const { want, ticket } = taken[i]!
      if (answer[2] !== '') this.#parts.tell(want.queue, answer[2])
      if (answer[0] === 'run') {
        const task = toTaskWithPayload(answer[1])
        claims.push({ task, token: `${generationOf(answer[1])}.${ticket.token}` })
        want.tasksLeft--
        want.rowsLeft -= task.rows
        want.begun = true
      } else {
        settling.push(this.#parts.lanes.settle(ticket, fateOf(answer)))
        // A lane whose next task does not fit has given what it can.
        if (answer[0] === 'back') want.tasksLeft = 0
        else isWanting = true
      }
    }
    for (const result of await Promise.allSettled(settling)) if (result.status === 'rejected') this.#parts.onError(result.reason)
    return { claims, isWanting }
  }

  /** Undoes executions that may have begun, as soon as the server is there again, and no longer than their lease. */
  async #giveBack(tickets: readonly TakenTicket[]): Promise<void> {
    const ids = tickets.map(({ name }) => name.replace(/\.\d+$/, ''))
    const endMs = performance.now() + this.#parts.options.leaseMs
    for (;;) {
      try {
        return await this.release(ids, tickets)
      } catch (error) {
        if (performance.now() > endMs || this.#parts.link.client.status === 'end') throw error
      }
    }
  }

  /** Puts tasks back under their executions' tokens; those that are no longer held stay as they are. */
  async release(ids: readonly string[], tickets: readonly TakenTicket[]): Promise<void> {
    const { link, call, lanes } = this.#parts
    const args = ids.flatMap((id, i) => [id, tickets[i]!.token])
    await link.run(() => call('release', args))
    // All of them: the ticket of a task that is final is dropped by whoever gets it.
    await Promise.all(tickets.map((ticket) => lanes.settle(ticket, { kind: 'back' })))
    this.#parts.signals.nudge()
  }

  /** Tickets of tasks whose worker died: back, or out. */
  async settleReaped(reaped: readonly ReapedTicket[]): Promise<void> {
    for (const [lane, , , outcome] of reaped) this.#parts.tell(lane, outcome)
    const settled = await Promise.allSettled(
      reaped.map(([lane, name, token, outcome]) =>
        this.#parts.lanes.settle({ lane, name, token }, { kind: outcome === 'retried' ? 'back' : 'drop' }),
      ),
    )
    for (const result of settled) if (result.status === 'rejected') this.#parts.onError(result.reason)
  }
}

/** Lane, ticket, token of its lock, what became of the task. */
export type ReapedTicket = readonly [string, string, string, TaskOutcome]

const fateOf = ([kind, waitMs]: readonly ['later' | 'back' | 'drop', number, string]): Fate =>
  kind === 'later' ? { kind, waitMs } : { kind }
