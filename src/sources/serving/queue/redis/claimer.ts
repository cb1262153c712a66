import { randomUUID } from 'node:crypto'
import { CLAIM_BYTES_MAX, type Claim, type ClaimRequest, type QueueOptions, type TaskOutcome } from '../contract.ts'
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

/** What the caller can still take over all lanes. */
interface Room {
  readonly suspectsMax: number
  /** Of payloads. */
  readonly bytesMax: number
}

/** A ticket in the caller's hands, or the name of a suspect, which has none. */
interface Taken {
  readonly want: Want
  readonly ticket: TakenTicket
  readonly isSuspect: boolean
}

interface Started {
  readonly claims: readonly Claim[]
  /** Some tickets led to no task, and the caller has room. */
  readonly isWanting: boolean
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
  /** Which lane comes first: another each time. */
  #turn = 0

  constructor(parts: ClaimerParts) {
    this.#parts = parts
  }

  async claim({ queues, suspectsMax = 1, worker }: ClaimRequest): Promise<Claim[]> {
    const first = queues.length === 0 ? 0 : this.#turn++ % queues.length
    const wants: Want[] = [...queues.slice(first), ...queues.slice(0, first)].map(({ queue, tasksMax, rowsMax }) => {
      return { queue, tasksLeft: Math.min(tasksMax, TASKS_MAX), rowsLeft: Math.min(rowsMax, ROWS_MAX), begun: false }
    })
    const claims: Claim[] = []
    for (let round = 0; round < ROUNDS_MAX; round++) {
      const hasSuspect = claims.some(({ task }) => task.deaths > 0)
      const bytesMax = claims.reduce((left, { task }) => left - Buffer.byteLength(task.payload), CLAIM_BYTES_MAX)
      try {
        const started = await this.#round(wants, { suspectsMax: hasSuspect ? 0 : suspectsMax, bytesMax }, worker)
        for (const claim of started.claims) claims.push(claim)
        // All tickets led to tasks, or the caller has no room: no use to ask again.
        if (!started.isWanting) return claims
      } catch (error) {
        // What the rounds before brought would be nobody's, and die with its lease.
        if (claims.length > 0) return claims
        throw error
      }
    }
    this.#parts.signals.nudge()
    return claims
  }

  async #round(wants: readonly Want[], room: Room, worker: string): Promise<Started> {
    const { plans, suspect } = await this.#plan(wants, room)
    const tickets = (await Promise.all(plans.map((plan) => this.#take(plan)))).flat()
    const taken = suspect === undefined ? tickets : [suspect, ...tickets]
    return taken.length === 0 ? { claims: [], isWanting: false } : this.#start(taken, room.bytesMax, worker)
  }

  async #plan(
    wants: readonly Want[],
    { suspectsMax, bytesMax }: Room,
  ): Promise<{ readonly plans: readonly Plan[]; readonly suspect: Taken | undefined }> {
    const { link, call, lanes } = this.#parts
    const open = wants.filter(({ tasksLeft, rowsLeft }) => tasksLeft > 0 && rowsLeft > 0)
    if (open.length === 0) return { plans: [], suspect: undefined }
    const args = open.flatMap(({ queue, tasksLeft, rowsLeft, begun }) => {
      const { wait, prioritized } = lanes.keysOf(queue)
      return [queue, tasksLeft, rowsLeft, begun ? 1 : 0, wait, prioritized]
    })
    type Answer = [ReapedTicket[], [number, string] | [], [number, ...string[]][]]
    const [reaped, [lane, name], plans] = (await link.run(() => call('plan', [suspectsMax, bytesMax, ...args]))) as unknown as Answer
    await this.settleReaped(reaped)
    const want = lane === undefined ? undefined : open[lane]!
    return {
      plans: plans.flatMap(([count, ...first], i) => (count === 0 ? [] : [{ want: open[i]!, count, first }])),
      suspect: want && { want, ticket: { lane: want.queue, name: name!, token: randomUUID() }, isSuspect: true },
    }
  }

  async #take({ want, count, first }: Plan): Promise<Taken[]> {
    const { link, lanes } = this.#parts
    const tickets = await link.run(() => lanes.take(want.queue, count, first, randomUUID))
    if (tickets.length < count) this.#mend(want.queue)
    return tickets.map((ticket) => ({ want, ticket, isSuspect: false }))
  }

  /** Fewer tickets than tasks: others took them in the same moment, or they are gone. Looked after at most once a second, behind the caller's back. */
  #mend(lane: string): void {
    const nowMs = performance.now()
    if (nowMs - (this.#mendedMs.get(lane) ?? Number.NEGATIVE_INFINITY) < MEND_MS) return
    this.#mendedMs.set(lane, nowMs)
    const { link, call, lanes, background } = this.#parts
    background.add(link.run(() => call('mend', [lane, lanes.keysOf(lane).ticket])))
  }

  async #start(taken: readonly Taken[], bytesMax: number, worker: string): Promise<Started> {
    const { link, call, background } = this.#parts
    const args = taken.flatMap(({ want, ticket, isSuspect }) => [
      ticket.name,
      ticket.token,
      want.rowsLeft,
      want.begun ? 1 : 0,
      isSuspect ? 1 : 0,
    ])
    type Answer = readonly ['run', ReplyRow, TaskOutcome | ''] | readonly ['later' | 'back' | 'drop', number, TaskOutcome | '']
    let answers: readonly Answer[]
    try {
      answers = (await link.run(() => call('start', [worker, bytesMax, ...args]))) as unknown as readonly Answer[]
    } catch (error) {
      // Perhaps they have begun, and nobody works on them: that is no death.
      background.add(this.#giveBack(taken))
      throw error
    }
    const claims: Claim[] = []
    const settling: Promise<void>[] = []
    let isWanting = false
    for (const [i, answer] of answers.entries()) {
      const { want, ticket, isSuspect } = taken[i]!
      if (answer[2] !== '') this.#parts.tell(want.queue, answer[2])
      if (answer[0] === 'run') {
        const task = toTaskWithPayload(answer[1])
        claims.push({ task, token: `${generationOf(answer[1])}.${ticket.token}` })
        want.tasksLeft--
        want.rowsLeft -= task.rows
        want.begun = true
        // A suspect's lane gives nothing else.
        if (isSuspect) want.tasksLeft = 0
      } else if (isSuspect) isWanting = true
      else {
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
  async #giveBack(taken: readonly Taken[]): Promise<void> {
    const begun = taken.map(({ ticket, isSuspect }) => ({ id: ticket.name.replace(/\.\d+$/, ''), ticket, isSuspect }))
    const endMs = performance.now() + this.#parts.options.leaseMs
    for (;;) {
      try {
        return await this.release(begun)
      } catch (error) {
        if (performance.now() > endMs || this.#parts.link.client.status === 'end') throw error
      }
    }
  }

  /** Puts tasks back under their executions' tokens; those that are no longer held stay as they are. */
  async release(held: readonly { readonly id: string; readonly ticket: TakenTicket; readonly isSuspect: boolean }[]): Promise<void> {
    const { link, call, lanes } = this.#parts
    await link.run(() =>
      call(
        'release',
        held.flatMap(({ id, ticket }) => [id, ticket.token]),
      ),
    )
    // All of them: the ticket of a task that is final is dropped by whoever gets it.
    await Promise.all(held.flatMap(({ ticket, isSuspect }) => (isSuspect ? [] : [lanes.settle(ticket, { kind: 'back' })])))
    this.#parts.signals.nudge()
  }

  /** Tickets of tasks whose worker died go: such a task is dead, or a suspect, and needs none. */
  async settleReaped(reaped: readonly ReapedTicket[]): Promise<void> {
    for (const [lane, , , outcome] of reaped) this.#parts.tell(lane, outcome)
    const settled = await Promise.allSettled(
      reaped.map(([lane, name, token]) => this.#parts.lanes.settle({ lane, name, token }, { kind: 'drop' })),
    )
    for (const result of settled) if (result.status === 'rejected') this.#parts.onError(result.reason)
  }
}

/** Lane, ticket, token of its lock, what became of the task. */
export type ReapedTicket = readonly [string, string, string, TaskOutcome]

const fateOf = ([kind, waitMs]: readonly ['later' | 'back' | 'drop', number, string]): Fate =>
  kind === 'later' ? { kind, waitMs } : { kind }
